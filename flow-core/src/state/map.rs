use std::borrow::Borrow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Merge;
use super::shared::Shared;

/// A value for each of several keys, in the order of the keys.
///
/// These keys are the step's own, within the key that the state belongs to: a user's pages, an order's items.
///
/// ```
/// use flow_core::state::Map;
/// let mut stock = Map::default();
/// stock.put("pear".to_string(), 3);
/// stock.put("apple".to_string(), 5);
/// *stock.or_default("apple".to_string()) += 1;
/// assert_eq!((stock.get("apple"), stock.get("plum")), (Some(&6), None));
/// assert_eq!(stock.keys().collect::<Vec<_>>(), ["apple", "pear"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "K: Deserialize<'de> + Ord, V: Deserialize<'de>"))]
pub struct Map<K, V> {
    entries: Shared<BTreeMap<K, V>>,
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Map { entries: Shared::default() }
    }
}

impl<K: Ord + Clone, V: Clone> Map<K, V> {
    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get().get(key)
    }

    /// The value of a key, to change it.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.entries.change().get_mut(key)
    }

    /// The value of a key, to change it; put there first if there is none.
    pub fn or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.entries.change().entry(key).or_default()
    }

    /// Gives a key a value; returns the one that it had.
    pub fn put(&mut self, key: K, value: V) -> Option<V> {
        self.entries.change().insert(key, value)
    }

    /// Gives a key a value if it has none; whether it had none.
    pub fn put_if_absent(&mut self, key: K, value: V) -> bool {
        let absent = !self.contains(&key);
        if absent {
            self.put(key, value);
        }
        absent
    }

    /// Removes a key; returns its value.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.entries.change().remove(key)
    }

    /// Whether a key has a value.
    pub fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.entries.get().contains_key(key)
    }

    /// The keys, in their order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + ExactSizeIterator {
        self.entries.get().keys()
    }

    /// The values, in the order of their keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + ExactSizeIterator {
        self.entries.get().values()
    }

    /// Keys with their values, in the order of the keys.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + ExactSizeIterator {
        self.entries.get().iter()
    }

    /// Whether no key has a value.
    pub fn is_empty(&self) -> bool {
        self.entries.get().is_empty()
    }

    /// How many keys have a value.
    pub fn len(&self) -> usize {
        self.entries.get().len()
    }

    /// Removes all keys.
    pub fn clear(&mut self) {
        *self = Map::default();
    }
}

/// All entries; values of a key that both have merge.
impl<K: Ord + Clone, V: Clone + Merge> Merge for Map<K, V> {
    fn merge(&mut self, other: Self) {
        Merge::merge(self.entries.change(), other.entries.into_inner());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_put_once_if_asked_for() {
        let mut map = Map::default();
        assert!(map.put_if_absent('a', 1));
        assert!(!map.put_if_absent('a', 2));
        assert_eq!((map.put('a', 3), map.remove(&'a'), map.remove(&'a')), (Some(1), Some(3), None));
        assert!(map.is_empty() && !map.contains(&'a'));
    }

    #[test]
    fn a_clone_goes_on_seeing_what_was_there() {
        let mut map = Map::default();
        map.put('b', 2);
        let before = map.clone();
        map.put('a', 1);
        *map.get_mut(&'b').unwrap() = 3;
        assert_eq!(before.entries().collect::<Vec<_>>(), [(&'b', &2)]);
        assert_eq!(map.entries().collect::<Vec<_>>(), [(&'a', &1), (&'b', &3)]);
        map.clear();
        assert_eq!((before.len(), map.values().count()), (1, 0));
    }

    #[test]
    fn values_of_one_key_merge() {
        let of = |value: u32| {
            let mut map = Map::default();
            map.put('a', vec![value]);
            map
        };
        let mut both = of(1);
        both.merge(of(2));
        assert_eq!(both.get(&'a'), Some(&vec![1, 2]));
    }
}
