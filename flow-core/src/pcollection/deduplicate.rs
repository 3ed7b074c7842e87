use super::PCollection;
use super::keyed::GROUP_FIRST;
use crate::Element;
use crate::element::{Key, Wire};
use crate::functions::{Firsts, Horizon};
use crate::steps;

impl<T: Element> PCollection<T> {
    /// Each distinct element once in each window, as soon as it comes; the same again within the [`Horizon`] is dropped: a
    /// [`Duration`](std::time::Duration) of processing time, ten minutes by `Horizon::default()`, or one of event time.
    /// For exactly one of each in a window, at its end, use [`distinct`](PCollection::distinct).
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let once = apply([1, 2, 1], |n: &PCollection<u32>| n.deduplicate(Horizon::default()));
    /// assert_eq!(once, [1, 2]);
    /// ```
    #[track_caller]
    pub fn deduplicate(&self, horizon: impl Into<Horizon>) -> PCollection<T>
    where
        T: Key,
    {
        self.composite("deduplicate", || {
            self.then("key", steps::map(|value| (value, ()))).firsts(horizon.into()).keys()
        })
    }

    /// The first element of each key in each window, as soon as it comes; further ones of the key are dropped within the
    /// [`Horizon`]. What is remembered is in memory, and with a state directory outlives the process; it does not keep sources from being told.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// # use std::time::Duration;
    /// let firsts = apply([(1, "a"), (2, "b"), (1, "c")].map(|(n, s)| (n, s.to_owned())), |p: &PCollection<(u32, String)>| {
    ///     p.deduplicate_by(Duration::from_secs(600), |(id, _)| *id)
    /// });
    /// assert_eq!(firsts, [(1, "a".to_owned()), (2, "b".to_owned())]);
    /// ```
    #[track_caller]
    pub fn deduplicate_by<K: Key>(
        &self,
        horizon: impl Into<Horizon>,
        key: impl Fn(&T) -> K + Send + Sync + 'static,
    ) -> PCollection<T>
    where
        T: Wire,
    {
        self.composite("deduplicate_by", || self.key_by(key).firsts(horizon.into()).values())
    }
}

impl<K: Key, V: Wire> PCollection<(K, V)> {
    #[track_caller]
    fn firsts(&self, horizon: Horizon) -> PCollection<(K, V)> {
        let lateness = self.windowing().lateness;
        self.keeping_state("deduplicate", horizon.to_string(), GROUP_FIRST, Firsts { horizon, lateness })
    }
}
