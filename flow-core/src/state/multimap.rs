use std::borrow::Borrow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Merge;
use super::shared::Shared;

/// Several values for each of several keys: in the order of the keys, and of a key in the order of arrival.
///
/// ```
/// use flow_core::state::Multimap;
/// let mut offers = Multimap::default();
/// offers.put("pear".to_string(), 3);
/// offers.put("pear".to_string(), 2);
/// assert_eq!(offers.get("pear"), [3, 2]);
/// assert_eq!(offers.get("plum"), []);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "K: Deserialize<'de> + Ord, V: Deserialize<'de>"))]
pub struct Multimap<K, V> {
    /// No key is without a value.
    entries: Shared<BTreeMap<K, Vec<V>>>,
}

impl<K, V> Default for Multimap<K, V> {
    fn default() -> Self {
        Multimap { entries: Shared::default() }
    }
}

impl<K: Ord + Clone, V: Clone> Multimap<K, V> {
    /// Gives a key one more value.
    pub fn put(&mut self, key: K, value: V) {
        self.entries.change().entry(key).or_default().push(value);
    }

    /// The values of a key, in the order in which they came.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> &[V]
    where
        K: Borrow<Q>,
    {
        self.entries.get().get(key).map_or(&[], Vec::as_slice)
    }

    /// Removes a key; returns its values.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Vec<V>
    where
        K: Borrow<Q>,
    {
        self.entries.change().remove(key).unwrap_or_default()
    }

    /// Whether a key has a value.
    pub fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.entries.get().contains_key(key)
    }

    /// The keys, in their order, each once.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + ExactSizeIterator {
        self.entries.get().keys()
    }

    /// Every value with its key, in the order of the keys.
    pub fn entries(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.get().iter().flat_map(|(key, values)| values.iter().map(move |value| (key, value)))
    }

    /// Whether no key has a value.
    pub fn is_empty(&self) -> bool {
        self.entries.get().is_empty()
    }

    /// Removes all keys.
    pub fn clear(&mut self) {
        *self = Multimap::default();
    }
}

/// The values of both; those of one key one after the other.
impl<K: Ord + Clone, V: Clone> Merge for Multimap<K, V> {
    fn merge(&mut self, other: Self) {
        Merge::merge(self.entries.change(), other.entries.into_inner());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(entries: &[(char, u32)]) -> Multimap<char, u32> {
        let mut map = Multimap::default();
        for (key, value) in entries {
            map.put(*key, *value);
        }
        map
    }

    #[test]
    fn every_value_stands_with_its_key() {
        let mut map = of(&[('b', 1), ('a', 2), ('b', 1)]);
        assert_eq!(map.entries().collect::<Vec<_>>(), [(&'a', &2), (&'b', &1), (&'b', &1)]);
        assert_eq!((map.remove(&'b'), map.remove(&'b')), (vec![1, 1], vec![]));
        assert!(map.contains(&'a') && !map.contains(&'b'));
        assert_eq!(map.keys().collect::<Vec<_>>(), [&'a']);
        map.clear();
        assert!(map.is_empty());
    }

    #[test]
    fn values_of_both_are_kept() {
        let mut both = of(&[('a', 1), ('b', 2)]);
        both.merge(of(&[('b', 3), ('c', 4)]));
        assert_eq!((both.get(&'a'), both.get(&'b'), both.get(&'c')), (&[1][..], &[2, 3][..], &[4][..]));
    }
}
