use std::time::Duration;

use super::PCollection;
use super::keyed::GROUP_FIRST;
use crate::element::{Key, Wire};
use crate::functions::{IntervalJoin, Side, TemporalJoin};
use crate::keyed::StatefulFn;
use crate::time::micros;
use crate::{Element, steps};

impl<K: Element, V: Element> PCollection<(K, V)> {
    /// Every pair of a value here and one there of the same key that lie near each other in time: the right one at most
    /// `before` before the left one, and at most `after` after it, both included.
    ///
    /// A pair is emitted as soon as both are there, once, at the later of their timestamps. A value is kept until the
    /// watermark has passed the last partner that it could have, and the allowed lateness; what comes more than the lateness
    /// behind the watermark is dropped, and counted as late. Both sides are in the same windows, and only values of one
    /// window meet: keep streams in the global window, as they are unless [windowed](PCollection::window), and state is
    /// bounded by the interval alone. There is nothing for a value without partner; see
    /// [`left_join`](PCollection::left_join) for that, by window.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// # use flow_core::testing::stream;
    /// # use std::time::Duration;
    /// let at = Timestamp::from_secs;
    /// let clicks = [(("ann", 'b'), at(9)), (("ann", 'a'), at(10)), (("ann", 'a'), at(16))];
    /// let pairs = stream().add(clicks.map(|((user, what), at)| ((user.to_string(), what), at))).run(|clicks| {
    ///     let shown = clicks.filter(|(_, what)| *what == 'b');
    ///     // What was clicked at most five seconds after something was shown.
    ///     shown.interval_join(&clicks, Duration::ZERO, Duration::from_secs(5)).values()
    /// });
    /// assert_eq!(pairs.iter().map(|p| (p.value, p.time)).collect::<Vec<_>>(), [(('b', 'b'), at(9)), (('b', 'a'), at(10))]);
    /// ```
    #[track_caller]
    pub fn interval_join<W: Wire>(
        &self,
        right: &PCollection<(K, W)>,
        before: Duration,
        after: Duration,
    ) -> PCollection<(K, (V, W))>
    where
        K: Key,
        V: Wire,
    {
        let lateness = self.windowing().lateness;
        let join = IntervalJoin { before: micros(before), after: micros(after), lateness };
        self.joined_in_time("interval_join", right, join)
    }

    /// Each value here with the version of the right that is valid at its time: the latest there of the same key, not
    /// after it. A value before the first version is left out; [`left_temporal_join`](PCollection::left_temporal_join)
    /// keeps it.
    ///
    /// Prices, exchange rates or addresses as of an order. A value here is emitted once, at its own timestamp, when the
    /// watermark has passed that, so that no version can come any more that it should have had; until then it holds the
    /// watermark. It is not emitted again for a version that is late. A value that comes behind the watermark, but
    /// within the allowed lateness, is joined at once with the versions that are known; what comes later than that, on
    /// either side, is dropped, and counted as late. Versions go once a later one is valid for all that may come, so the
    /// last one of each key stays while its window lasts: keep both sides in the global window unless versions are of one
    /// window. While a version is kept, sources are not told that it, and what was read since, is done. Of two versions of
    /// one moment the one with the greater encoding counts, whichever comes first.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// # use flow_core::testing::{Script, collect};
    /// let at = Timestamp::from_secs;
    /// let p = Pipeline::new();
    /// let script = Script::new(&p);
    /// let (orders, prices) = (script.input::<(u32, char)>(), script.input::<(u32, u64)>());
    /// orders.add([((7, 'a'), at(5)), ((7, 'b'), at(15))]);
    /// prices.add([((7, 100), at(0)), ((7, 120), at(10))]);
    /// let priced = collect(&orders.collection().temporal_join(&prices.collection()));
    /// ReferenceRunner::new().run(p)?;
    /// assert_eq!(priced.values(), [(7, ('a', 100)), (7, ('b', 120))]);
    /// # Ok::<(), flow_core::Error>(())
    /// ```
    #[track_caller]
    pub fn temporal_join<W: Wire>(&self, versions: &PCollection<(K, W)>) -> PCollection<(K, (V, W))>
    where
        K: Key,
        V: Wire,
    {
        self.composite("temporal_join", || {
            let joined = self.versioned("temporal_join", versions);
            joined.then(
                "found",
                steps::filter_map(|(key, (left, version)): (K, (V, Option<W>))| {
                    version.map(|version| (key, (left, version)))
                }),
            )
        })
    }

    /// As [`temporal_join`](PCollection::temporal_join), and the values here before the first version of their key.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let mut priced = apply([1, 2], |n: &PCollection<u32>| {
    ///     let prices = n.filter(|n| *n == 2).map(|n| (n, 100_u64));
    ///     n.key_by(|n| *n).left_temporal_join(&prices)
    /// });
    /// priced.sort();
    /// assert_eq!(priced, [(1, (1, None)), (2, (2, Some(100)))]);
    /// ```
    #[track_caller]
    pub fn left_temporal_join<W: Wire>(
        &self,
        versions: &PCollection<(K, W)>,
    ) -> PCollection<(K, (V, Option<W>))>
    where
        K: Key,
        V: Wire,
    {
        self.versioned("left_temporal_join", versions)
    }

    #[track_caller]
    fn versioned<W: Wire>(
        &self,
        verb: &'static str,
        versions: &PCollection<(K, W)>,
    ) -> PCollection<(K, (V, Option<W>))>
    where
        K: Key,
        V: Wire,
    {
        let lateness = self.windowing().lateness;
        self.joined_in_time(verb, versions, TemporalJoin { lateness })
    }

    /// Both sides through a function that keeps what may still find partners, without what is too late to find any.
    #[track_caller]
    fn joined_in_time<W: Wire, Out: Element>(
        &self,
        verb: &'static str,
        right: &PCollection<(K, W)>,
        join: impl StatefulFn<K, Side<V, W>, (K, Out)>,
    ) -> PCollection<(K, Out)>
    where
        K: Key,
        V: Wire,
    {
        self.composite(verb, || {
            let both = self.both_sides(verb, right);
            let lateness = both.windowing().lateness;
            let in_time = both.then("late", steps::drop_late(lateness));
            in_time.keeping_state(verb, String::new(), GROUP_FIRST, join)
        })
    }
}
