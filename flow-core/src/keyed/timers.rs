use std::collections::{BTreeMap, BTreeSet};

use crate::Timestamp;

/// Which clock a timer follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Domain {
    /// The input watermark.
    Event,
    /// The runner's clock.
    Processing,
}

/// A timer that is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) domain: Domain,
    pub(super) at: Timestamp,
    /// The timestamp of what the timer emits, which holds the watermark.
    pub(super) output: Timestamp,
}

/// The timers of all keys and windows, in the order in which they fall due. A cell is a key in a window, by number;
/// a tag tells its timers apart.
#[derive(Debug)]
pub(super) struct Timers<Tag> {
    set: BTreeMap<u64, BTreeMap<Tag, Set>>,
    event: BTreeSet<(Timestamp, u64, Tag)>,
    processing: BTreeSet<(Timestamp, u64, Tag)>,
    holds: BTreeMap<Timestamp, usize>,
}

impl<Tag: Clone + Ord> Default for Timers<Tag> {
    fn default() -> Self {
        Timers {
            set: BTreeMap::new(),
            event: BTreeSet::new(),
            processing: BTreeSet::new(),
            holds: BTreeMap::new(),
        }
    }
}

impl<Tag: Clone + Ord> Timers<Tag> {
    /// Sets a timer, in place of the cell's one of the same tag.
    pub(super) fn set(&mut self, cell: u64, tag: Tag, set: Set) {
        self.clear(cell, &tag);
        self.queue(set.domain).insert((set.at, cell, tag.clone()));
        *self.holds.entry(set.output).or_default() += 1;
        self.set.entry(cell).or_default().insert(tag, set);
    }

    /// Clears a timer, if it is set.
    pub(super) fn clear(&mut self, cell: u64, tag: &Tag) {
        let Some(tags) = self.set.get_mut(&cell) else { return };
        let Some(old) = tags.remove(tag) else { return };
        if tags.is_empty() {
            self.set.remove(&cell);
        }
        self.queue(old.domain).remove(&(old.at, cell, tag.clone()));
        if let Some(count) = self.holds.get_mut(&old.output) {
            *count -= 1;
            if *count == 0 {
                self.holds.remove(&old.output);
            }
        }
    }

    /// Clears all timers of a cell.
    pub(super) fn clear_cell(&mut self, cell: u64) {
        let tags: Vec<Tag> = self.set.get(&cell).into_iter().flat_map(|tags| tags.keys().cloned()).collect();
        for tag in tags {
            self.clear(cell, &tag);
        }
    }

    /// The next timer that is due at these times, without taking it.
    pub(super) fn due(&self, watermark: Timestamp, now: Timestamp) -> Option<(u64, Tag, Set)> {
        let event = self.event.first().filter(|(at, ..)| *at <= watermark);
        // When the input has ended no clock will come any more that these could wait for.
        let ended = watermark == Timestamp::MAX;
        let processing = self.processing.first().filter(|(at, ..)| ended || *at <= now);
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
        self.holds.first_key_value().map(|(at, _)| *at)
    }

    fn queue(&mut self, domain: Domain) -> &mut BTreeSet<(Timestamp, u64, Tag)> {
        match domain {
            Domain::Event => &mut self.event,
            Domain::Processing => &mut self.processing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Set {
        let at = Timestamp::from_micros(micros);
        Set { domain: Domain::Event, at, output: at }
    }

    #[test]
    fn setting_a_timer_again_moves_it() {
        let mut timers = Timers::default();
        timers.set(1, "t", at(5));
        timers.set(1, "t", at(9));
        assert_eq!(timers.due(Timestamp::from_micros(5), Timestamp::MIN), None);
        assert_eq!(timers.due(Timestamp::from_micros(9), Timestamp::MIN).map(|d| d.2), Some(at(9)));
        assert_eq!(timers.hold(), Some(Timestamp::from_micros(9)));
    }

    #[test]
    fn a_cleared_cell_leaves_no_timer_and_no_hold() {
        let mut timers = Timers::default();
        timers.set(1, "a", at(1));
        timers.set(1, "b", at(2));
        timers.set(2, "a", at(3));
        timers.clear_cell(1);
        assert_eq!(
            timers.due(Timestamp::MAX, Timestamp::MIN).map(|(cell, tag, _)| (cell, tag)),
            Some((2, "a"))
        );
        assert_eq!(timers.hold(), Some(Timestamp::from_micros(3)));
    }
}
