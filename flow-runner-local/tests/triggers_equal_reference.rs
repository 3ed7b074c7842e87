//! The local runner makes the panes that the reference runner makes: random windows, triggers, lateness and scripts.
mod kit;

use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::{Collected, collect, stream};
use flow_core::window::{Closing, OnTime};
use proptest::collection::vec;
use proptest::prelude::*;

type Pair = (u32, u64);

/// A step of a stream, in seconds.
#[derive(Clone, Debug)]
enum Step {
    Elements(Vec<(u32, i64)>),
    Watermark(i64),
    Clock(u64),
}

#[derive(Clone, Copy, Debug)]
enum Windows {
    Global,
    Fixed,
    Sliding,
    Sessions,
    Calendar,
}

/// All of a windowing but its windows.
#[derive(Clone, Debug)]
struct Settings {
    trigger: Trigger,
    lateness: u64,
    accumulating: bool,
    combiner: TimestampCombiner,
    closing: Closing,
    on_time: OnTime,
}

#[derive(Clone, Debug)]
struct Case {
    windows: Windows,
    settings: Settings,
    script: Vec<Step>,
    workers: usize,
}

/// What came of a run: panes, sorted, and elements that were dropped, as late and for a closed window.
type Came = (Vec<String>, u64, u64);

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

impl Settings {
    fn apply<F: WindowFn<Pair> + Clone>(
        &self,
        pairs: &PCollection<Pair>,
        windows: WindowInto<F>,
    ) -> PCollection<Pair> {
        let windows = windows
            .trigger(self.trigger.clone())
            .allowed_lateness(seconds(self.lateness))
            .timestamp_combiner(self.combiner)
            .closing(self.closing)
            .on_time(self.on_time)
            .finishing_trigger_may_lose_data();
        pairs.window(if self.accumulating { windows.accumulating() } else { windows.discarding() })
    }
}

impl Case {
    fn windowed(&self, pairs: &PCollection<Pair>) -> PCollection<Pair> {
        match self.windows {
            Windows::Global => self.settings.apply(pairs, Global::windows()),
            Windows::Fixed => self.settings.apply(pairs, Fixed::of(seconds(10))),
            Windows::Sliding => self.settings.apply(pairs, Sliding::of(seconds(20), seconds(7))),
            Windows::Sessions => self.settings.apply(pairs, Sessions::with_gap(seconds(10))),
            // Clocks go forward in the middle of the script.
            Windows::Calendar => self.settings.apply(pairs, Calendar::days(1).time_zone("Europe/Oslo")),
        }
    }

    fn at(&self, second: i64) -> Timestamp {
        match self.windows {
            Windows::Calendar => Timestamp::from_secs(1_711_843_200 + second * 3600),
            _ => Timestamp::from_secs(second),
        }
    }

    fn stream(&self, p: &Pipeline) -> PCollection<Pair> {
        let (mut script, mut watermark, mut value) = (stream::<Pair>(), 0, 0);
        for step in &self.script {
            script = match step {
                Step::Clock(by) => script.clock(seconds(*by)),
                Step::Watermark(by) => {
                    watermark += by;
                    script.watermark(self.at(watermark))
                }
                Step::Elements(elements) => {
                    let elements: Vec<(Pair, Timestamp)> = elements
                        .iter()
                        .map(|(key, second)| {
                            value += 1;
                            ((*key, value), self.at(*second))
                        })
                        .collect();
                    script.add(elements)
                }
            };
        }
        script.collection(p)
    }

    fn build(&self, p: &Pipeline) -> (Collected<(u32, Vec<u64>)>, Collected<Pair>) {
        let windowed = self.windowed(&self.stream(p));
        let groups = windowed.group_by_key().map_values(|group| {
            let mut values: Vec<u64> = group.into_iter().collect();
            values.sort_unstable();
            values
        });
        (collect(&groups), collect(&windowed.sum_per_key()))
    }

    fn reference(&self) -> Result<Came, TestCaseError> {
        let p = Pipeline::new();
        let seen = self.build(&p);
        let report = ReferenceRunner::new().run(p).map_err(|e| TestCaseError::fail(e.report()))?;
        Ok((lines(&seen), report.dropped_late(), report.dropped_closed()))
    }

    fn local(&self) -> Result<Came, TestCaseError> {
        let p = Pipeline::new();
        let seen = self.build(&p);
        let report =
            kit::try_run(kit::workers(self.workers), p).map_err(|e| TestCaseError::fail(e.report()))?;
        let summary = report.as_ref();
        Ok((lines(&seen), summary.dropped_late(), summary.dropped_closed()))
    }
}

fn lines(seen: &(Collected<(u32, Vec<u64>)>, Collected<Pair>)) -> Vec<String> {
    let groups = seen.0.reified().into_iter().map(|element| format!("{element:?}"));
    let sums = seen.1.reified().into_iter().map(|element| format!("{element:?}"));
    let mut lines: Vec<String> = groups.chain(sums).collect();
    lines.sort();
    lines
}

/// Any trigger.
fn trigger() -> impl Strategy<Value = Trigger> {
    let leaf = prop_oneof![
        Just(Trigger::Default),
        Just(AtWatermark.into()),
        (1..4_u64).prop_map(after_count),
        (0..20_u64).prop_map(|delay| after_processing_time(seconds(delay))),
        (1..20_u64, 0..9_u64).prop_map(|(period, offset)| {
            after_processing_time(Duration::ZERO).aligned_to(seconds(period), seconds(offset))
        }),
        Just(always()),
        Just(never()),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        let some = || vec(inner.clone(), 1..3);
        prop_oneof![
            inner.clone().prop_map(repeatedly),
            some().prop_map(each_of),
            some().prop_map(all_of),
            some().prop_map(any_of),
            (inner.clone(), inner.clone()).prop_map(|(main, until)| main.or_finally(until)),
            inner.clone().prop_map(|early| Trigger::from(AtWatermark.early(early))),
            (inner.clone(), inner.clone())
                .prop_map(|(early, late)| Trigger::from(AtWatermark.early(early).late(late))),
        ]
    })
}

fn combiner() -> impl Strategy<Value = TimestampCombiner> {
    use TimestampCombiner::{Earliest, EndOfWindow, Latest};
    prop_oneof![Just(EndOfWindow), Just(Earliest), Just(Latest)]
}

fn windows() -> impl Strategy<Value = Windows> {
    use Windows::{Calendar, Fixed, Global, Sessions, Sliding};
    prop_oneof![Just(Global), Just(Fixed), Just(Sliding), Just(Sessions), Just(Calendar)]
}

fn script(keys: u32) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => vec((0..keys, 0..120_i64), 1..6).prop_map(Step::Elements),
        2 => (0..20_i64).prop_map(Step::Watermark),
        1 => (0..20_u64).prop_map(Step::Clock),
    ];
    vec(step, 1..25)
}

prop_compose! {
    fn case()(
        windows in windows(),
        trigger in trigger(),
        lateness in prop_oneof![Just(0_u64), 0..60_u64],
        accumulating in any::<bool>(),
        combiner in combiner(),
        closing in prop_oneof![Just(Closing::FireAlways), Just(Closing::FireIfNonEmpty)],
        on_time in prop_oneof![Just(OnTime::FireAlways), Just(OnTime::FireIfNonEmpty)],
        script in (1..=4_u32).prop_flat_map(script),
        workers in 1..=4_usize,
    ) -> Case {
        // A stream in the global window must say a trigger.
        let says_none = trigger == Trigger::Default && matches!(windows, Windows::Global);
        let windows = if says_none { Windows::Fixed } else { windows };
        let settings = Settings { trigger, lateness, accumulating, combiner, closing, on_time };
        Case { windows, settings, script, workers }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn panes_are_those_of_the_reference_on_any_number_of_workers(case in case()) {
        prop_assert_eq!(case.local()?, case.reference()?);
    }
}
