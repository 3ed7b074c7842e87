//! The local runner gives what the reference runner gives: random plans, inputs, scripts, workers and memory limits.
mod kit;

use std::collections::BTreeMap;
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::{Collected, MemorySinks, collect, stream};
use flow_runner_local::Options;
use proptest::collection::vec;
use proptest::prelude::*;

type Pair = (u32, u64);

/// A piece of a plan, from pairs to pairs. None depends on the order in which elements come.
#[derive(Clone, Debug)]
enum Verb {
    Map(u64),
    Filter(u64),
    Expand(u64),
    Window(Windows),
    SumPerKey,
    CountPerKey,
    CountPairs,
    Distinct,
    Group,
    /// A collection flattened with a part of itself.
    Twice,
    /// A grouped branch and a plain one that meet again.
    Diamond,
    SplitAndMeet,
    SideTotal,
    SideList,
    Totals,
    Reshuffle,
    Join,
}

#[derive(Clone, Copy, Debug)]
enum Windows {
    Fixed(u64),
    Sliding(u64, u64),
    Sessions(u64),
    Global,
}

/// Sums a key's values in state, and says the sum when the window expires.
#[derive(Clone)]
struct Total;

impl StatefulFn<u32, u64, Pair> for Total {
    type State = u64;
    type Timer = ();

    fn process(
        &self,
        _: &u32,
        value: u64,
        sum: &mut u64,
        _: &mut StatefulCx<'_, (), Pair>,
    ) -> Result<(), BoxError> {
        *sum = sum.wrapping_add(value);
        Ok(())
    }

    fn on_window_expiration(
        &self,
        key: &u32,
        sum: &mut u64,
        cx: &mut StatefulCx<'_, (), Pair>,
    ) -> Result<(), BoxError> {
        cx.emit((*key, *sum));
        Ok(())
    }

    fn merging(&self) -> Option<fn(&mut u64, u64)> {
        Some(|sum, other| *sum = sum.wrapping_add(other))
    }
}

fn windowed(pairs: &PCollection<Pair>, windows: Windows, lateness: u64) -> PCollection<Pair> {
    let (secs, lateness) = (Duration::from_secs, Duration::from_secs(lateness));
    match windows {
        Windows::Fixed(size) => pairs.window(Fixed::of(secs(size)).allowed_lateness(lateness).accumulating()),
        Windows::Sliding(size, every) => {
            pairs.window(Sliding::of(secs(size), secs(every)).allowed_lateness(lateness).accumulating())
        }
        Windows::Sessions(gap) => {
            pairs.window(Sessions::with_gap(secs(gap)).allowed_lateness(lateness).accumulating())
        }
        Windows::Global => pairs.window(Global::windows()),
    }
}

fn applied(verb: &Verb, pairs: &PCollection<Pair>, lateness: u64) -> PCollection<Pair> {
    match verb.clone() {
        Verb::Map(n) => pairs.map(move |(key, value)| (key, value.wrapping_add(n))),
        Verb::Filter(n) => pairs.filter(move |(_, value)| value % n != 0),
        Verb::Expand(n) => {
            pairs.flat_map(move |(key, value)| (0..n).map(move |i| (key, value.wrapping_add(i))))
        }
        Verb::Window(windows) => windowed(pairs, windows, lateness),
        Verb::SumPerKey => pairs.combine_per_key(Hashed),
        Verb::CountPerKey => pairs.count_per_key(),
        Verb::CountPairs => pairs.count().map(|((key, value), n)| (key, value.wrapping_add(n << 32))),
        Verb::Distinct => pairs.distinct(),
        Verb::Group => pairs.group_by_key().map_values(|group| {
            let mut values: Vec<u64> = group.into_iter().collect();
            values.sort_unstable();
            values.into_iter().fold(7, |hash, value| hash * 31 % 1_000_003 + value % 1_000_003)
        }),
        Verb::Twice => pairs.flatten([&pairs.filter(|(key, _)| key % 2 == 0)]),
        Verb::Diamond => pairs.map(|(key, value)| (key + 1, value)).flatten([&pairs.count_per_key()]),
        Verb::SplitAndMeet => {
            let (even, odd) = pairs
                .map(|(key, value)| if value % 2 == 0 { Ok((key, value)) } else { Err((value, key)) })
                .split();
            even.flatten([&odd.map(|(value, key): (u64, u32)| (key + 1, value))])
        }
        Verb::SideTotal => {
            let total = pairs.values().combine(Hashed).as_single_or(3);
            pairs.with(&total).map(|(key, value), total| (key, value.wrapping_mul(7).wrapping_add(*total)))
        }
        Verb::SideList => {
            let (list, none) = (pairs.keys().as_list(), pairs.filter(|_| false).as_list());
            pairs.with((&list, &none)).map(|(key, value), (list, none)| {
                let same = list.iter().filter(|other| **other == key).count() + none.len();
                (key, value.wrapping_add((same as u64) << 16))
            })
        }
        Verb::Totals => pairs.par_do_stateful(Total),
        Verb::Reshuffle => pairs.reshuffle(),
        Verb::Join => pairs
            .join(&pairs.filter(|(_, value)| value % 3 == 0))
            .map(|(key, (a, b))| (key, a.wrapping_mul(5).wrapping_add(b))),
    }
}

/// A sum that wraps, whatever the size of the values.
#[derive(Clone)]
struct Hashed;

impl CombineFn<u64> for Hashed {
    type Accumulator = u64;
    type Output = u64;

    fn create(&self) -> u64 {
        0
    }
    fn add(&self, sum: &mut u64, value: u64) {
        *sum = sum.wrapping_add(value);
    }
    fn merge(&self, sum: &mut u64, other: u64) {
        *sum = sum.wrapping_add(other);
    }
    fn finish(&self, sum: u64) -> u64 {
        sum
    }
}

/// How a plan is fed.
#[derive(Clone, Debug)]
enum Feeding {
    Bounded,
    /// In bundles of at most so many elements; the watermark follows behind each as far as it may, or, if `late`,
    /// a few seconds further.
    Stream {
        bundle: usize,
        late: bool,
    },
}

#[derive(Clone, Debug)]
struct Case {
    input: Vec<(u32, u64, i64)>,
    feeding: Feeding,
    first: Windows,
    verbs: Vec<Verb>,
    lateness: u64,
    workers: usize,
    memory: u64,
}

impl Case {
    /// The plan without what cannot be compared, or cannot be built.
    fn comparable(mut self) -> Case {
        let mut sessions = matches!(self.first, Windows::Sessions(_));
        let mut joins = 0;
        let streams = matches!(self.feeding, Feeding::Stream { .. });
        self.verbs.retain(|verb| {
            if streams && matches!(verb, Verb::Window(Windows::Global)) {
                return false;
            }
            if let Verb::Window(windows) = verb {
                sessions = matches!(windows, Windows::Sessions(_));
            }
            joins += usize::from(matches!(verb, Verb::Join));
            match verb {
                Verb::SideTotal | Verb::SideList => !sessions,
                Verb::Join => joins <= 1,
                _ => true,
            }
        });
        // When several bundles are late for one window, how many late panes there are depends on how they travel.
        let simple = |verb: &Verb| matches!(verb, Verb::Map(_) | Verb::Filter(_) | Verb::Expand(_));
        let complex = self.verbs.iter().filter(|verb| !simple(verb)).count();
        let one_grouping = complex == 0
            || complex == 1
                && matches!(
                    self.verbs.last(),
                    Some(Verb::SumPerKey | Verb::CountPerKey | Verb::CountPairs | Verb::Group)
                );
        if !one_grouping {
            self.lateness = 0;
        }
        // What a view holds for a window that has expired is nobody's promise.
        let looks = self.verbs.iter().any(|verb| matches!(verb, Verb::SideTotal | Verb::SideList));
        if let Feeding::Stream { late, .. } = &mut self.feeding {
            *late &= !looks;
        }
        self
    }

    fn input(&self, p: &Pipeline) -> PCollection<Pair> {
        match self.feeding {
            Feeding::Bounded => p
                .create(self.input.clone())
                .with_timestamps(|(.., second)| Timestamp::from_secs(*second))
                .map(|(key, value, _)| (key, value)),
            Feeding::Stream { bundle, late } => {
                let mut script = stream::<Pair>();
                let (mut fed, mut reached) = (0, i64::MIN);
                for part in self.input.chunks(bundle) {
                    script = script
                        .add(part.iter().map(|(key, value, at)| ((*key, *value), Timestamp::from_secs(*at))));
                    fed += part.len();
                    let least = self.input[fed..].iter().map(|(.., at)| *at).min().unwrap_or(0);
                    reached = reached.max(if late { least + 15 } else { least });
                    script = script.watermark(Timestamp::from_secs(reached));
                }
                script.collection(p)
            }
        }
    }

    fn build(&self, p: &Pipeline) -> (Collected<Pair>, MemorySinks<Pair>) {
        let mut pairs = windowed(&self.input(p), self.first, self.lateness);
        for verb in &self.verbs {
            pairs = applied(verb, &pairs, self.lateness);
        }
        let sinks = MemorySinks::new();
        pairs.write(sinks.sink("out"));
        (collect(&pairs), sinks)
    }

    fn options(&self) -> Options {
        kit::workers(self.workers).with_memory_limit(self.memory)
    }
}

fn lines(collected: &Collected<Pair>) -> Vec<String> {
    let mut lines: Vec<String> = collected.reified().iter().map(|element| format!("{element:?}")).collect();
    lines.sort();
    lines
}

fn sorted(sinks: &MemorySinks<Pair>) -> Vec<Pair> {
    let mut values = sinks.values("out");
    values.sort_unstable();
    values
}

fn windows() -> impl Strategy<Value = Windows> {
    prop_oneof![
        (1..60_u64).prop_map(Windows::Fixed),
        (1..20_u64, 0..20_u64).prop_map(|(every, more)| Windows::Sliding(every + more, every)),
        (1..30_u64).prop_map(Windows::Sessions),
    ]
}

fn verb() -> impl Strategy<Value = Verb> {
    prop_oneof![
        2 => (0..9_u64).prop_map(Verb::Map),
        2 => (2..5_u64).prop_map(Verb::Filter),
        2 => (0..4_u64).prop_map(Verb::Expand),
        2 => windows().prop_map(Verb::Window),
        1 => Just(Verb::Window(Windows::Global)),
        2 => Just(Verb::SumPerKey),
        1 => Just(Verb::CountPerKey),
        1 => Just(Verb::CountPairs),
        1 => Just(Verb::Distinct),
        1 => Just(Verb::Group),
        1 => Just(Verb::Twice),
        1 => Just(Verb::Diamond),
        1 => Just(Verb::SplitAndMeet),
        2 => Just(Verb::SideTotal),
        1 => Just(Verb::SideList),
        1 => Just(Verb::Totals),
        1 => Just(Verb::Reshuffle),
        1 => Just(Verb::Join),
    ]
}

prop_compose! {
    fn case()(
        input in vec((prop_oneof![3 => Just(0_u32), 1 => 0..6_u32], 0..50_u64, 0..120_i64), 0..60),
        feeding in prop_oneof![
            Just(Feeding::Bounded),
            (1..30_usize, any::<bool>()).prop_map(|(bundle, late)| Feeding::Stream { bundle, late }),
        ],
        first in windows(),
        verbs in vec(verb(), 0..6),
        lateness in prop_oneof![Just(0_u64), 1..60_u64],
        workers in 1..=4_usize,
        memory in prop_oneof![Just(1_u64 << 30), 500..5000_u64],
    ) -> Case {
        Case { input, feeding, first, verbs, lateness, workers, memory }.comparable()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_plans_give_what_the_reference_gives(case in case()) {
        let wanted = Pipeline::new();
        let (expected, expected_sinks) = case.build(&wanted);
        ReferenceRunner::new().run(wanted).map_err(|e| TestCaseError::fail(e.report()))?;
        let p = Pipeline::new();
        let (seen, sinks) = case.build(&p);
        kit::try_run(case.options(), p).map_err(|e| TestCaseError::fail(e.report()))?;
        prop_assert_eq!(lines(&seen), lines(&expected));
        prop_assert_eq!(sorted(&sinks), sorted(&expected_sinks));
    }

    #[test]
    fn early_panes_that_discard_add_up_to_the_window(
        input in vec((0..4_u32, 0..50_u64, 0..120_i64), 0..80),
        bundle in 1..20_usize,
        after in 1..5_u64,
        workers in 1..=4_usize,
    ) {
        let mut wanted: BTreeMap<(u32, i64), u64> = BTreeMap::new();
        for (key, value, at) in &input {
            *wanted.entry((*key, at / 30)).or_default() += value;
        }
        let mut script = stream::<Pair>();
        for part in input.chunks(bundle) {
            script = script.add(part.iter().map(|(key, value, at)| ((*key, *value), Timestamp::from_secs(*at))));
        }
        let p = Pipeline::new();
        let windows = Fixed::of(Duration::from_secs(30))
            .trigger(AtWatermark.early(after_count(after)))
            .allowed_lateness(Duration::ZERO)
            .discarding();
        let sums = collect(&script.collection(&p).window(windows).sum_per_key());
        kit::run(kit::workers(workers), p);
        let mut seen: BTreeMap<(u32, i64), u64> = BTreeMap::new();
        for sum in sums.reified() {
            let window = sum.window.start.micros() / 30_000_000;
            *seen.entry((sum.value.0, window)).or_default() += sum.value.1;
        }
        prop_assert_eq!(seen, wanted);
    }
}
