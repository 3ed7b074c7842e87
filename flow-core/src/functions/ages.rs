use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::exec::Epoch;
use crate::keyed::StatefulCx;

/// How old the elements are that a state keeps by time, without a note at each of them: once all is gone that was there
/// at some moment, what is left came after it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Ages {
    /// The latest of what was there at the last look.
    latest: Timestamp,
    /// The oldest epoch of what came since.
    since: Option<Epoch>,
}

impl Default for Ages {
    fn default() -> Self {
        Ages { latest: Timestamp::MIN, since: None }
    }
}

impl Ages {
    /// An element of this epoch came.
    pub(super) fn came(&mut self, epoch: Option<Epoch>) {
        self.since = self.since.into_iter().chain(epoch).min();
    }

    /// Says how old the state is that keeps these, from the earliest to the latest; one that keeps nothing is let go of.
    pub(super) fn tell<Timer: Clone + Ord + Debug, Out>(
        &mut self,
        kept: Option<(Timestamp, Timestamp)>,
        cx: &mut StatefulCx<'_, Timer, Out>,
    ) {
        let Some((earliest, latest)) = kept else { return cx.forget() };
        if let Some(since) = self.look(earliest, latest) {
            cx.keeps_since(since);
        }
    }

    /// The oldest epoch of what is kept, from the earliest to the latest, if that has changed.
    fn look(&mut self, earliest: Timestamp, latest: Timestamp) -> Option<Epoch> {
        if earliest <= self.latest {
            return None;
        }
        self.latest = latest;
        self.since.take()
    }
}

/// The earliest and the latest moment of what is kept by time.
pub(super) fn ends<V>(kept: &BTreeMap<Timestamp, V>) -> Option<(Timestamp, Timestamp)> {
    kept.first_key_value().zip(kept.last_key_value()).map(|((first, _), (last, _))| (*first, *last))
}

/// The same of both sides.
pub(super) fn span(
    left: Option<(Timestamp, Timestamp)>,
    right: Option<(Timestamp, Timestamp)>,
) -> Option<(Timestamp, Timestamp)> {
    left.into_iter().chain(right).reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_as_old_as_the_first_that_came_after_all_that_has_gone() {
        let at = Timestamp::from_secs;
        let mut ages = Ages::default();
        ages.came(Some(1));
        assert_eq!(ages.look(at(1), at(5)), Some(1));
        ages.came(Some(3));
        ages.came(Some(2));
        assert_eq!(ages.look(at(5), at(9)), None, "one of the first epoch may still be there");
        assert_eq!(ages.look(at(6), at(9)), Some(2));
    }
}
