use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

/// How the states of two windows become one, when the windows do.
///
/// Derive it for a struct whose fields have it; write it for anything else. It should be associative: three windows may
/// merge in any grouping. `self` is of the earlier window, `other` of the later one; where results shall not depend on the
/// order in which elements come, it should be commutative as well, and agree with how elements are added.
///
/// Numbers do not have it, since nobody knows whether two become their sum or the greater of them: say it with
/// [`Combining`](super::Combining).
///
/// ```
/// use flow_core::prelude::*;
///
/// /// The best offer so far.
/// #[derive(Debug, Default, PartialEq)]
/// struct Best(u64);
///
/// impl Merge for Best {
///     fn merge(&mut self, other: Self) {
///         self.0 = self.0.max(other.0);
///     }
/// }
/// let mut best = (Best(3), Bag::from_iter(["a"]));
/// best.merge((Best(5), Bag::from_iter(["b"])));
/// assert_eq!(best, (Best(5), Bag::from_iter(["a", "b"])));
/// ```
#[diagnostic::on_unimplemented(
    message = "nothing says how two `{Self}` become one when their windows merge",
    label = "does not implement `Merge`",
    note = "for a number, say what it is: `Combining<u64, Sum>` or `Combining<u64, Max>`",
    note = "for a struct of your own: `#[derive(Merge)]`, or `impl Merge for ..`"
)]
pub trait Merge {
    /// Takes in what the state of a later window holds.
    fn merge(&mut self, other: Self);
}

/// Nothing and nothing.
impl Merge for () {
    fn merge(&mut self, (): ()) {}
}

/// What is there, or both merged.
impl<T: Merge> Merge for Option<T> {
    fn merge(&mut self, other: Self) {
        match (self, other) {
            (Some(here), Some(other)) => here.merge(other),
            (here @ None, other) => *here = other,
            (Some(_), None) => {}
        }
    }
}

/// One after the other.
impl<T> Merge for Vec<T> {
    fn merge(&mut self, other: Self) {
        self.extend(other);
    }
}

/// All entries; values of a key that both have merge.
impl<K: Ord, V: Merge> Merge for BTreeMap<K, V> {
    fn merge(&mut self, other: Self) {
        for (key, value) in other {
            match self.get_mut(&key) {
                Some(here) => here.merge(value),
                None => drop(self.insert(key, value)),
            }
        }
    }
}

/// All entries; values of a key that both have merge.
impl<K: Eq + Hash, V: Merge, S: BuildHasher> Merge for HashMap<K, V, S> {
    fn merge(&mut self, other: Self) {
        for (key, value) in other {
            match self.get_mut(&key) {
                Some(here) => here.merge(value),
                None => drop(self.insert(key, value)),
            }
        }
    }
}

/// The union.
impl<T: Ord> Merge for BTreeSet<T> {
    fn merge(&mut self, other: Self) {
        self.extend(other);
    }
}

/// The union.
impl<T: Eq + Hash, S: BuildHasher> Merge for HashSet<T, S> {
    fn merge(&mut self, other: Self) {
        self.extend(other);
    }
}

macro_rules! tuple {
    ($($name:ident $at:tt),+) => {
        /// Each part for itself.
        impl<$($name: Merge),+> Merge for ($($name,)+) {
            fn merge(&mut self, other: Self) {
                $(self.$at.merge(other.$at);)+
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);

#[cfg(test)]
mod tests {
    use super::*;

    fn merged<T: Merge>(mut earlier: T, later: T) -> T {
        earlier.merge(later);
        earlier
    }

    #[test]
    fn an_option_keeps_what_there_is() {
        assert_eq!(merged(None, Some(vec![1])), Some(vec![1]));
        assert_eq!(merged(Some(vec![1]), None), Some(vec![1]));
        assert_eq!(merged(Some(vec![1]), Some(vec![2])), Some(vec![1, 2]));
        assert_eq!(merged(None::<Vec<u8>>, None), None);
    }

    #[test]
    fn values_of_one_key_merge_and_others_stay() {
        let map = |of: &[(char, u8)]| -> BTreeMap<char, Vec<u8>> {
            of.iter().map(|(key, value)| (*key, vec![*value])).collect()
        };
        let both = merged(map(&[('a', 1), ('b', 2)]), map(&[('b', 3), ('c', 4)]));
        assert_eq!(both, [('a', vec![1]), ('b', vec![2, 3]), ('c', vec![4])].into());
    }

    #[test]
    fn each_part_of_a_tuple_merges_for_itself() {
        let both = merged((vec![1], BTreeSet::from([1, 2])), (vec![2], BTreeSet::from([2, 3])));
        assert_eq!(both, (vec![1, 2], BTreeSet::from([1, 2, 3])));
    }
}
