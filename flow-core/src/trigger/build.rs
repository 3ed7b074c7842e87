use std::time::Duration;

use super::Trigger;

/// Fires when the watermark passes the end of the window.
///
/// ```
/// # use flow_core::prelude::*;
/// # use std::time::Duration;
/// let trigger = AtWatermark.early(after_processing_time(Duration::from_secs(10))).late(after_count(1));
/// assert_eq!(Trigger::from(trigger).to_string(), "at watermark early after processing time 10s late after count 1");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AtWatermark;

impl AtWatermark {
    /// Also fires, repeatedly, before the watermark passes the end of the window.
    pub fn early(self, early: impl Into<Trigger>) -> AroundWatermark {
        AroundWatermark { early: Some(early.into()), late: None }
    }

    /// Also fires, repeatedly, after it.
    pub fn late(self, late: impl Into<Trigger>) -> AroundWatermark {
        AroundWatermark { early: None, late: Some(late.into()) }
    }
}

impl From<AtWatermark> for Trigger {
    fn from(_: AtWatermark) -> Trigger {
        Trigger::AtWatermark { early: None, late: None }
    }
}

/// Fires when the watermark passes the end of the window, and around it: made by [`AtWatermark`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a trigger does nothing until windows are given it"]
pub struct AroundWatermark {
    early: Option<Trigger>,
    late: Option<Trigger>,
}

impl AroundWatermark {
    /// Also fires, repeatedly, before the watermark passes the end of the window.
    pub fn early(self, early: impl Into<Trigger>) -> Self {
        AroundWatermark { early: Some(early.into()), ..self }
    }

    /// Also fires, repeatedly, after it.
    pub fn late(self, late: impl Into<Trigger>) -> Self {
        AroundWatermark { late: Some(late.into()), ..self }
    }

    /// As [`Trigger::or_finally`].
    pub fn or_finally(self, until: impl Into<Trigger>) -> Trigger {
        Trigger::from(self).or_finally(until)
    }
}

impl From<AroundWatermark> for Trigger {
    fn from(AroundWatermark { early, late }: AroundWatermark) -> Trigger {
        Trigger::AtWatermark { early: early.map(Box::new), late: late.map(Box::new) }
    }
}

/// Once at least `n` elements of a key and window have come since the last firing; evaluated after each bundle.
pub fn after_count(n: u64) -> Trigger {
    Trigger::AfterCount(n)
}

/// Once `delay` of processing time has passed since the first element of a pane. With
/// [`aligned_to`](Trigger::aligned_to), panes of all keys and windows come at the same moments.
///
/// ```
/// # use flow_core::prelude::*;
/// # use std::time::Duration;
/// let (ten_seconds, minute) = (Duration::from_secs(10), Duration::from_secs(60));
/// let on_the_minute = repeatedly(after_processing_time(ten_seconds).aligned_to(minute, Duration::ZERO));
/// assert_eq!(on_the_minute.to_string(), "repeatedly(after processing time 10s aligned to 60s)");
/// ```
pub fn after_processing_time(delay: Duration) -> Trigger {
    Trigger::AfterProcessingTime { delay, align: Duration::ZERO, offset: Duration::ZERO }
}

/// Starts `trigger` over each time it finishes.
pub fn repeatedly(trigger: impl Into<Trigger>) -> Trigger {
    Trigger::Repeatedly(Box::new(trigger.into()))
}

/// Each trigger in turn, once.
pub fn each_of(triggers: impl IntoIterator<Item = Trigger>) -> Trigger {
    Trigger::Each(triggers.into_iter().collect())
}

/// Once all triggers are ready.
pub fn all_of(triggers: impl IntoIterator<Item = Trigger>) -> Trigger {
    Trigger::All(triggers.into_iter().collect())
}

/// Once any trigger is ready.
pub fn any_of(triggers: impl IntoIterator<Item = Trigger>) -> Trigger {
    Trigger::Any(triggers.into_iter().collect())
}

/// For every bundle of elements.
pub fn always() -> Trigger {
    Trigger::Always
}

/// Not before the window expires, when whatever it holds is emitted.
pub fn never() -> Trigger {
    Trigger::Never
}
