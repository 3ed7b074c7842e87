//! The one door through which time comes in.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use flow_core::Timestamp;

/// Processing time: the system's, or one that a script moves.
#[derive(Debug)]
pub(crate) enum Clock {
    System,
    Script(AtomicI64),
}

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Clock::System => system_now(),
            Clock::Script(micros) => Timestamp::from_micros(micros.load(Ordering::Acquire)),
        }
    }

    /// Moves a scripted clock forward; the system's goes by itself.
    pub(crate) fn advance(&self, by: Duration) {
        if let Clock::Script(micros) = self {
            micros.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::AcqRel);
        }
    }

    /// Moves a scripted clock to a moment that is waited for; true if that is later than it was.
    pub(crate) fn reach(&self, at: Timestamp) -> bool {
        match self {
            Clock::System => false,
            Clock::Script(micros) => micros.fetch_max(at.micros(), Ordering::AcqRel) < at.micros(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the door")]
fn system_now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A moment to measure from.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

/// Nanoseconds since the first call: the stopwatch of steps.
pub(crate) fn nanos() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(instant().duration_since(*START.get_or_init(instant)).as_nanos()).unwrap_or(u64::MAX)
}
