use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

/// A thread that waits to be woken.
pub(crate) struct Parked {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl Parked {
    /// The calling thread.
    pub(crate) fn here() -> Self {
        Parked { thread: thread::current(), woken: AtomicBool::new(false) }
    }

    /// Waits until woken; returns at once if it was since the last wait.
    pub(crate) fn wait(&self) {
        while !self.woken.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }

    /// Waits until woken, though about as long as `limit` at most; false if nothing woke it.
    pub(crate) fn wait_at_most(&self, limit: Duration) -> bool {
        // A thread may come back early, from a wake-up that was seen already or from none: so it parks some times.
        for _ in 0..10 {
            if self.woken.swap(false, Ordering::Acquire) {
                return true;
            }
            thread::park_timeout(limit / 10);
        }
        self.woken.swap(false, Ordering::Acquire)
    }

    /// Drives a future to its end.
    pub(crate) fn block_on<T>(self: &Arc<Self>, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let waker = Waker::from(Arc::clone(self));
        let mut task = Context::from_waker(&waker);
        loop {
            match future.as_mut().poll(&mut task) {
                Poll::Ready(value) => return value,
                Poll::Pending => self.wait(),
            }
        }
    }
}
