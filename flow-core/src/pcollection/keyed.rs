use std::panic::Location;

use super::PCollection;
use crate::Element;
use crate::combine::CombineFn;
use crate::element::{Key, Wire};
use crate::group::Group;
use crate::keyed::{self, ByClosure, StatefulCx, StatefulFn};
use crate::state::Merge;
use crate::steps::{self, Outcome};

impl<T: Element> PCollection<T> {
    /// Pairs each element with a key.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply([12], |n: &PCollection<u32>| n.key_by(|n| n % 10)), [(2, 12)]);
    /// ```
    #[track_caller]
    pub fn key_by<K: Key>(&self, key: impl Fn(&T) -> K + Send + Sync + 'static) -> PCollection<(K, T)> {
        self.then("key_by", steps::map(move |value| (key(&value), value)))
    }
}

impl<K: Element, V: Element> PCollection<(K, V)> {
    /// The keys of pairs.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply([(1, 'a')], |p: &PCollection<(u32, char)>| p.keys()), [1]);
    /// ```
    #[track_caller]
    pub fn keys(&self) -> PCollection<K> {
        self.then("keys", steps::map(|(key, _)| key))
    }

    /// The values of pairs.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply([(1, 'a')], |p: &PCollection<(u32, char)>| p.values()), ['a']);
    /// ```
    #[track_caller]
    pub fn values(&self) -> PCollection<V> {
        self.then("values", steps::map(|(_, value)| value))
    }

    /// The value of each pair through a function.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply([(1, 2)], |p: &PCollection<(u32, u32)>| p.map_values(|v| v * 10)), [(1, 20)]);
    /// ```
    #[track_caller]
    pub fn map_values<W: Element>(&self, f: impl Fn(V) -> W + Send + Sync + 'static) -> PCollection<(K, W)> {
        self.then("map_values", steps::map(move |(key, value)| (key, f(value))))
    }

    /// Value and key exchanged.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply([(1, 'a')], |p: &PCollection<(u32, char)>| p.swap()), [('a', 1)]);
    /// ```
    #[track_caller]
    pub fn swap(&self) -> PCollection<(V, K)> {
        self.then("swap", steps::map(|(key, value)| (value, key)))
    }
}

impl<K: Element, V: Element> PCollection<(K, V)> {
    /// All values of each key and window. If they are only folded afterwards,
    /// [`combine_per_key`](PCollection::combine_per_key) moves far less data.
    ///
    /// Groups may be more than memory holds, and so may the values of one key: what does not fit is in the runner's scratch
    /// space until the [`Group`] is gone. That is so in windows that stay apart and have the default trigger; with other
    /// triggers and in sessions groups are in memory, and so is what is kept for late elements.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let groups = apply([(1, 'a'), (2, 'b'), (1, 'c')], |pairs: &PCollection<(u32, char)>| {
    ///     pairs.group_by_key().map_values(|values| values.into_iter().collect::<String>())
    /// });
    /// assert_eq!(groups, [(1, "ac".to_string()), (2, "b".to_string())]);
    /// ```
    #[track_caller]
    pub fn group_by_key(&self) -> PCollection<(K, Group<V>)>
    where
        K: Key,
        V: Wire,
    {
        self.grouped("group_by_key")
    }

    /// The values of each key and window through a [`StatefulFn`]: state and timers for each.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// # use flow_core::testing::stream;
    /// # use std::time::Duration;
    /// /// Says when a key has been silent for a minute.
    /// #[derive(Clone)]
    /// struct Silent;
    ///
    /// impl StatefulFn<u32, u32, String> for Silent {
    ///     type State = ();
    ///     type Timer = ();
    ///     fn process(&self, _: &u32, _: u32, _: &mut (), cx: &mut StatefulCx<'_, (), String>) -> Result<(), BoxError> {
    ///         cx.set_timer((), cx.timestamp() + Duration::from_secs(60));
    ///         Ok(())
    ///     }
    ///     fn on_timer(&self, key: &u32, (): (), _: &mut (), cx: &mut StatefulCx<'_, (), String>) -> Result<(), BoxError> {
    ///         cx.emit(format!("{key} is silent since {}", cx.timestamp() - Duration::from_secs(60)));
    ///         Ok(())
    ///     }
    /// }
    /// let at = Timestamp::from_secs;
    /// let silent = stream().add([(7, at(0)), (7, at(30))]).run(|n| n.key_by(|n| *n).par_do_stateful(Silent));
    /// assert_eq!(silent[0].value, "7 is silent since 1970-01-01T00:00:30Z");
    /// ```
    #[track_caller]
    pub fn par_do_stateful<Out: Element>(&self, f: impl StatefulFn<K, V, Out>) -> PCollection<Out>
    where
        K: Key,
        V: Wire,
    {
        let how = "say how two of them become one in `StatefulFn::merging`";
        self.keeping_state("par_do_stateful", String::new(), how, f)
    }

    /// The values of each key and window, in order of arrival, with something remembered between them.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let numbered = apply(["a", "b", "a"], |words: &PCollection<String>| {
    ///     words.key_by(|w| w.clone()).stateful(|key, _, seen: &mut u32, out| {
    ///         *seen += 1;
    ///         out.emit(format!("{key}{seen}"));
    ///     })
    /// });
    /// assert_eq!(numbered, ["a1", "b1", "a2"]);
    /// ```
    #[track_caller]
    pub fn stateful<S, Out, R, F>(&self, f: F) -> PCollection<Out>
    where
        S: Wire + Default,
        Out: Element,
        R: Outcome + 'static,
        F: Fn(&K, V, &mut S, &mut StatefulCx<'_, (), Out>) -> R + Send + Sync + 'static,
        K: Key,
        V: Wire,
    {
        let how = "say how two of them become one: derive `Merge` for the state, and use `stateful_merging`";
        self.keeping_state("stateful", String::new(), how, ByClosure::<F, S, R>::new(f, None))
    }

    /// As [`stateful`](PCollection::stateful), in windows that merge as well: what is remembered in two windows becomes one
    /// by [`Merge`], when the windows do.
    ///
    /// In sessions, elements are numbered from the start of their session as far as it is known: one that comes late may
    /// join two of them.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// # use flow_core::testing::stream;
    /// # use std::time::Duration;
    /// let at = Timestamp::from_secs;
    /// let clicks = [(7, at(0)), (7, at(16)), (7, at(8))];
    /// let seen = stream().add(clicks).in_bundles_of(1).run(|users: &PCollection<u32>| {
    ///     users.window(Sessions::with_gap(Duration::from_secs(10))).key_by(|user| *user)
    ///         .stateful_merging(|_, _, clicks: &mut Combining<u32, Count>, out| {
    ///             clicks.add(1);
    ///             out.emit(clicks.read());
    ///         })
    /// });
    /// assert_eq!(seen.iter().map(|n| n.value).collect::<Vec<_>>(), [1, 1, 3]);
    /// ```
    #[track_caller]
    pub fn stateful_merging<S, Out, R, F>(&self, f: F) -> PCollection<Out>
    where
        S: Wire + Default + Merge,
        Out: Element,
        R: Outcome + 'static,
        F: Fn(&K, V, &mut S, &mut StatefulCx<'_, (), Out>) -> R + Send + Sync + 'static,
        K: Key,
        V: Wire,
    {
        let f = ByClosure::<F, S, R>::new(f, Some(S::merge));
        self.keeping_state("stateful_merging", String::new(), "", f)
    }

    #[track_caller]
    pub(super) fn grouped(&self, verb: &'static str) -> PCollection<(K, Group<V>)>
    where
        K: Key,
        V: Wire,
    {
        let windowing = self.grouping_windowing();
        self.then_in(windowing.continued(), verb, String::new(), keyed::group::<K, V>(windowing))
    }

    #[track_caller]
    pub(super) fn combined<C: CombineFn<V>>(
        &self,
        verb: &'static str,
        combine: C,
        lifted: bool,
    ) -> PCollection<(K, C::Output)>
    where
        K: Key,
        V: Wire,
    {
        let windowing = self.grouping_windowing();
        let op = keyed::combine::<K, V, C>(combine, windowing.clone(), lifted, None);
        self.then_in(windowing.continued(), verb, String::new(), op)
    }

    /// A step that keeps state for each key and window; `how` it can be kept where windows merge.
    #[track_caller]
    pub(super) fn keeping_state<Out: Element>(
        &self,
        verb: &'static str,
        detail: String,
        how: &str,
        f: impl StatefulFn<K, V, Out>,
    ) -> PCollection<Out>
    where
        K: Key,
        V: Wire,
    {
        let windowing = self.windowing();
        if windowing.is_merging() && f.merging().is_none() {
            let message = format!(
                "`{verb}` keeps state for each key and window, and {windowing:?} merge, where one of two states would be lost: {how}"
            );
            self.error(Location::caller(), message);
        }
        self.then_in(windowing.clone(), verb, detail, keyed::stateful::<K, V, Out, _>(f, windowing))
    }
}

/// Where state cannot be kept for windows that merge.
pub(super) const GROUP_FIRST: &str = "group them first, or use other windows";

impl<T: Element> PCollection<T> {
    /// This collection's windowing, checked for what would lose data or never emit in a grouping.
    #[track_caller]
    pub(super) fn grouping_windowing(&self) -> crate::window::Windowing {
        let location = Location::caller();
        let windowing = self.windowing();
        let global_stream = windowing.is_global() && !self.is_bounded();
        if global_stream && windowing.trigger == crate::trigger::Trigger::Default {
            self.error(location, "a grouping of an unbounded collection in the global window would never emit: window it first, or give it a trigger");
        }
        if let Some(reason) = windowing.data_loss() {
            self.error(location, reason);
        }
        windowing
    }
}
