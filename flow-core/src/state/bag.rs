use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Merge;
use super::shared::Shared;

/// Values in the order in which they came.
///
/// Adding takes constant time, reading what there is takes none: what was read stays as it was when more is added. To that
/// end a change copies the values if something that was read is still there: let go of it before, where many are kept.
///
/// ```
/// use flow_core::prelude::*;
/// let mut bag = Bag::default();
/// bag.add("a");
/// let before = bag.read();
/// bag.add("b");
/// assert_eq!((&before[..], &bag.read()[..]), (&["a"][..], &["a", "b"][..]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bag<T> {
    values: Shared<Vec<T>>,
}

impl<T> Default for Bag<T> {
    fn default() -> Self {
        Bag { values: Shared::default() }
    }
}

impl<T: Clone> Bag<T> {
    /// Adds a value.
    pub fn add(&mut self, value: T) {
        self.values.change().push(value);
    }

    /// What is in it now, whatever is added or cleared later.
    pub fn read(&self) -> Snapshot<T> {
        Snapshot(self.values.snapshot())
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
        *self = Bag::default();
    }

    /// Takes all values out, and leaves it empty.
    pub fn take(&mut self) -> Vec<T> {
        std::mem::take(self).values.into_inner()
    }
}

impl<T: Clone> Extend<T> for Bag<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        self.values.change().extend(values);
    }
}

impl<T: Clone> FromIterator<T> for Bag<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut bag = Bag::default();
        bag.extend(values);
        bag
    }
}

/// The values of the earlier window, then those of the later one.
impl<T: Clone> Merge for Bag<T> {
    fn merge(&mut self, other: Self) {
        self.extend(other.values.into_inner());
    }
}

/// What a [`Bag`] held when it was read, as a slice.
pub struct Snapshot<T>(Arc<Vec<T>>);

impl<T> Clone for Snapshot<T> {
    fn clone(&self) -> Self {
        Snapshot(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for Snapshot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<T> Deref for Snapshot<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T> IntoIterator for &'a Snapshot<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// Copies the values, unless the bag is gone or changed by now.
impl<T: Clone> IntoIterator for Snapshot<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.0).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_stays_when_the_bag_is_cleared() {
        let mut bag: Bag<u32> = [1, 2].into_iter().collect();
        let (before, mut one_by_one) = (bag.read(), bag.read().into_iter());
        bag.clear();
        bag.add(3);
        assert_eq!((&before[..], &bag.read()[..]), (&[1, 2][..], &[3][..]));
        assert_eq!((one_by_one.next(), one_by_one.next(), one_by_one.next()), (Some(1), Some(2), None));
    }

    #[test]
    fn what_is_taken_is_gone() {
        let mut bag: Bag<u32> = [1, 2].into_iter().collect();
        assert_eq!((bag.take(), bag.len(), bag.is_empty()), (vec![1, 2], 0, true));
    }

    #[test]
    fn a_bag_is_encoded_as_its_values() {
        let bag: Bag<u32> = [1, 2].into_iter().collect();
        let bytes = postcard::to_stdvec(&bag).unwrap();
        assert_eq!(bytes, postcard::to_stdvec(&vec![1_u32, 2]).unwrap());
        assert_eq!(postcard::from_bytes::<Bag<u32>>(&bytes).unwrap(), bag);
    }
}
