use std::collections::{BTreeSet, HashMap};

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::store::CellId;
use super::tags::Tags;
use crate::Timestamp;
use crate::group::Multiset;

/// Which clock a timer follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Domain {
    /// The input watermark.
    Event,
    /// The runner's clock.
    Processing,
}

/// A timer that is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Set {
    pub(super) domain: Domain,
    pub(super) at: Timestamp,
    /// The timestamp of what the timer emits.
    pub(super) output: Timestamp,
    /// Whether the watermark waits for it; what emits nothing holds nothing.
    pub(super) holds: bool,
}

impl Set {
    /// What it holds the watermark back to.
    fn hold(self) -> Option<Timestamp> {
        self.holds.then_some(self.output)
    }

    /// One timer in place of two of the same tag, when their windows merge: it fires when the first of them would have,
    /// and holds what the two held. One of event time goes before one of processing time.
    fn merge(self, other: Set) -> Set {
        let (first, second) =
            if (self.domain, self.at) <= (other.domain, other.at) { (self, other) } else { (other, self) };
        let output = match (first.holds, second.holds) {
            (true, true) => first.output.min(second.output),
            (false, true) => second.output,
            (_, false) => first.output,
        };
        Set { output, holds: first.holds || second.holds, ..first }
    }
}

/// The timers of all keys and windows, in the order in which they fall due. A tag tells the timers of a cell apart.
#[derive(Debug)]
pub(super) struct Timers<Tag> {
    set: HashMap<CellId, Tags<Tag>, FixedState>,
    event: BTreeSet<(Timestamp, CellId, Tag)>,
    processing: BTreeSet<(Timestamp, CellId, Tag)>,
    holds: Multiset<Timestamp>,
}

impl<Tag: Clone + Ord> Default for Timers<Tag> {
    fn default() -> Self {
        Timers {
            set: HashMap::default(),
            event: BTreeSet::new(),
            processing: BTreeSet::new(),
            holds: Multiset::new(),
        }
    }
}

impl<Tag: Clone + Ord> Timers<Tag> {
    /// Sets a timer, in place of the cell's one of the same tag.
    pub(super) fn set(&mut self, cell: CellId, tag: Tag, set: Set) {
        self.clear(cell, &tag);
        self.queue(set.domain).insert((set.at, cell, tag.clone()));
        self.holds.change(None, set.hold());
        self.set.entry(cell).or_default().insert(tag, set);
    }

    /// Clears a timer, if it is set.
    pub(super) fn clear(&mut self, cell: CellId, tag: &Tag) {
        let Some(tags) = self.set.get_mut(&cell) else { return };
        let Some(old) = tags.remove(tag) else { return };
        if tags.is_empty() {
            self.set.remove(&cell);
        }
        self.queue(old.domain).remove(&(old.at, cell, tag.clone()));
        self.holds.change(old.hold(), None);
    }

    /// The timers of a cell.
    pub(super) fn of_cell(&self, cell: CellId) -> impl Iterator<Item = (&Tag, Set)> {
        self.set.get(&cell).into_iter().flat_map(Tags::iter)
    }

    /// Takes all timers of a cell out.
    pub(super) fn take_cell(&mut self, cell: CellId) -> Tags<Tag> {
        let tags = self.set.remove(&cell).unwrap_or_default();
        for (tag, set) in tags.iter() {
            self.queue(set.domain).remove(&(set.at, cell, tag.clone()));
            self.holds.change(set.hold(), None);
        }
        tags
    }

    /// Gives a cell the timers of another that has merged into it; none is to be later than this, when it expires.
    pub(super) fn join(
        &mut self,
        cell: CellId,
        timers: impl IntoIterator<Item = (Tag, Set)>,
        expiry: Timestamp,
    ) {
        for (tag, other) in timers {
            let here = self.set.get(&cell).and_then(|tags| tags.get(&tag));
            let mut set = here.map_or(other, |here| here.merge(other));
            set.output = set.output.min(expiry);
            if set.domain == Domain::Event {
                set.at = set.at.min(expiry);
            }
            self.set(cell, tag, set);
        }
    }

    /// The next timer that is due at these times, without taking it.
    pub(super) fn due(&self, watermark: Timestamp, now: Timestamp) -> Option<(CellId, Tag, Set)> {
        let event = self.event.first().filter(|(at, ..)| *at <= watermark);
        let processing = self.processing.first().filter(|(at, ..)| *at <= now);
        let (_, cell, tag) = event.or(processing)?;
        let set = self.set.get(cell)?.get(tag)?;
        Some((*cell, tag.clone(), *set))
    }

    /// The next processing time at which one falls due.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.processing.first().map(|(at, ..)| *at)
    }

    /// The earliest timestamp of what a timer will emit.
    pub(super) fn hold(&self) -> Option<Timestamp> {
        self.holds.min()
    }

    fn queue(&mut self, domain: Domain) -> &mut BTreeSet<(Timestamp, CellId, Tag)> {
        match domain {
            Domain::Event => &mut self.event,
            Domain::Processing => &mut self.processing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    fn at(at: i64) -> Set {
        Set { domain: Domain::Event, at: micros(at), output: micros(at), holds: true }
    }

    fn cell(number: u64) -> CellId {
        CellId::numbered(number)
    }

    #[test]
    fn setting_a_timer_again_moves_it() {
        let mut timers = Timers::default();
        timers.set(cell(1), "t", at(5));
        timers.set(cell(1), "t", at(9));
        assert_eq!(timers.due(micros(5), Timestamp::MIN), None);
        assert_eq!(timers.due(micros(9), Timestamp::MIN).map(|d| d.2), Some(at(9)));
        assert_eq!(timers.hold(), Some(micros(9)));
    }

    #[test]
    fn a_cleared_cell_leaves_no_timer_and_no_hold() {
        let mut timers = Timers::default();
        timers.set(cell(1), "a", at(1));
        timers.set(cell(1), "b", at(2));
        timers.set(cell(2), "a", at(3));
        assert_eq!(timers.take_cell(cell(1)).iter().count(), 2);
        assert_eq!(
            timers.due(Timestamp::MAX, Timestamp::MIN).map(|(cell, tag, _)| (cell, tag)),
            Some((cell(2), "a"))
        );
        assert_eq!(timers.hold(), Some(micros(3)));
    }

    #[test]
    fn what_emits_nothing_holds_nothing() {
        let mut timers = Timers::default();
        timers.set(cell(1), "t", Set { holds: false, ..at(5) });
        assert_eq!(timers.hold(), None);
        timers.clear(cell(1), &"t");
        assert_eq!(timers.due(Timestamp::MAX, Timestamp::MAX), None);
    }

    #[test]
    fn of_two_settings_of_a_timer_the_earlier_stays_and_both_holds_are_kept() {
        let mut timers = Timers::default();
        timers.set(cell(1), "t", Set { output: micros(3), ..at(9) });
        timers.join(cell(1), [("t", at(5)), ("u", at(7))], micros(6));
        let due = |timers: &Timers<&'static str>| timers.due(Timestamp::MAX, Timestamp::MIN);
        assert_eq!(due(&timers), Some((cell(1), "t", Set { output: micros(3), ..at(5) })));
        timers.clear(cell(1), &"t");
        assert_eq!(due(&timers), Some((cell(1), "u", at(6))), "not after the window that it is in now");
    }

    #[test]
    fn a_silent_setting_takes_over_the_hold_of_the_other() {
        let silent = Set { holds: false, ..at(2) };
        assert_eq!(silent.merge(at(4)), Set { at: micros(2), ..at(4) });
        assert_eq!(at(4).merge(silent), Set { at: micros(2), ..at(4) });
        assert_eq!(at(4).merge(Set { holds: false, ..at(6) }), at(4));
    }
}
