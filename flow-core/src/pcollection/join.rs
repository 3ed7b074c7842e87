use std::panic::Location;

use serde::{Deserialize, Serialize};

use super::PCollection;
use crate::Element;
use crate::element::{Key, Wire};
use crate::group::{Collect, Group};
use crate::steps::{self, Emit};

/// A value of one side of a join.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Side<L, R> {
    Left(L),
    Right(R),
}

impl<K: Element, V: Element> PCollection<(K, V)> {
    /// The values of each key and window on both sides, in one group each; a side without any is empty.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let sizes = apply([(1, 'a'), (2, 'b')], |left: &PCollection<(u32, char)>| {
    ///     let right = left.filter(|(k, _)| *k == 1).map_values(|c| c.to_string());
    ///     left.co_group(&right).map(|(key, (l, r))| (key, l.len(), r.len()))
    /// });
    /// assert_eq!(sizes, [(1, 1, 1), (2, 1, 0)]);
    /// ```
    #[track_caller]
    pub fn co_group<W: Wire>(&self, right: &PCollection<(K, W)>) -> PCollection<(K, (Group<V>, Group<W>))>
    where
        K: Key,
        V: Wire,
    {
        self.joined("co_group", right, |key, left, right, out| {
            out.emit((key, (Group::from(left), Group::from(right))));
        })
    }

    /// Every pair of a value here and a value there of the same key and window.
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
            for l in &left {
                for r in &right {
                    out.emit((key.clone(), (l.clone(), r.clone())));
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
            let right = padded(right);
            for l in &left {
                for r in &right {
                    out.emit((key.clone(), (l.clone(), r.clone())));
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
            let (left, right) = (padded(left), padded(right));
            for l in &left {
                for r in &right {
                    out.emit((key.clone(), (l.clone(), r.clone())));
                }
            }
        })
    }

    #[track_caller]
    fn joined<W: Wire, Out: crate::Element>(
        &self,
        verb: &'static str,
        right: &PCollection<(K, W)>,
        pair: impl Fn(K, Vec<V>, Vec<W>, &mut Emit<'_, (K, Out)>) + Send + Sync + 'static,
    ) -> PCollection<(K, Out)>
    where
        K: Key,
        V: Wire,
    {
        let location = Location::caller();
        if !self.graph.same(&right.graph) {
            self.error(location, format!("{verb} takes collections of one pipeline"));
            return self.then(verb, steps::process(|_, _: &mut Emit<'_, (K, Out)>| {}));
        }
        self.composite(verb, || {
            let lefts: PCollection<(K, Side<V, W>)> =
                self.then("left", steps::map(|(key, value)| (key, Side::Left(value))));
            let rights: PCollection<(K, Side<V, W>)> =
                right.then("right", steps::map(|(key, value)| (key, Side::Right(value))));
            let both = lefts.flattened(verb, [&rights]);
            let groups = both.combined("group", Collect::new(), false);
            groups.then(
                "pair",
                steps::process(move |(key, sides): (K, Group<Side<V, W>>), out: &mut Emit<'_, (K, Out)>| {
                    let (mut left, mut right) = (Vec::new(), Vec::new());
                    for side in sides {
                        match side {
                            Side::Left(value) => left.push(value),
                            Side::Right(value) => right.push(value),
                        }
                    }
                    pair(key, left, right, out);
                }),
            )
        })
    }
}

/// The values, or one `None` if there is none.
fn padded<V>(values: Vec<V>) -> Vec<Option<V>> {
    if values.is_empty() { vec![None] } else { values.into_iter().map(Some).collect() }
}
