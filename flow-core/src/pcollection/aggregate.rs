use super::PCollection;
use crate::combine::{CombineFn, Count, Latest, Max, Mean, Min, Number, Sample, Sum, TopN};
use crate::element::{Key, Wire};
use crate::{Element, Timestamp, keyed, steps};

impl<T: Element> PCollection<T> {
    /// All elements of each window through an aggregation. In the global window of bounded data there is a result even
    /// if there is no element.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply([1, 2, 3], |n: &PCollection<u64>| n.combine(Sum)), [6]);
    /// assert_eq!(apply([1; 0], |n: &PCollection<u64>| n.combine(Sum)), [0]);
    /// ```
    #[track_caller]
    pub fn combine<C: CombineFn<T>>(&self, combine: C) -> PCollection<C::Output>
    where
        T: Wire,
    {
        self.composite("combine", || {
            let keyed: PCollection<((), T)> = self.then("key", steps::map(|value| ((), value)));
            let windowing = self.grouping_windowing();
            let op = keyed::combine::<(), T, C>(combine, windowing.clone(), true, Some(()));
            let combined: PCollection<((), C::Output)> =
                keyed.then_in(windowing.continued(), "combine", String::new(), op);
            combined.then("result", steps::map(|((), result)| result))
        })
    }

    /// A uniform sample of `n` elements of each window, without replacement.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let sample = apply(0..100, |n: &PCollection<u32>| n.sample(5));
    /// assert_eq!(sample[0].len(), 5);
    /// ```
    #[track_caller]
    pub fn sample(&self, n: usize) -> PCollection<Vec<T>>
    where
        T: Wire,
    {
        self.combine(Sample::of(n))
    }

    /// The `n` largest elements of each window, largest first.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply([3, 1, 2], |n: &PCollection<u32>| n.top(2)), [vec![3, 2]]);
    /// ```
    #[track_caller]
    pub fn top(&self, n: usize) -> PCollection<Vec<T>>
    where
        T: Ord,
        T: Wire,
    {
        self.combine(TopN::largest(n))
    }

    /// The element with the greatest timestamp of each window; of several, the one with the greatest encoding.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let latest = apply([10, 30, 20], |n: &PCollection<i64>| n.with_timestamps(|n| Timestamp::from_secs(*n)).latest());
    /// assert_eq!(latest, [30]);
    /// ```
    #[track_caller]
    pub fn latest(&self) -> PCollection<T>
    where
        T: Wire,
    {
        self.composite("latest", || {
            let stamped: PCollection<(Timestamp, T)> = self.then(
                "stamp",
                steps::process(|value: T, out: &mut crate::Emit<'_, (Timestamp, T)>| {
                    let at = out.timestamp();
                    out.emit((at, value));
                }),
            );
            stamped.combine(Latest).then("value", steps::filter_map(|latest: Option<T>| latest))
        })
    }
}

impl<T: Element> PCollection<T> {
    /// How often each distinct element comes in each window.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let counts = apply(["a", "b", "a"], |words: &PCollection<String>| words.count());
    /// assert_eq!(counts, [("a".into(), 2), ("b".into(), 1)]);
    /// ```
    #[track_caller]
    pub fn count(&self) -> PCollection<(T, u64)>
    where
        T: Key,
    {
        self.composite("count", || self.counted())
    }

    /// The steps behind `count` and `distinct`.
    #[track_caller]
    fn counted(&self) -> PCollection<(T, u64)>
    where
        T: Key,
    {
        let keyed: PCollection<(T, ())> = self.then("key", steps::map(|value| (value, ())));
        let windowing = self.grouping_windowing();
        let op = keyed::combine::<T, (), _>(Count, windowing.clone(), true, None);
        keyed.then_in(windowing.continued(), "combine", String::new(), op)
    }

    /// Each distinct element once for each window.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply([1, 2, 1], |n: &PCollection<u32>| n.distinct()), [1, 2]);
    /// ```
    #[track_caller]
    pub fn distinct(&self) -> PCollection<T>
    where
        T: Key,
    {
        self.composite("distinct", || self.counted().then("element", steps::map(|(value, _)| value)))
    }
}

impl<K: Element, V: Element> PCollection<(K, V)> {
    /// The values of each key and window through an aggregation, or through a tuple of them in one pass.
    ///
    /// Keys may be more than memory holds: in windows that stay apart and have the default trigger, what does not fit is in
    /// the runner's scratch space until the window is over.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let stats = apply([("a", 3_u64), ("a", 5)].map(|(k, v)| (k.to_string(), v)), |pairs: &PCollection<(String, u64)>| {
    ///     pairs.combine_per_key((Sum, Count, Max))
    /// });
    /// assert_eq!(stats, [("a".to_string(), (8, 2, Some(5)))]);
    /// ```
    #[track_caller]
    pub fn combine_per_key<C: CombineFn<V>>(&self, combine: C) -> PCollection<(K, C::Output)>
    where
        K: Key,
        V: Wire,
    {
        self.combined("combine_per_key", combine, true)
    }

    /// How many values each key has in each window.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply([(1, 'a'), (1, 'b')], |p: &PCollection<(u32, char)>| p.count_per_key()), [(1, 2)]);
    /// ```
    #[track_caller]
    pub fn count_per_key(&self) -> PCollection<(K, u64)>
    where
        K: Key,
        V: Wire,
    {
        self.combined("count_per_key", Count, true)
    }

    /// The sum of each key's values in each window.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply([(1, 2), (1, 3)], |p: &PCollection<(u32, u64)>| p.sum_per_key()), [(1, 5)]);
    /// ```
    #[track_caller]
    pub fn sum_per_key(&self) -> PCollection<(K, V)>
    where
        K: Key,
        V: Number,
    {
        self.combined("sum_per_key", Sum, true)
    }

    /// The mean of each key's values in each window.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply([(1, 2.0), (1, 3.0)], |p: &PCollection<(u32, f64)>| p.mean_per_key()), [(1, 2.5)]);
    /// ```
    #[track_caller]
    pub fn mean_per_key(&self) -> PCollection<(K, f64)>
    where
        K: Key,
        V: Number,
    {
        self.combined("mean_per_key", Mean, true)
    }

    /// The least of each key's values in each window.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply([(1, 2), (1, 3)], |p: &PCollection<(u32, u32)>| p.min_per_key()), [(1, 2)]);
    /// ```
    #[track_caller]
    pub fn min_per_key(&self) -> PCollection<(K, V)>
    where
        V: Ord,
        K: Key,
        V: Wire,
    {
        self.extreme("min_per_key", Min)
    }

    /// The greatest of each key's values in each window.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply([(1, 2), (1, 3)], |p: &PCollection<(u32, u32)>| p.max_per_key()), [(1, 3)]);
    /// ```
    #[track_caller]
    pub fn max_per_key(&self) -> PCollection<(K, V)>
    where
        V: Ord,
        K: Key,
        V: Wire,
    {
        self.extreme("max_per_key", Max)
    }

    #[track_caller]
    fn extreme<C: CombineFn<V, Output = Option<V>>>(&self, name: &str, combine: C) -> PCollection<(K, V)>
    where
        K: Key,
        V: Wire,
    {
        self.composite(name, || {
            let found = self.combined("combine", combine, true);
            found.then(
                "value",
                steps::filter_map(|(key, value): (K, Option<V>)| value.map(|value| (key, value))),
            )
        })
    }

    /// The value of each key with the greatest timestamp in each window.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let latest = apply([(1, 30_i64), (1, 10)], |p: &PCollection<(u32, i64)>| {
    ///     p.with_timestamps(|(_, at)| Timestamp::from_secs(*at)).latest_per_key()
    /// });
    /// assert_eq!(latest, [(1, 30)]);
    /// ```
    #[track_caller]
    pub fn latest_per_key(&self) -> PCollection<(K, V)>
    where
        K: Key,
        V: Wire,
    {
        self.composite("latest_per_key", || {
            let stamped: PCollection<(K, (Timestamp, V))> = self.then(
                "stamp",
                steps::process(|(key, value): (K, V), out: &mut crate::Emit<'_, (K, (Timestamp, V))>| {
                    let at = out.timestamp();
                    out.emit((key, (at, value)));
                }),
            );
            let found = stamped.combined("combine", Latest, true);
            found.then(
                "value",
                steps::filter_map(|(key, value): (K, Option<V>)| value.map(|value| (key, value))),
            )
        })
    }
}
