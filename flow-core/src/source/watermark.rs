use std::fmt::Debug;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Timestamp, Wire};

/// Says how far a stream is in event time, from the elements seen and the clock: a moment before which no more are
/// expected.
///
/// It is a value that a [`Reader`](super::Reader) keeps, and that travels with its position. What it says must not go
/// back. Of the ones in here, [`BoundedOutOfOrderness`] serves most streams. To give any source one of them, see
/// [`Source::with_timestamps`](super::Source::with_timestamps).
pub trait WatermarkEstimator: Wire + Debug {
    /// An element of this event time was read.
    fn observe(&mut self, at: Timestamp);

    /// The watermark, when processing time is `now`; [`Timestamp::MIN`] while it is unknown.
    fn watermark(&mut self, now: Timestamp) -> Timestamp;
}

/// The watermark is what it was [set](Manual::set) to: for sources that know, as those that are told by their server.
///
/// ```
/// use flow_core::{Timestamp, source::{Manual, WatermarkEstimator}};
/// let mut watermark = Manual::default();
/// watermark.set(Timestamp::from_secs(5));
/// watermark.set(Timestamp::from_secs(3)); // does not go back
/// assert_eq!(watermark.watermark(Timestamp::MIN), Timestamp::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manual(Timestamp);

impl Manual {
    /// Moves it forward; a moment that it has passed changes nothing.
    pub fn set(&mut self, to: Timestamp) {
        self.0 = self.0.max(to);
    }
}

impl Default for Manual {
    fn default() -> Self {
        Manual(Timestamp::MIN)
    }
}

impl WatermarkEstimator for Manual {
    fn observe(&mut self, _: Timestamp) {}

    fn watermark(&mut self, _: Timestamp) -> Timestamp {
        self.0
    }
}

/// The watermark is the latest timestamp seen: for streams whose elements come in order of their timestamps.
///
/// ```
/// use flow_core::{Timestamp, source::{Monotonic, WatermarkEstimator}};
/// let mut watermark = Monotonic::default();
/// watermark.observe(Timestamp::from_secs(5));
/// assert_eq!(watermark.watermark(Timestamp::MIN), Timestamp::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Monotonic(Manual);

impl WatermarkEstimator for Monotonic {
    fn observe(&mut self, at: Timestamp) {
        self.0.set(at);
    }

    fn watermark(&mut self, _: Timestamp) -> Timestamp {
        self.0.0
    }
}

/// The watermark is the latest timestamp seen, less a bound: for streams whose elements are out of order by that much
/// at most. A larger bound loses less to lateness, and keeps windows open for longer.
///
/// ```
/// use flow_core::{Timestamp, source::{BoundedOutOfOrderness, WatermarkEstimator}};
/// use std::time::Duration;
/// let mut watermark = BoundedOutOfOrderness::of(Duration::from_secs(5));
/// watermark.observe(Timestamp::from_secs(60));
/// watermark.observe(Timestamp::from_secs(57));
/// assert_eq!(watermark.watermark(Timestamp::MIN), Timestamp::from_secs(55));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundedOutOfOrderness {
    bound: Duration,
    latest: Manual,
}

impl BoundedOutOfOrderness {
    /// Elements come at most `bound` behind the latest before them.
    pub fn of(bound: Duration) -> Self {
        BoundedOutOfOrderness { bound, latest: Manual::default() }
    }
}

impl WatermarkEstimator for BoundedOutOfOrderness {
    fn observe(&mut self, at: Timestamp) {
        self.latest.set(at);
    }

    fn watermark(&mut self, _: Timestamp) -> Timestamp {
        self.latest.0 - self.bound
    }
}

/// The watermark is the clock, less a lag: for elements whose timestamps say when they came. It moves on while nothing
/// comes.
///
/// ```
/// use flow_core::{Timestamp, source::{WallTime, WatermarkEstimator}};
/// use std::time::Duration;
/// let mut watermark = WallTime::lagging(Duration::from_secs(2));
/// assert_eq!(watermark.watermark(Timestamp::from_secs(60)), Timestamp::from_secs(58));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WallTime {
    lag: Duration,
    latest: Manual,
}

impl WallTime {
    /// Elements come at most `lag` after the moment that they say.
    pub fn lagging(lag: Duration) -> Self {
        WallTime { lag, latest: Manual::default() }
    }
}

impl WatermarkEstimator for WallTime {
    fn observe(&mut self, _: Timestamp) {}

    fn watermark(&mut self, now: Timestamp) -> Timestamp {
        self.latest.set(now - self.lag);
        self.latest.0
    }
}
