use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::Wake;
use std::thread::{self, Thread};
use std::time::Duration;

/// How a worker sleeps, and is woken by messages, futures and the coordinator.
#[derive(Debug, Default)]
pub(crate) struct Parker {
    thread: OnceLock<Thread>,
    sleeping: AtomicBool,
    /// A future or a timer called.
    called: AtomicBool,
}

/// How often it is looked whether there is something to do before a worker sleeps: for some microseconds.
const SPINS: u32 = 12;

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.called.store(true, SeqCst);
        self.unpark();
    }
}

impl Parker {
    /// Says that the calling thread is the one that sleeps here.
    pub(crate) fn register(&self) {
        let _ = self.thread.set(thread::current());
    }

    /// Wakes the worker if it sleeps: something was put where it looks.
    pub(crate) fn unpark(&self) {
        if self.sleeping.swap(false, SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// Whether a future called since the last time this was asked.
    pub(crate) fn take_called(&self) -> bool {
        self.called.load(SeqCst) && self.called.swap(false, SeqCst)
    }

    /// Sleeps until woken or the time is over, unless there is something to do: `is_idle` is asked after others can
    /// see that this worker sleeps. Spins for a moment first, since waking a thread costs more than a short wait; no longer than
    /// waking costs, or a worker that has something to do every now and then would never sleep.
    pub(crate) fn park(&self, timeout: Duration, is_idle: impl Fn() -> bool) {
        for _ in 0..SPINS {
            if self.called.load(SeqCst) || !is_idle() {
                return;
            }
            for _ in 0..16 {
                std::hint::spin_loop();
            }
        }
        self.sleeping.store(true, SeqCst);
        if is_idle() && !self.called.load(SeqCst) {
            thread::park_timeout(timeout);
        }
        self.sleeping.store(false, SeqCst);
    }
}
