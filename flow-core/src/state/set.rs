use std::borrow::Borrow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Merge;
use super::shared::Shared;

/// Distinct values, in their order.
///
/// ```
/// use flow_core::state::Set;
/// let mut seen = Set::default();
/// assert!(seen.add("b".to_string()) && seen.add("a".to_string()));
/// assert!(!seen.add("b".to_string()));
/// assert!(seen.contains("a"));
/// assert_eq!(seen.read().collect::<Vec<_>>(), ["a", "b"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de> + Ord"))]
pub struct Set<T> {
    values: Shared<BTreeSet<T>>,
}

impl<T> Default for Set<T> {
    fn default() -> Self {
        Set { values: Shared::default() }
    }
}

impl<T: Ord + Clone> Set<T> {
    /// Adds a value; whether it is new.
    pub fn add(&mut self, value: T) -> bool {
        self.values.change().insert(value)
    }

    /// Removes a value; whether it was there.
    pub fn remove<Q: Ord + ?Sized>(&mut self, value: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.values.change().remove(value)
    }

    /// Whether a value is in it.
    pub fn contains<Q: Ord + ?Sized>(&self, value: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.values.get().contains(value)
    }

    /// The values, in their order.
    pub fn read(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.values.get().iter()
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
        *self = Set::default();
    }
}

/// The union.
impl<T: Ord + Clone> Merge for Set<T> {
    fn merge(&mut self, other: Self) {
        self.values.change().extend(other.values.into_inner());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_removed_is_new_again() {
        let mut set = Set::default();
        set.add(1);
        assert!(set.remove(&1) && !set.remove(&1));
        assert!(set.is_empty() && set.add(1));
        set.clear();
        assert_eq!(set.len(), 0);
    }

    #[test]
    fn two_sets_become_their_union() {
        let of = |values: [u32; 2]| {
            let mut set = Set::default();
            set.add(values[0]);
            set.add(values[1]);
            set
        };
        let mut both = of([1, 2]);
        both.merge(of([2, 3]));
        assert_eq!(both.read().collect::<Vec<_>>(), [&1, &2, &3]);
    }
}
