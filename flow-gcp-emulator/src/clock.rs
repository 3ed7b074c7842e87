//! The one door through which time comes in.

use std::future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;

/// The time that all services see: when leases expire, when messages and objects were made. Clones are one clock.
///
/// It is the system's, or stands still until it is turned by hand; [`Clock::advance`] moves either forward and wakes
/// whatever waits for a moment that has come.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Where a clock stands that is turned by hand.
    start: Option<i64>,
    turned_by: AtomicI64,
    turned: Notify,
}

impl Clock {
    /// The system's time.
    pub fn system() -> Self {
        Clock::of(None)
    }

    /// A clock that stands at `start` until it is turned.
    pub fn manual(start: SystemTime) -> Self {
        Clock::of(Some(micros_of(start)))
    }

    /// The present moment.
    pub fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_micros(self.micros().unsigned_abs())
    }

    /// The present moment, in microseconds since 1970.
    pub fn micros(&self) -> i64 {
        self.0.start.unwrap_or_else(system_now) + self.0.turned_by.load(Ordering::Acquire)
    }

    /// Turns the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.turned_by.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::AcqRel);
        self.0.turned.notify_waiters();
    }

    /// Waits until the clock shows `micros`; for ever if there is no such moment.
    pub async fn until(&self, micros: Option<i64>) {
        let Some(micros) = micros else { return future::pending().await };
        loop {
            let mut turned = pin!(self.0.turned.notified());
            turned.as_mut().enable();
            let left = micros - self.micros();
            if left <= 0 {
                return;
            }
            if self.0.start.is_some() {
                turned.await;
            } else {
                let _ = tokio::time::timeout(Duration::from_micros(left.unsigned_abs()), turned).await;
            }
        }
    }

    fn of(start: Option<i64>) -> Self {
        Clock(Arc::new(Inner { start, turned_by: AtomicI64::new(0), turned: Notify::new() }))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Clock::system()
    }
}

fn micros_of(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "this is the door")]
fn system_now() -> i64 {
    micros_of(SystemTime::now())
}
