//! How far the output watermark may go while a window holds elements.

use crate::Timestamp;
use crate::window::{Closing, TimestampCombiner, Window, Windowing};

/// How far event time has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watermarks {
    pub(super) input: Timestamp,
    pub(super) output: Timestamp,
}

/// What one key and window holds the output watermark back to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
