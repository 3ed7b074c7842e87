use std::collections::BTreeSet;

use super::cell::CellId;
use crate::Timestamp;

/// Moments at which cells are looked at, in one kind of time.
#[derive(Debug)]
pub(super) struct Timers {
    set: BTreeSet<(Timestamp, CellId)>,
}

impl Timers {
    pub(super) fn new() -> Self {
        Timers { set: BTreeSet::new() }
    }

    /// The earliest moment.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.set.first().map(|(at, _)| *at)
    }

    /// Whether time has passed the earliest moment: one that it has only reached may still bring elements.
    pub(super) fn is_due(&self, time: Timestamp) -> bool {
        self.next().is_some_and(|at| at < time)
    }

    /// Takes out the first that time has passed.
    pub(super) fn pop_due(&mut self, time: Timestamp) -> Option<CellId> {
        if !self.is_due(time) {
            return None;
        }
        self.set.pop_first().map(|(_, id)| id)
    }

    /// A cell's only timer moves; nothing is no timer.
    pub(super) fn change(&mut self, id: CellId, before: Option<Timestamp>, after: Option<Timestamp>) {
        if let Some(at) = before {
            self.set.remove(&(at, id));
        }
        if let Some(at) = after {
            self.set.insert((at, id));
        }
    }
}
