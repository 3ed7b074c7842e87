use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::element::Wire;

/// The values of one key and window, to be gone through as often as wanted.
///
/// Today its values are in memory, and a clone shares them. Go through them with [`iter`](Group::iter) or by value, and
/// do not collect what you can fold, so that a group need not stay there.
///
/// ```
/// # use flow_core::prelude::*;
/// let sizes = apply([("a", 1_u64), ("b", 5), ("a", 2)].map(|(k, v)| (k.to_string(), v)), |pairs: &PCollection<(String, u64)>| {
///     pairs.group_by_key().map(|(key, values)| (key, values.iter().sum::<u64>(), values.len()))
/// });
/// assert_eq!(sizes, [("a".to_string(), 3, 2), ("b".to_string(), 5, 1)]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
#[serde(bound(serialize = "V: Serialize", deserialize = "V: Deserialize<'de>"))]
pub struct Group<V> {
    values: Arc<Vec<V>>,
}

impl<V> Default for Group<V> {
    fn default() -> Self {
        Group { values: Arc::default() }
    }
}

impl<V: Wire> Group<V> {
    /// The values, each cloned or decoded as it comes.
    pub fn iter(&self) -> impl Iterator<Item = V> + '_ {
        self.values.iter().cloned()
    }

    /// How many values.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none, as on the side of a join that had no match.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl<V> From<Vec<V>> for Group<V> {
    fn from(values: Vec<V>) -> Self {
        Group { values: Arc::new(values) }
    }
}

impl<V: Clone> IntoIterator for Group<V> {
    type Item = V;
    type IntoIter = std::vec::IntoIter<V>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.values).into_iter()
    }
}
