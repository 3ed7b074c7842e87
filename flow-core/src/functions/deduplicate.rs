use std::time::Duration;

use crate::BoxError;
use crate::element::{Key, Wire};
use crate::keyed::{StatefulCx, StatefulFn};

/// How long [`deduplicate`](crate::PCollection::deduplicate) remembers an element: ten minutes of processing time unless
/// said.
///
/// A [`Duration`] is one of processing time: what comes again within it of the first, on the runner's clock, is dropped.
/// It bounds memory by the rate of elements, and suits duplicates that a transport makes. One of event time is over once
/// the watermark has passed the first element's timestamp by it: the same input gives the same result whenever it is
/// read, which suits replays and backfills. Neither outlives the window.
///
/// ```
/// # use flow_core::prelude::*;
/// # use flow_core::testing::stream;
/// # use std::time::Duration;
/// let at = Timestamp::from_secs;
/// let once = stream()
///     .add([(7, at(0)), (7, at(1))])
///     .watermark(at(60))
///     .add([(7, at(61))])
///     .run(|n| n.deduplicate(Horizon::event_time(Duration::from_secs(60))));
/// assert_eq!(once.iter().map(|o| o.time).collect::<Vec<_>>(), [at(0), at(61)]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Horizon {
    /// So long on the runner's clock.
    ProcessingTime(Duration),
    /// Until the watermark has come so far past the first element's timestamp.
    EventTime(Duration),
}

impl Horizon {
    /// So long on the runner's clock; what a plain [`Duration`] means.
    pub fn processing_time(horizon: Duration) -> Self {
        Horizon::ProcessingTime(horizon)
    }

    /// Until the watermark has come so far past the first element's timestamp.
    pub fn event_time(horizon: Duration) -> Self {
        Horizon::EventTime(horizon)
    }
}

impl Default for Horizon {
    /// Ten minutes of processing time, as in Beam.
    fn default() -> Self {
        Horizon::ProcessingTime(Duration::from_mins(10))
    }
}

impl std::fmt::Display for Horizon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Horizon::ProcessingTime(horizon) => write!(f, "{horizon:?}"),
            Horizon::EventTime(horizon) => write!(f, "{horizon:?} of event time"),
        }
    }
}

impl From<Duration> for Horizon {
    fn from(horizon: Duration) -> Self {
        Horizon::ProcessingTime(horizon)
    }
}

/// Behind `deduplicate` and `deduplicate_by`: passes the first value of a key on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Firsts {
    pub(crate) horizon: Horizon,
    /// The allowed lateness, in microseconds.
    pub(crate) lateness: i64,
}

impl<K: Key, V: Wire> StatefulFn<K, V, (K, V)> for Firsts {
    /// Whether the key was seen.
    type State = bool;
    type Timer = ();

    fn process(
        &self,
        key: &K,
        value: V,
        seen: &mut bool,
        cx: &mut StatefulCx<'_, (), (K, V)>,
    ) -> Result<(), BoxError> {
        if std::mem::replace(seen, true) {
            return Ok(());
        }
        match self.horizon {
            Horizon::ProcessingTime(horizon) => {
                cx.timer(()).without_output().after_processing_time(horizon);
            }
            Horizon::EventTime(horizon) => {
                let over = cx.timestamp() + horizon;
                // Later than the window's expiry, the state goes with the window.
                if over <= cx.window().expiry(self.lateness) {
                    cx.set_timer((), over);
                }
            }
        }
        cx.emit((key.clone(), value));
        Ok(())
    }

    fn on_timer(
        &self,
        _: &K,
        (): (),
        _: &mut bool,
        cx: &mut StatefulCx<'_, (), (K, V)>,
    ) -> Result<(), BoxError> {
        cx.forget();
        Ok(())
    }

    /// What is remembered has been passed on. Held back, it would be delivered once more after a crash, and nobody would
    /// know it again then.
    fn holds_elements(&self) -> bool {
        false
    }
}
