use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use crate::Timestamp;

/// Processing time as a reader is shown it: what the runner's clock said when it last asked the reader for something.
///
/// ```
/// use flow_core::{Timestamp, source::Clock};
/// let clock = Clock::default();
/// clock.set(Timestamp::from_secs(3));
/// assert_eq!(clock.clone().now(), Timestamp::from_secs(3));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    /// Processing time; the start of the Unix epoch until somebody sets it.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Relaxed))
    }

    /// For runners and tests: it is so late now.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.micros(), Relaxed);
    }
}
