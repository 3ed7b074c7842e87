//! How far the output watermark may go while a window holds elements.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::window::{Closing, TimestampCombiner, Window, Windowing};

/// How far event time has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watermarks {
    pub(super) input: Timestamp,
    pub(super) output: Timestamp,
}

/// What one key and window holds the output watermark back to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hold {
    /// For elements whose pane can still be on time: the timestamp that the pane will have.
    element: Option<Timestamp>,
    /// For a pane that will be late, so that it is not later than the allowed lateness downstream: the expiry.
    expiry: Option<Timestamp>,
}

impl Hold {
    pub(super) fn earliest(self) -> Option<Timestamp> {
        match (self.element, self.expiry) {
            (Some(element), Some(expiry)) => Some(element.min(expiry)),
            (element, expiry) => element.or(expiry),
        }
    }

    /// An element at a moment comes into the window.
    pub(super) fn add(&mut self, at: Timestamp, window: Window, marks: Watermarks, windowing: &Windowing) {
        let at = match windowing.combiner {
            TimestampCombiner::EndOfWindow => window.max_timestamp(),
            TimestampCombiner::Earliest | TimestampCombiner::Latest => at,
        };
        if at < marks.output || window.max_timestamp() < marks.input {
            self.expiry = expiry_ahead(window, marks, windowing);
        } else {
            self.element = combine(windowing.combiner, self.element, Some(at));
        }
    }

    /// The hold of a window that replaces others, from theirs.
    pub(super) fn merge(
        holds: &[Hold],
        window: Window,
        marks: Watermarks,
        pending: bool,
        windowing: &Windowing,
    ) -> Self {
        let mut merged = Hold::default();
        match windowing.combiner {
            // The end has moved, and with it the hold.
            TimestampCombiner::EndOfWindow if pending => merged.add(Timestamp::MIN, window, marks, windowing),
            TimestampCombiner::EndOfWindow => {}
            combiner => {
                merged.element =
                    holds.iter().fold(None, |hold, other| combine(combiner, hold, other.element));
            }
        }
        let lacks_one = pending && merged.element.is_none();
        if lacks_one || windowing.closing == Closing::FireAlways {
            merged.expiry = expiry_ahead(window, marks, windowing);
        }
        merged
    }

    /// A pane is emitted: lets go, and gives the pane's timestamp. Elements that came too late to hold the
    /// watermark have no say in it.
    pub(super) fn release(&mut self, window: Window) -> Timestamp {
        let hold = std::mem::take(self).earliest().unwrap_or(Timestamp::MAX);
        hold.min(window.max_timestamp())
    }

    /// A last pane will follow even if nothing more comes.
    pub(super) fn await_closing(&mut self, window: Window, marks: Watermarks, windowing: &Windowing) {
        if windowing.closing == Closing::FireAlways {
            self.expiry = expiry_ahead(window, marks, windowing);
        }
    }
}

fn expiry_ahead(window: Window, marks: Watermarks, windowing: &Windowing) -> Option<Timestamp> {
    Some(window.expiry(windowing.lateness)).filter(|expiry| *expiry >= marks.input)
}

fn combine(
    combiner: TimestampCombiner,
    left: Option<Timestamp>,
    right: Option<Timestamp>,
) -> Option<Timestamp> {
    match (left, right) {
        (Some(left), Some(right)) if combiner == TimestampCombiner::Latest => Some(left.max(right)),
        (Some(left), Some(right)) => Some(left.min(right)),
        (left, right) => left.or(right),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::window::Fixed;

    const WINDOW: Window = Window::new(Timestamp::from_millis(0), Timestamp::from_millis(10));

    fn windowing(combiner: TimestampCombiner, closing: Closing) -> Windowing {
        let windows = Fixed::of(Duration::from_millis(10)).allowed_lateness(Duration::from_millis(5));
        let windows = windows.timestamp_combiner(combiner).closing(closing).discarding();
        windows.resolve::<()>(&Windowing::default()).expect("a valid windowing").1
    }

    fn at(millis: i64) -> Watermarks {
        Watermarks { input: Timestamp::from_millis(millis), output: Timestamp::from_millis(millis) }
    }

    /// What a merge of two windows with this element hold each, or none, holds back to, in milliseconds.
    fn merged(
        elements: [Option<i64>; 2],
        marks: Watermarks,
        pending: bool,
        windowing: &Windowing,
    ) -> Option<i64> {
        let holds =
            elements.map(|element| Hold { element: element.map(Timestamp::from_millis), expiry: None });
        Hold::merge(&holds, WINDOW, marks, pending, windowing).earliest().map(Timestamp::millis)
    }

    #[test]
    fn a_merged_window_holds_what_its_combiner_says() {
        let by = |combiner| windowing(combiner, Closing::FireIfNonEmpty);
        let both = [Some(3), Some(7)];
        assert_eq!(merged(both, at(0), true, &by(TimestampCombiner::Earliest)), Some(3));
        assert_eq!(merged(both, at(0), true, &by(TimestampCombiner::Latest)), Some(7));
        assert_eq!(merged(both, at(0), true, &by(TimestampCombiner::EndOfWindow)), Some(9));
        assert_eq!(merged(both, at(12), true, &by(TimestampCombiner::EndOfWindow)), Some(14));
        assert_eq!(merged([None, None], at(0), false, &by(TimestampCombiner::EndOfWindow)), None);
    }

    #[test]
    fn what_came_late_before_a_merge_holds_the_expiry_after_it() {
        let windowing = windowing(TimestampCombiner::Earliest, Closing::FireIfNonEmpty);
        assert_eq!(merged([None, None], at(8), true, &windowing), Some(14));
        assert_eq!(merged([None, None], at(8), false, &windowing), None);
    }

    #[test]
    fn a_last_pane_that_always_comes_is_awaited_after_a_merge() {
        let windowing = windowing(TimestampCombiner::Earliest, Closing::FireAlways);
        assert_eq!(merged([None, None], at(8), false, &windowing), Some(14));
        assert_eq!(merged([Some(9), None], at(8), true, &windowing), Some(9));
    }
}
