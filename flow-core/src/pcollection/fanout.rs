use std::panic::Location;
use std::sync::Arc;

use super::PCollection;
use crate::combine::CombineFn;
use crate::element::{Key, Wire};
use crate::{BoxError, DoFn, Element, Emit, keyed, steps};

/// An aggregation in two stages, for keys with more elements than one worker can take; made by
/// [`PCollection::with_fanout`].
#[must_use = "say how to aggregate: combine or combine_per_key"]
pub struct Fanout<'a, T> {
    input: &'a PCollection<T>,
    parts: Parts<T>,
}

/// Into how many parts the key of an element is cut.
type Parts<T> = Arc<dyn Fn(&T) -> usize + Send + Sync>;

impl<T> std::fmt::Debug for Fanout<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fanout").field("input", self.input).finish_non_exhaustive()
    }
}

impl<T: Element> PCollection<T> {
    /// Aggregates each key in so many parts on as many workers, and then the parts: for keys with more elements than one
    /// worker can take, in windows that fire early or often. Under the default trigger an aggregation does as much by
    /// itself, since it combines on every worker what it sends.
    ///
    /// Results are those of the aggregation without it. Their panes are those of two aggregations in a row: a trigger that
    /// counts elements counts those of a part, a delay begins with the first element of a part, and where a trigger ends
    /// with the window, an empty pane on time may follow what the parts have passed on early. Windows that merge are refused:
    /// each part would have sessions of its own.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let sums = apply(1..=5, |n: &PCollection<u64>| n.with_fanout(4).combine(Sum));
    /// assert_eq!(sums, [15]);
    /// ```
    pub fn with_fanout(&self, parts: usize) -> Fanout<'_, T> {
        Fanout { input: self, parts: Arc::new(move |_| parts) }
    }
}

impl<K: Element, V: Element> PCollection<(K, V)> {
    /// As [`with_fanout`](PCollection::with_fanout), with the number of parts by key: 1 or less leaves a key whole.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let sums = apply([(1, 2), (1, 3), (2, 5)], |p: &PCollection<(u32, u64)>| {
    ///     p.with_fanout_by(|key| if *key == 1 { 8 } else { 1 }).combine_per_key(Sum)
    /// });
    /// assert_eq!(sums, [(1, 5), (2, 5)]);
    /// ```
    pub fn with_fanout_by(&self, parts: impl Fn(&K) -> usize + Send + Sync + 'static) -> Fanout<'_, (K, V)> {
        Fanout { input: self, parts: Arc::new(move |(key, _)| parts(key)) }
    }
}

impl<T: Wire> Fanout<'_, T> {
    /// All elements of each window through an aggregation; see [`PCollection::combine`].
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply([1; 0], |n: &PCollection<u64>| n.with_fanout(4).combine(Sum)), [0]);
    /// ```
    #[track_caller]
    pub fn combine<C: CombineFn<T>>(self, combine: C) -> PCollection<C::Output> {
        let Fanout { input, parts } = self;
        input.composite("combine", || {
            let dealt = input.par_do(Deal { parts, next: 0 });
            let keyed: PCollection<(((), u32), T)> =
                dealt.then("key", steps::map(|(part, value)| (((), part), value)));
            keyed.in_parts(combine, Some(())).then("result", steps::map(|((), result)| result))
        })
    }
}

impl<K: Key, V: Wire> Fanout<'_, (K, V)> {
    /// The values of each key and window through an aggregation; see [`PCollection::combine_per_key`].
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let sums = apply([(1, 2), (1, 3)], |p: &PCollection<(u32, u64)>| p.with_fanout(4).combine_per_key(Sum));
    /// assert_eq!(sums, [(1, 5)]);
    /// ```
    #[track_caller]
    pub fn combine_per_key<C: CombineFn<V>>(self, combine: C) -> PCollection<(K, C::Output)> {
        let Fanout { input, parts } = self;
        input.composite("combine_per_key", || {
            let dealt = input.par_do(Deal { parts, next: 0 });
            let keyed: PCollection<((K, u32), V)> =
                dealt.then("key", steps::map(|(part, (key, value))| ((key, part), value)));
            keyed.in_parts(combine, None)
        })
    }
}

impl<K: Key, V: Wire> PCollection<((K, u32), V)> {
    /// Combines each part of a key, and then the parts. `default` is the key of an empty global window's result.
    #[track_caller]
    fn in_parts<C: CombineFn<V>>(&self, combine: C, default: Option<K>) -> PCollection<(K, C::Output)> {
        let windowing = self.grouping_windowing();
        if windowing.is_merging() {
            self.error(Location::caller(), format!("`with_fanout` aggregates the parts of a key apart, and each would have windows of its own where {windowing:?} merge: leave it out, or use other windows"));
        }
        let parts = keyed::combine::<(K, u32), V, _>(Part(combine.clone()), windowing.of_parts(), true, None);
        let parts: PCollection<((K, u32), C::Accumulator)> =
            self.then_in(windowing.clone(), "part", String::new(), parts);
        let parts: PCollection<(K, C::Accumulator)> =
            parts.then("whole", steps::map(|((key, _), accumulator)| (key, accumulator)));
        let mut passing = windowing.clone();
        passing.trigger = windowing.continued().trigger;
        let whole =
            keyed::combine::<K, C::Accumulator, _>(Whole::<C, V>::new(combine), passing, true, default);
        parts.then_in(windowing.continued(), "combine", String::new(), whole)
    }
}

/// Puts elements into the parts of their keys, in turn.
#[derive(Clone)]
struct Deal<T> {
    parts: Parts<T>,
    next: u32,
}

impl<T: Element> DoFn<T, (u32, T)> for Deal<T> {
    fn process(&mut self, element: T, out: &mut Emit<'_, (u32, T)>) -> Result<(), BoxError> {
        let parts = u32::try_from((self.parts)(&element)).unwrap_or(u32::MAX).max(1);
        self.next = self.next.wrapping_add(1);
        out.emit((self.next % parts, element));
        Ok(())
    }
}

/// Combines without finishing.
#[derive(Clone)]
struct Part<C>(C);

impl<V, C: CombineFn<V>> CombineFn<V> for Part<C> {
    type Accumulator = C::Accumulator;
    type Output = C::Accumulator;

    fn create(&self) -> C::Accumulator {
        self.0.create()
    }

    fn add(&self, accumulator: &mut C::Accumulator, input: V) {
        self.0.add(accumulator, input);
    }

    fn merge(&self, into: &mut C::Accumulator, other: C::Accumulator) {
        self.0.merge(into, other);
    }

    fn finish(&self, accumulator: C::Accumulator) -> C::Accumulator {
        accumulator
    }
}

/// Combines what parts have come to.
struct Whole<C, V> {
    combine: C,
    input: std::marker::PhantomData<fn(V)>,
}

impl<C, V> Whole<C, V> {
    fn new(combine: C) -> Self {
        Whole { combine, input: std::marker::PhantomData }
    }
}

impl<C: Clone, V> Clone for Whole<C, V> {
    fn clone(&self) -> Self {
        Self::new(self.combine.clone())
    }
}

impl<V: 'static, C: CombineFn<V>> CombineFn<C::Accumulator> for Whole<C, V> {
    type Accumulator = C::Accumulator;
    type Output = C::Output;

    fn create(&self) -> C::Accumulator {
        self.combine.create()
    }

    fn add(&self, accumulator: &mut C::Accumulator, part: C::Accumulator) {
        self.combine.merge(accumulator, part);
    }

    fn merge(&self, into: &mut C::Accumulator, other: C::Accumulator) {
        self.combine.merge(into, other);
    }

    fn finish(&self, accumulator: C::Accumulator) -> C::Output {
        self.combine.finish(accumulator)
    }
}
