use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// A thread that waits to be woken.
pub(super) struct Parked {
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
    pub(super) fn here() -> Self {
        Parked { thread: thread::current(), woken: AtomicBool::new(false) }
    }

    /// Waits until woken; returns at once if it was since the last wait.
    pub(super) fn wait(&self) {
        while !self.woken.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }

    /// Drives a future to its end.
    pub(super) fn block_on<T>(self: &Arc<Self>, future: impl Future<Output = T>) -> T {
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
