use std::panic::Location;

use super::PCollection;
use crate::Element;
use crate::element::{Key, Wire};
use crate::functions::Side;
use crate::group::{Group, parted};
use crate::steps::{self, Emit};

impl<K: Element, V: Element> PCollection<(K, V)> {
    /// Every pair of a value here and a value there of the same key and window. In sessions these are the values of one
    /// session of both sides. For values near each other in time, see [`interval_join`](PCollection::interval_join); for
    /// values as of a time, [`temporal_join`](PCollection::temporal_join).
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let pairs = apply([(1, 'a'), (2, 'b')], |left: &PCollection<(u32, char)>| {
    ///     left.join(&left.filter(|(k, _)| *k == 1).map_values(|c| c.to_string()))
    /// });
    /// assert_eq!(pairs, [(1, ('a', "a".to_string()))]);
    /// ```
    #[track_caller]
    pub fn join<W: Wire>(&self, right: &PCollection<(K, W)>) -> PCollection<(K, (V, W))>
    where
        K: Key,
        V: Wire,
    {
        self.joined("join", right, |key, left, right, out| {
            for l in left.iter() {
                for r in right.iter() {
                    out.emit((key.clone(), (l.clone(), r)));
                }
            }
        })
    }

    /// As [`join`](PCollection::join), and every value here without a match there.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let pairs = apply([(1, 'a'), (2, 'b')], |left: &PCollection<(u32, char)>| {
    ///     left.left_join(&left.filter(|(k, _)| *k == 1).map_values(|_| 7))
    /// });
    /// assert_eq!(pairs, [(1, ('a', Some(7))), (2, ('b', None))]);
    /// ```
    #[track_caller]
    pub fn left_join<W: Wire>(&self, right: &PCollection<(K, W)>) -> PCollection<(K, (V, Option<W>))>
    where
        K: Key,
        V: Wire,
    {
        self.joined("left_join", right, |key, left, right, out| {
            for l in left.iter() {
                for r in padded(&right) {
                    out.emit((key.clone(), (l.clone(), r)));
                }
            }
        })
    }

    /// As [`join`](PCollection::join), and every value of either side without a match on the other.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let mut pairs = apply([(1, 'a')], |left: &PCollection<(u32, char)>| {
    ///     left.outer_join(&left.map(|(k, _)| (k + 1, 7)))
    /// });
    /// pairs.sort();
    /// assert_eq!(pairs, [(1, (Some('a'), None)), (2, (None, Some(7)))]);
    /// ```
    #[track_caller]
    pub fn outer_join<W: Wire>(&self, right: &PCollection<(K, W)>) -> PCollection<(K, (Option<V>, Option<W>))>
    where
        K: Key,
        V: Wire,
    {
        self.joined("outer_join", right, |key, left, right, out| {
            for l in padded(&left) {
                for r in padded(&right) {
                    out.emit((key.clone(), (l.clone(), r)));
                }
            }
        })
    }

    #[track_caller]
    fn joined<W: Wire, Out: Element>(
        &self,
        verb: &'static str,
        right: &PCollection<(K, W)>,
        pair: impl Fn(K, Group<V>, Group<W>, &mut Emit<'_, (K, Out)>) + Send + Sync + 'static,
    ) -> PCollection<(K, Out)>
    where
        K: Key,
        V: Wire,
    {
        self.composite(verb, || self.paired(verb, right, pair))
    }

    /// The steps of a join.
    #[track_caller]
    pub(super) fn paired<W: Wire, Out: Element>(
        &self,
        verb: &'static str,
        right: &PCollection<(K, W)>,
        pair: impl Fn(K, Group<V>, Group<W>, &mut Emit<'_, (K, Out)>) + Send + Sync + 'static,
    ) -> PCollection<(K, Out)>
    where
        K: Key,
        V: Wire,
    {
        let groups = self.both_sides(verb, right).grouped("group");
        groups.then(
            "pair",
            steps::process(move |(key, sides): (K, Group<Side<V, W>>), out: &mut Emit<'_, (K, Out)>| {
                let (left, right) = parted(sides);
                pair(key, left, right, out);
            }),
        )
    }

    /// The values of both sides as one collection.
    #[track_caller]
    pub(super) fn both_sides<W: Wire>(
        &self,
        verb: &str,
        right: &PCollection<(K, W)>,
    ) -> PCollection<(K, Side<V, W>)> {
        let lefts = self.then("left", steps::map(|(key, value)| (key, Side::Left(value))));
        if !self.graph.same(&right.graph) {
            self.error(Location::caller(), format!("{verb} takes collections of one pipeline"));
            return lefts;
        }
        let rights = right.then("right", steps::map(|(key, value)| (key, Side::Right(value))));
        lefts.flattened(verb, [&rights])
    }
}

/// The values, or one `None` if there is none.
fn padded<V: Wire>(values: &Group<V>) -> impl Iterator<Item = Option<V>> + '_ {
    let none = values.is_empty().then_some(None);
    values.iter().map(Some).chain(none)
}
