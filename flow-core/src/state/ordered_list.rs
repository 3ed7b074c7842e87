use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Merge;
use super::shared::Shared;
use crate::Timestamp;

/// Values at timestamps, in the order of these, and of one timestamp in the order in which they came.
///
/// What a range covers is found without a look at the rest. Ranges are half-open: `from..to` has what is at `from` and not
/// what is at `to`.
///
/// ```
/// use flow_core::prelude::*;
/// let at = Timestamp::from_secs;
/// let mut readings = OrderedList::default();
/// readings.add(at(20), "b");
/// readings.add(at(10), "a");
/// readings.add(at(30), "c");
/// readings.clear_range(at(0)..at(20));
/// assert_eq!(readings.read().collect::<Vec<_>>(), [(at(20), &"b"), (at(30), &"c")]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedList<T> {
    /// By timestamp and order of arrival.
    values: Shared<BTreeMap<(Timestamp, u64), T>>,
    /// How many came, ever.
    came: u64,
}

impl<T> Default for OrderedList<T> {
    fn default() -> Self {
        OrderedList { values: Shared::default(), came: 0 }
    }
}

impl<T: Clone> OrderedList<T> {
    /// Adds a value at a timestamp.
    pub fn add(&mut self, at: Timestamp, value: T) {
        self.values.change().insert((at, self.came), value);
        self.came = self.came.wrapping_add(1);
    }

    /// All values with their timestamps.
    pub fn read(&self) -> impl DoubleEndedIterator<Item = (Timestamp, &T)> + ExactSizeIterator {
        self.values.get().iter().map(|((at, _), value)| (*at, value))
    }

    /// The values in a half-open range, with their timestamps; none if it ends before it starts.
    pub fn read_range(&self, range: Range<Timestamp>) -> impl DoubleEndedIterator<Item = (Timestamp, &T)> {
        self.values.get().range(within(range)).map(|((at, _), value)| (*at, value))
    }

    /// Removes the values in a half-open range; nothing if it ends before it starts.
    pub fn clear_range(&mut self, range: Range<Timestamp>) {
        let places: Vec<(Timestamp, u64)> =
            self.values.get().range(within(range)).map(|(at, _)| *at).collect();
        if places.is_empty() {
            return;
        }
        let values = self.values.change();
        for place in places {
            values.remove(&place);
        }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.values.get().is_empty()
    }

    /// How many values are in it.
    pub fn len(&self) -> usize {
        self.values.get().len()
    }

    /// Removes all values.
    pub fn clear(&mut self) {
        *self = OrderedList::default();
    }
}

/// The places in a range of timestamps. A map takes no range that ends before it starts.
fn within(range: Range<Timestamp>) -> Range<(Timestamp, u64)> {
    (range.start, 0)..(range.end.max(range.start), 0)
}

/// The values of both by timestamp; of one timestamp those of the earlier window come first.
impl<T: Clone> Merge for OrderedList<T> {
    fn merge(&mut self, other: Self) {
        for ((at, _), value) in other.values.into_inner() {
            self.add(at, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn of(values: &[(i64, char)]) -> OrderedList<char> {
        let mut list = OrderedList::default();
        for (secs, value) in values {
            list.add(at(*secs), *value);
        }
        list
    }

    fn text<'a>(values: impl Iterator<Item = (Timestamp, &'a char)>) -> String {
        values.map(|(_, value)| *value).collect()
    }

    #[test]
    fn ranges_are_half_open() {
        let list = of(&[(97, 'a'), (42, 'b'), (52, 'd'), (12, 'c')]);
        let range = |from, to| text(list.read_range(at(from)..at(to)));
        assert_eq!([range(0, 12), range(0, 13), range(13, 53), range(52, 98)], ["", "c", "bd", "da"]);
    }

    #[test]
    fn a_range_that_ends_before_it_starts_has_nothing() {
        let mut list = of(&[(5, 'a')]);
        assert_eq!(list.read_range(at(9)..at(1)).count(), 0);
        list.clear_range(at(9)..at(1));
        assert_eq!(list.len(), 1);
    }

    #[test]
    fn values_at_one_time_stay_in_order_of_arrival() {
        let mut list = of(&[(1, 'b'), (1, 'a')]);
        list.merge(of(&[(0, 'x'), (1, 'c')]));
        assert_eq!(text(list.read()), "xbac");
    }

    #[test]
    fn a_cleared_range_is_gone_and_a_clone_still_has_it() {
        let mut list = of(&[(1, 'a'), (2, 'b'), (3, 'c')]);
        let before = list.clone();
        list.clear_range(at(1)..at(3));
        assert_eq!((text(list.read()), text(before.read())), ("c".into(), "abc".into()));
        list.clear();
        assert!(list.is_empty());
    }
}
