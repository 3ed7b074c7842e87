//! The end of streams.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use google_cloud_pubsub::subscriber::{MessageStream, ShutdownToken};

use tokio::runtime::Handle;

/// How long the end of a reader waits for the server.
const PATIENCE: Duration = Duration::from_secs(5);

/// Closes the stream that is open.
#[derive(Clone, Debug, Default)]
pub(super) struct Closing(Arc<Mutex<Option<ShutdownToken>>>);

impl Closing {
    /// Another stream is open.
    pub(super) fn opened(&self, stream: &MessageStream) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream.shutdown_token());
    }

    /// Has the open stream and some that have ended send the acknowledgements that they still have, and give back what
    /// is not acknowledged. Blocks for as long as that takes, since the runtime may end right behind it.
    pub(super) fn close(&self, runtime: &Handle, ended: impl Iterator<Item = ShutdownToken>) {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let tokens: Vec<_> = open.into_iter().chain(ended).collect();
        let (done, wait) = mpsc::channel::<()>();
        runtime.spawn(async move {
            for token in tokens {
                token.shutdown().await;
            }
            drop(done);
        });
        // Whether they are done, or time is up, or the runtime has ended: there is nothing more to do.
        let _ = wait.recv_timeout(PATIENCE);
    }
}
