use std::cmp::Ordering;
use std::fmt::{self, Debug};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::scratched::{Reading, Scratched};
use crate::element::Wire;
use crate::spill::{Piece, is_estimating};

/// The values of one key and window, to be gone through as often as wanted.
///
/// A key may have more values than memory holds: those of a large group are in the runner's scratch space, and are read
/// again each time that they are gone through. Clones share them; their space is free when the last is gone. So go through
/// them with [`iter`](Group::iter) or by value, and do not collect what you can fold. If the scratch space cannot be read
/// any more, the step fails.
///
/// ```
/// # use flow_core::prelude::*;
/// let sizes = apply([("a", 1_u64), ("b", 5), ("a", 2)].map(|(k, v)| (k.to_string(), v)), |pairs: &PCollection<(String, u64)>| {
///     pairs.group_by_key().map(|(key, values)| (key, values.iter().sum::<u64>(), values.len()))
/// });
/// assert_eq!(sizes, [("a".to_string(), 3, 2), ("b".to_string(), 5, 1)]);
/// ```
pub struct Group<V> {
    values: Values<V>,
}

pub(super) enum Values<V> {
    Memory(Arc<Vec<V>>),
    Scratch(Arc<Scratched<V>>),
}

impl<V: Wire> Group<V> {
    /// The values, each cloned or decoded as it comes.
    pub fn iter(&self) -> impl Iterator<Item = V> + '_ {
        match &self.values {
            Values::Memory(values) => Iter::Memory(values.iter().cloned()),
            Values::Scratch(values) => Iter::Scratch(Reading::new(Arc::clone(values))),
        }
    }

    /// How many values.
    pub fn len(&self) -> usize {
        self.count()
    }

    /// Whether there is none, as on the side of a join that had no match.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Values in scratch.
    pub(crate) fn in_scratch(pieces: Vec<Piece>) -> Self {
        Group { values: Values::Scratch(Arc::new(Scratched::new(pieces))) }
    }
}

impl<V> Group<V> {
    pub(super) fn of(values: Values<V>) -> Self {
        Group { values }
    }

    pub(super) fn into_values(self) -> Values<V> {
        self.values
    }

    fn count(&self) -> usize {
        match &self.values {
            Values::Memory(values) => values.len(),
            Values::Scratch(values) => values.len(),
        }
    }

    /// The values, to be looked at.
    fn each(&self) -> impl Iterator<Item = Held<'_, V>> {
        let (memory, scratch) = match &self.values {
            Values::Memory(values) => (Some(values.iter().map(Held::There)), None),
            Values::Scratch(values) => (None, Some(Reading::new(Arc::clone(values)).map(Held::Read))),
        };
        memory.into_iter().flatten().chain(scratch.into_iter().flatten())
    }
}

/// A value where it is, or as it was read.
enum Held<'a, V> {
    There(&'a V),
    Read(V),
}

impl<V> std::ops::Deref for Held<'_, V> {
    type Target = V;

    fn deref(&self) -> &V {
        match self {
            Held::There(value) => value,
            Held::Read(value) => value,
        }
    }
}

enum Iter<'a, V> {
    Memory(std::iter::Cloned<std::slice::Iter<'a, V>>),
    Scratch(Reading<V>),
}

impl<V: Clone> Iterator for Iter<'_, V> {
    type Item = V;

    #[inline]
    fn next(&mut self) -> Option<V> {
        match self {
            Iter::Memory(values) => values.next(),
            Iter::Scratch(values) => values.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Iter::Memory(values) => values.size_hint(),
            Iter::Scratch(values) => values.size_hint(),
        }
    }

    fn fold<B, F: FnMut(B, V) -> B>(self, init: B, f: F) -> B {
        match self {
            Iter::Memory(values) => values.fold(init, f),
            Iter::Scratch(values) => values.fold(init, f),
        }
    }
}

/// The values of a [`Group`], one after the other; made by going through it by value.
pub struct GroupIntoIter<V>(Inside<V>);

enum Inside<V> {
    Memory(std::vec::IntoIter<V>),
    Scratch(Reading<V>),
}

impl<V> Debug for GroupIntoIter<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupIntoIter with {} values left", self.size_hint().0)
    }
}

impl<V> Iterator for GroupIntoIter<V> {
    type Item = V;

    #[inline]
    fn next(&mut self) -> Option<V> {
        match &mut self.0 {
            Inside::Memory(values) => values.next(),
            Inside::Scratch(values) => values.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Inside::Memory(values) => values.size_hint(),
            Inside::Scratch(values) => values.size_hint(),
        }
    }

    fn fold<B, F: FnMut(B, V) -> B>(self, init: B, f: F) -> B {
        match self.0 {
            Inside::Memory(values) => values.fold(init, f),
            Inside::Scratch(values) => values.fold(init, f),
        }
    }
}

impl<V> ExactSizeIterator for GroupIntoIter<V> {}

impl<V: Clone> IntoIterator for Group<V> {
    type Item = V;
    type IntoIter = GroupIntoIter<V>;

    fn into_iter(self) -> GroupIntoIter<V> {
        GroupIntoIter(match self.values {
            Values::Memory(values) => Inside::Memory(Arc::unwrap_or_clone(values).into_iter()),
            Values::Scratch(values) => Inside::Scratch(Reading::new(values)),
        })
    }
}

impl<V> From<Vec<V>> for Group<V> {
    fn from(values: Vec<V>) -> Self {
        Group { values: Values::Memory(Arc::new(values)) }
    }
}

impl<V> Default for Group<V> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<V> Clone for Group<V> {
    fn clone(&self) -> Self {
        Group {
            values: match &self.values {
                Values::Memory(values) => Values::Memory(Arc::clone(values)),
                Values::Scratch(values) => Values::Scratch(Arc::clone(values)),
            },
        }
    }
}

impl<V: Debug> Debug for Group<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.values {
            Values::Memory(values) => f.debug_struct("Group").field("values", values).finish(),
            Values::Scratch(values) => {
                f.debug_struct("Group").field("len", &values.len()).finish_non_exhaustive()
            }
        }
    }
}

impl<V: PartialEq> PartialEq for Group<V> {
    fn eq(&self, other: &Self) -> bool {
        self.count() == other.count() && self.each().zip(other.each()).all(|(a, b)| *a == *b)
    }
}

impl<V: Eq> Eq for Group<V> {}

impl<V: PartialOrd> PartialOrd for Group<V> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let of_values = self.each().zip(other.each()).map(|(a, b)| a.partial_cmp(&b));
        let differs = of_values.into_iter().find(|order| *order != Some(Ordering::Equal));
        differs.unwrap_or_else(|| Some(self.count().cmp(&other.count())))
    }
}

impl<V: Ord> Ord for Group<V> {
    fn cmp(&self, other: &Self) -> Ordering {
        let of_values = self.each().zip(other.each()).map(|(a, b)| a.cmp(&b));
        let differs = of_values.into_iter().find(|order| order.is_ne());
        differs.unwrap_or_else(|| self.count().cmp(&other.count()))
    }
}

impl<V: Hash> Hash for Group<V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.count().hash(state);
        self.each().for_each(|value| value.hash(state));
    }
}

impl<V: Serialize> Serialize for Group<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if matches!(self.values, Values::Scratch(_)) && is_estimating() {
            return serializer.serialize_seq(Some(0))?.end();
        }
        let mut values = serializer.serialize_seq(Some(self.count()))?;
        self.each().try_for_each(|value| values.serialize_element(&*value))?;
        values.end()
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Group<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Group::from)
    }
}
