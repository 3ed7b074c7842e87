use std::collections::BTreeMap;

use super::timers::Set;

/// The timers of one cell, by their tags. Most cells have one timer, which needs no tree.
#[derive(Debug)]
pub(super) enum Tags<Tag> {
    One(Tag, Set),
    Several(BTreeMap<Tag, Set>),
}

impl<Tag: Ord> Default for Tags<Tag> {
    fn default() -> Self {
        Tags::Several(BTreeMap::new())
    }
}

impl<Tag: Ord> Tags<Tag> {
    pub(super) fn get(&self, tag: &Tag) -> Option<&Set> {
        match self {
            Tags::One(one, set) => (one == tag).then_some(set),
            Tags::Several(tags) => tags.get(tag),
        }
    }

    /// In place of the one that has the tag, if there is one.
    pub(super) fn insert(&mut self, tag: Tag, set: Set) {
        *self = match std::mem::take(self) {
            Tags::Several(tags) if tags.is_empty() => Tags::One(tag, set),
            Tags::One(one, _) if one == tag => Tags::One(tag, set),
            Tags::One(one, its) => Tags::Several([(one, its), (tag, set)].into()),
            Tags::Several(mut tags) => {
                tags.insert(tag, set);
                Tags::Several(tags)
            }
        }
    }

    pub(super) fn remove(&mut self, tag: &Tag) -> Option<Set> {
        match self {
            Tags::Several(tags) => tags.remove(tag),
            Tags::One(one, set) if one == tag => {
                let set = *set;
                *self = Tags::default();
                Some(set)
            }
            Tags::One(..) => None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Tags::Several(tags) if tags.is_empty())
    }

    /// In order of their tags.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Tag, Set)> {
        let (one, several) = match self {
            Tags::One(tag, set) => (Some((tag, *set)), None),
            Tags::Several(tags) => (None, Some(tags)),
        };
        one.into_iter().chain(several.into_iter().flatten().map(|(tag, set)| (tag, *set)))
    }
}

impl<Tag: Ord> IntoIterator for Tags<Tag> {
    type Item = (Tag, Set);
    type IntoIter =
        std::iter::Chain<std::option::IntoIter<(Tag, Set)>, std::collections::btree_map::IntoIter<Tag, Set>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, several) = match self {
            Tags::One(tag, set) => (Some((tag, set)), BTreeMap::new()),
            Tags::Several(tags) => (None, tags),
        };
        one.into_iter().chain(several)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::keyed::timers::Domain;

    fn at(at: i64) -> Set {
        let at = Timestamp::from_micros(at);
        Set { domain: Domain::Event, at, output: at, holds: true }
    }

    fn all(tags: &Tags<u8>) -> Vec<(u8, Set)> {
        tags.iter().map(|(tag, set)| (*tag, set)).collect()
    }

    #[test]
    fn one_becomes_several_and_none() {
        let mut tags = Tags::default();
        assert!(tags.is_empty());
        tags.insert(2, at(1));
        tags.insert(2, at(2));
        assert_eq!((all(&tags), tags.get(&2), tags.get(&1)), (vec![(2, at(2))], Some(&at(2)), None));
        tags.insert(1, at(3));
        assert_eq!(all(&tags), [(1, at(3)), (2, at(2))]);
        assert_eq!((tags.remove(&2), tags.remove(&2), tags.remove(&1)), (Some(at(2)), None, Some(at(3))));
        assert!(tags.is_empty());
        tags.insert(3, at(4));
        assert_eq!((tags.remove(&1), tags.remove(&3)), (None, Some(at(4))));
        assert!(tags.is_empty());
    }
}
