//! The end of streams.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use google_cloud_pubsub::subscriber::{MessageStream, ShutdownToken};
use tokio::runtime::Handle;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use super::pull::Task;

/// How long the end of a reader waits for the server.
const PATIENCE: Duration = Duration::from_secs(5);

/// Closes the stream that is open.
#[derive(Clone, Debug, Default)]
pub(super) struct Closing {
    open: Arc<Mutex<Option<ShutdownToken>>>,
    /// Shared by acknowledgements that wait to be confirmed: a stream that closes fails them.
    confirming: Arc<RwLock<()>>,
}

/// What a reader leaves behind.
pub(super) struct Left {
    pub(super) ended: Vec<MessageStream>,
    pub(super) tasks: Vec<Task>,
}

impl Closing {
    /// Another stream is open.
    pub(super) fn opened(&self, stream: &MessageStream) {
        *self.lock() = Some(stream.shutdown_token());
    }

    /// Acknowledgements wait to be confirmed until what is returned is dropped.
    pub(super) fn confirming(&self) -> Option<OwnedRwLockReadGuard<()>> {
        Arc::clone(&self.confirming).try_read_owned().ok()
    }

    /// Until streams are closed that wait for it.
    pub(super) async fn closed(&self) {
        drop(self.confirming.read().await);
    }

    /// Gives back what is not acknowledged, and has all streams send the acknowledgements that they still have. Blocks
    /// for as long as that takes, since the runtime may end right behind it; but where acknowledgements wait to be
    /// confirmed it is done behind them, and they wait for it.
    pub(super) fn close(&self, runtime: &Handle, give_back: impl FnOnce() + Send + 'static, left: Left) {
        let closing = self.clone();
        if let Ok(nobody_waits) = Arc::clone(&self.confirming).try_write_owned() {
            give_back();
            let (done, wait) = mpsc::channel::<()>();
            runtime.spawn(async move {
                closing.shut_down(left).await;
                drop((done, nobody_waits));
            });
            // Whether they are done, or time is up, or the runtime has ended: there is nothing more to do.
            let _ = wait.recv_timeout(PATIENCE);
            return;
        }
        runtime.spawn(async move {
            let nobody_waits = Arc::clone(&closing.confirming).write_owned().await;
            give_back();
            // In time the runtime is there for others.
            let _ = tokio::time::timeout(PATIENCE, closing.shut_down(left)).await;
            drop(nobody_waits);
        });
    }

    async fn shut_down(&self, left: Left) {
        let Left { ended, tasks } = left;
        let open = self.lock().take();
        for token in open.into_iter().chain(ended.iter().map(MessageStream::shutdown_token)) {
            token.shutdown().await;
        }
        drop((ended, tasks));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<ShutdownToken>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
