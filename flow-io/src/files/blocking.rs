//! Work that keeps its thread waiting, and waiting where nothing can be awaited.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use flow_core::{Error, Result};
use tokio::runtime::Handle;

/// Works on the runtime's blocking threads, for disks take their time and connections wait on the rest; outside a
/// runtime at once.
pub(crate) async fn off_thread<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    match Handle::try_current() {
        Err(_) => work(),
        Ok(runtime) => match runtime.spawn_blocking(work).await {
            Ok(done) => done,
            Err(stopped) if stopped.is_panic() => resume_unwind(stopped.into_panic()),
            // The runtime is being shut down, and so is whoever waits here.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Waits on a thread of the runner's own. What only needs this machine is ready at once, and needs no runtime.
pub(crate) fn wait_for<R>(future: impl Future<Output = Result<R>>) -> Result<R> {
    let mut future = pin!(future);
    if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return result;
    }
    Handle::try_current().map_err(|_| no_runtime())?.block_on(future)
}

/// Connections need one.
pub(crate) fn no_runtime() -> Error {
    Error::config(
        "there is no tokio runtime here to reach Cloud Storage in: run the pipeline with the local runner",
    )
}
