use std::fmt;

use serde::{Deserialize, Serialize};

use super::Merge;
use crate::combine::CombineFn;

/// An aggregation that grows: only its accumulator is kept, whatever is added.
///
/// The aggregation is named by its type, as in `Combining<u64, Sum>` or `Combining<u64, (Min, Max)>`. One with settings
/// gets a type of its own whose `Default` has them.
///
/// ```
/// use flow_core::prelude::*;
/// let mut spent = Combining::<u64, (Sum, Max)>::default();
/// spent.add(250);
/// spent.add(990);
/// assert_eq!(spent.read(), (1240, Some(990)));
/// ```
#[derive(Serialize, Deserialize)]
#[serde(bound = "C: CombineFn<In>")]
pub struct Combining<In, C: CombineFn<In>> {
    /// Nothing until something is added.
    accumulator: Option<C::Accumulator>,
}

impl<In, C: CombineFn<In>> Default for Combining<In, C> {
    fn default() -> Self {
        Combining { accumulator: None }
    }
}

impl<In, C: CombineFn<In>> Clone for Combining<In, C> {
    fn clone(&self) -> Self {
        Combining { accumulator: self.accumulator.clone() }
    }
}

impl<In, C: CombineFn<In>> fmt::Debug for Combining<In, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Combining").field("is_empty", &self.is_empty()).finish_non_exhaustive()
    }
}

impl<In, C: CombineFn<In> + Default> Combining<In, C> {
    /// Adds an input.
    pub fn add(&mut self, input: In) {
        let combine = C::default();
        combine.add(self.accumulator.get_or_insert_with(|| combine.create()), input);
    }

    /// The result of everything that was added; of nothing, what the aggregation says of no input.
    pub fn read(&self) -> C::Output {
        let combine = C::default();
        let accumulator = self.accumulator.clone().unwrap_or_else(|| combine.create());
        combine.finish(accumulator)
    }
}

impl<In, C: CombineFn<In>> Combining<In, C> {
    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.accumulator.is_none()
    }

    /// Forgets what was added.
    pub fn clear(&mut self) {
        self.accumulator = None;
    }
}

/// What both have seen.
impl<In, C: CombineFn<In> + Default> Merge for Combining<In, C> {
    fn merge(&mut self, other: Self) {
        match (&mut self.accumulator, other.accumulator) {
            (Some(into), Some(other)) => C::default().merge(into, other),
            (here @ None, other) => *here = other,
            (Some(_), None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combine::{Count, Max, Min, Sum};

    type Stats = Combining<u32, (Sum, Max, Min, Count)>;

    fn of(numbers: &[u32]) -> Stats {
        let mut stats = Stats::default();
        for n in numbers {
            stats.add(*n);
        }
        stats
    }

    #[test]
    fn nothing_and_everything_can_be_read() {
        assert_eq!(Stats::default().read(), (0, None, None, 0));
        assert_eq!(of(&[1, 2, 6]).read(), (9, Some(6), Some(1), 3));
    }

    #[test]
    fn merging_is_as_if_one_had_seen_all() {
        for (left, right) in [(&[1, 2][..], &[6][..]), (&[], &[1, 2, 6]), (&[1, 2, 6], &[])] {
            let mut both = of(left);
            both.merge(of(right));
            assert_eq!(both.read(), (9, Some(6), Some(1), 3), "{left:?} and {right:?}");
        }
    }

    #[test]
    fn it_is_empty_until_something_is_added_and_after_it_is_cleared() {
        let mut stats = of(&[0]);
        assert!(!stats.is_empty() && Stats::default().is_empty());
        stats.clear();
        assert!(stats.is_empty());
    }

    #[test]
    fn it_is_read_back_as_it_was_written() {
        let bytes = postcard::to_stdvec(&of(&[1, 2, 6])).unwrap();
        assert_eq!(postcard::from_bytes::<Stats>(&bytes).unwrap().read(), (9, Some(6), Some(1), 3));
    }
}
