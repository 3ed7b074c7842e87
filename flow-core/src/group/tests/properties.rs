//! What holds for every trigger, windowing and script.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::group::{Collect, Dropped, Groups};
use crate::trigger::{
    AtWatermark, Trigger, after_count, after_processing_time, all_of, always, any_of, each_of, never,
    repeatedly,
};
use crate::window::{
    Closing, Fixed, Global, OnTime, Sessions, Sliding, TimestampCombiner, Window, WindowFn, WindowInto,
    Windowing,
};
use crate::{Bundle, Meta, Pane, Timestamp, Timing};

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Elements of a key, at milliseconds.
    Elements(Vec<(u8, i64)>),
    /// By so many microseconds.
    Watermark(i64),
    Clock(i64),
}

#[derive(Clone, Debug)]
pub(crate) enum Windows {
    Global,
    Fixed,
    Sliding,
    Sessions,
}

/// All but the window function.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) trigger: Trigger,
    lateness: u64,
    accumulating: bool,
    combiner: TimestampCombiner,
    closing: Closing,
    on_time: OnTime,
}

fn trigger() -> impl Strategy<Value = Trigger> {
    let leaf = prop_oneof![
        Just(Trigger::Default),
        Just(AtWatermark.into()),
        (1..4_u64).prop_map(after_count),
        (0..20_u64).prop_map(|delay| after_processing_time(Duration::from_millis(delay))),
        Just(Trigger::AfterSynchronizedProcessingTime),
        Just(always()),
        Just(never()),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        let some = || prop::collection::vec(inner.clone(), 1..3);
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

pub(crate) fn settings() -> impl Strategy<Value = Settings> {
    let combiner = prop_oneof![
        Just(TimestampCombiner::EndOfWindow),
        Just(TimestampCombiner::Earliest),
        Just(TimestampCombiner::Latest),
    ];
    let closing = prop_oneof![Just(Closing::FireAlways), Just(Closing::FireIfNonEmpty)];
    let on_time = prop_oneof![Just(OnTime::FireAlways), Just(OnTime::FireIfNonEmpty)];
    (trigger(), prop_oneof![Just(0), 0..60_u64], any::<bool>(), combiner, closing, on_time).prop_map(
        |(trigger, lateness, accumulating, combiner, closing, on_time)| Settings {
            trigger,
            lateness,
            accumulating,
            combiner,
            closing,
            on_time,
        },
    )
}

pub(crate) fn windows() -> impl Strategy<Value = Windows> {
    prop_oneof![3 => windows_apart(), 1 => Just(Windows::Sessions)]
}

/// Windows that do not merge.
pub(crate) fn windows_apart() -> impl Strategy<Value = Windows> {
    prop_oneof![Just(Windows::Global), Just(Windows::Fixed), Just(Windows::Sliding)]
}

/// Whole milliseconds, on which windows end, and one microsecond less, which is their last moment.
fn moved() -> impl Strategy<Value = i64> {
    prop_oneof![
        (0..20_i64).prop_map(|millis| 1000 * millis),
        (1..20_i64).prop_map(|millis| 1000 * millis - 1)
    ]
}

pub(crate) fn script() -> impl Strategy<Value = Vec<Step>> {
    let elements = prop::collection::vec((0..3_u8, 0..120_i64), 1..6);
    let step = prop_oneof![
        4 => elements.prop_map(Step::Elements),
        2 => moved().prop_map(Step::Watermark),
        1 => moved().prop_map(Step::Clock),
    ];
    prop::collection::vec(step, 1..25)
}

/// What a script made of a windowing.
#[derive(Debug, Default)]
struct Run {
    /// How often each value went in: once for each window of its element.
    put: BTreeMap<i64, u64>,
    /// When each value was.
    times: BTreeMap<i64, i64>,
    /// Elements that the written rule of lateness refuses.
    refused: u64,
    dropped: Dropped,
    panes: Vec<Emitted>,
    is_empty_at_the_end: bool,
    last_output: Option<Timestamp>,
}

#[derive(Debug)]
struct Emitted {
    key: u8,
    values: Vec<i64>,
    meta: Meta,
    /// The watermarks as the pane came out, and the output watermark that readers had seen before.
    input: Timestamp,
    seen_output: Timestamp,
}

/// A windowing in full.
pub(crate) fn windowing(windows: &Windows, settings: &Settings) -> Windowing {
    match windows {
        Windows::Global => with(Global::windows(), settings),
        Windows::Fixed => with(fixed(), settings),
        Windows::Sliding => with(sliding(), settings),
        Windows::Sessions => with(sessions(), settings),
    }
}

fn with<F: WindowFn<i64>>(windows: WindowInto<F>, settings: &Settings) -> Windowing {
    let windows = windows
        .trigger(settings.trigger.clone())
        .allowed_lateness(Duration::from_millis(settings.lateness))
        .timestamp_combiner(settings.combiner)
        .closing(settings.closing)
        .on_time(settings.on_time);
    let windows = if settings.accumulating { windows.accumulating() } else { windows.discarding() };
    windows.resolve::<i64>(&Windowing::default()).expect("a valid windowing").1
}

fn fixed() -> WindowInto<Fixed> {
    Fixed::of(Duration::from_millis(10))
}

fn sliding() -> WindowInto<Sliding> {
    Sliding::of(Duration::from_millis(20), Duration::from_millis(7))
}

fn sessions() -> WindowInto<Sessions> {
    Sessions::with_gap(Duration::from_millis(10))
}

/// The windows of an element.
pub(crate) fn assigned(windows: &Windows, at: Timestamp) -> Vec<Window> {
    let mut assigned = Vec::new();
    let emit = |window| assigned.push(window);
    match windows {
        Windows::Global => Global.assign(&0_i64, at, emit),
        Windows::Fixed => fixed().function().assign(&0_i64, at, emit),
        Windows::Sliding => sliding().function().assign(&0_i64, at, emit),
        Windows::Sessions => sessions().function().assign(&0_i64, at, emit),
    }
    assigned
}

fn run(windows: &Windows, settings: &Settings, script: &[Step]) -> Run {
    let windowing = windowing(windows, settings);
    let mut groups: Groups<u8, i64, Collect<i64>> = Groups::new(Collect::new(), windowing.clone());
    let (mut input, mut now) = (Timestamp::MIN, Timestamp::from_millis(0));
    let mut seen = Timestamp::MIN;
    let mut run = Run::default();
    let mut next_value = 0;
    groups.advance(input, now);
    let end = [Step::Watermark(i64::MAX)];
    for step in script.iter().chain(&end) {
        match step {
            Step::Elements(elements) => {
                let mut bundle = Bundle::default();
                for (key, at) in elements {
                    let time = Timestamp::from_millis(*at);
                    next_value += 1;
                    run.times.insert(next_value, *at);
                    for window in assigned(windows, time) {
                        *run.put.entry(next_value).or_default() += 1;
                        run.refused += u64::from(input > window.expiry(windowing.lateness));
                        bundle.push((*key, next_value), Meta { time, window, pane: Pane::default() });
                    }
                }
                let dropped = groups.add(&mut bundle, 1);
                run.dropped.late += dropped.late;
                run.dropped.closed += dropped.closed;
            }
            Step::Watermark(i64::MAX) => input = Timestamp::MAX,
            Step::Watermark(by) => {
                input = input.max(Timestamp::from_millis(0)) + Duration::from_micros(by.unsigned_abs());
            }
            Step::Clock(by) => now = now + Duration::from_micros(by.unsigned_abs()),
        }
        groups.advance(input, now);
        let mut out = Bundle::default();
        while groups.poll(&mut out) {}
        for ((key, values), meta) in out.drain() {
            let values = values.iter().collect();
            run.panes.push(Emitted { key, values, meta, input, seen_output: seen });
        }
        let output = groups.output_watermark();
        assert!(output >= seen, "the output watermark went back from {seen} to {output}");
        assert!(output <= input, "the output watermark {output} is ahead of the input's {input}");
        seen = output;
    }
    run.is_empty_at_the_end = groups.is_empty();
    run.last_output = Some(seen);
    run
}

/// Each key's and window's panes, in order.
fn by_window(run: &Run) -> BTreeMap<(u8, Window), Vec<&Emitted>> {
    let mut panes: BTreeMap<(u8, Window), Vec<&Emitted>> = BTreeMap::new();
    for pane in &run.panes {
        panes.entry((pane.key, pane.meta.window)).or_default().push(pane);
    }
    panes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_element_is_in_exactly_one_pane_when_discarding(
        windows in windows(), mut settings in settings(), script in script()
    ) {
        settings.accumulating = false;
        let run = run(&windows, &settings, &script);
        let mut missing = run.put.clone();
        for value in run.panes.iter().flat_map(|pane| &pane.values) {
            let left = missing.get_mut(value).expect("only what went in comes out");
            prop_assert!(*left > 0, "{value} came out too often");
            *left -= 1;
        }
        prop_assert_eq!(missing.values().sum::<u64>(), run.dropped.late + run.dropped.closed);
        prop_assert!(run.is_empty_at_the_end);
        prop_assert_eq!(run.last_output, Some(Timestamp::MAX));
    }

    #[test]
    fn an_element_is_late_only_past_the_lateness_of_its_window(
        windows in windows(), settings in settings(), script in script()
    ) {
        let run = run(&windows, &settings, &script);
        prop_assert_eq!(run.dropped.late, run.refused);
    }

    #[test]
    fn panes_are_early_then_on_time_then_late_and_count_up(
        // A session may be seen again after it was merged away or closed, and then starts anew.
        windows in windows_apart(), settings in settings(), script in script()
    ) {
        let run = run(&windows, &settings, &script);
        for panes in by_window(&run).values() {
            let mut on_time_index = 0;
            for (index, emitted) in panes.iter().enumerate() {
                let pane = emitted.meta.pane;
                prop_assert_eq!(pane.index as usize, index);
                prop_assert_eq!(pane.first, index == 0);
                prop_assert!(!pane.last || index + 1 == panes.len());
                if pane.timing == Timing::Early {
                    prop_assert_eq!(pane.on_time_index, None);
                    prop_assert_eq!(on_time_index, 0);
                } else {
                    prop_assert_eq!(pane.on_time_index, Some(on_time_index));
                    prop_assert!(pane.timing == Timing::Late || on_time_index == 0);
                    on_time_index += 1;
                }
            }
        }
    }

    #[test]
    fn a_pane_is_early_until_its_watermark_and_never_behind_it_unless_late(
        windows in windows(), settings in settings(), script in script()
    ) {
        for emitted in run(&windows, &settings, &script).panes {
            let Meta { time, window, pane } = emitted.meta;
            let ended = emitted.input > window.max_timestamp();
            prop_assert_eq!(pane.timing == Timing::Early, !ended);
            prop_assert!(time <= window.max_timestamp());
            if pane.timing != Timing::Late {
                prop_assert!(time >= emitted.seen_output, "{:?} is behind the watermark", emitted);
            }
        }
    }

    #[test]
    fn an_accumulating_pane_holds_what_the_one_before_held(
        windows in windows_apart(), mut settings in settings(), script in script()
    ) {
        settings.accumulating = true;
        let run = run(&windows, &settings, &script);
        for panes in by_window(&run).values() {
            for pair in panes.windows(2) {
                prop_assert!(pair[1].values.starts_with(&pair[0].values));
            }
        }
    }

    #[test]
    fn between_two_watermarks_neither_order_nor_bundles_matter(
        windows in windows(),
        mut settings in settings(),
        trigger in prop_oneof![Just(Trigger::Default), Just(AtWatermark.into()), Just(Trigger::from(AtWatermark.late(never())))],
        steps in prop::collection::vec(
            (prop::collection::vec((0..3_u8, 0..60_i64), 1..12).prop_shuffle(), 0..30_i64), 1..8
        ),
        size in 1..7_usize,
    ) {
        settings.trigger = trigger;
        let (mut at_once, mut in_pieces, mut watermark) = (vec![Step::Watermark(0)], vec![Step::Watermark(0)], 0);
        for (elements, by) in steps {
            // None is late.
            let elements: Vec<(u8, i64)> = elements.into_iter().map(|(key, at)| (key, watermark + at)).collect();
            let mut sorted = elements.clone();
            sorted.sort_unstable();
            at_once.push(Step::Elements(sorted));
            in_pieces.extend(elements.chunks(size).map(|chunk| Step::Elements(chunk.to_vec())));
            at_once.push(Step::Watermark(1000 * by));
            in_pieces.push(Step::Watermark(1000 * by));
            watermark += by;
        }
        prop_assert_eq!(content(&run(&windows, &settings, &at_once)), content(&run(&windows, &settings, &in_pieces)));
    }
}

/// What came of a run, whatever the order: keys, panes, and when their elements were.
fn content(run: &Run) -> Vec<(u8, Window, u32, Meta, Vec<i64>)> {
    let panes = run.panes.iter().map(|emitted| {
        let mut times: Vec<i64> = emitted.values.iter().map(|value| run.times[value]).collect();
        times.sort_unstable();
        (emitted.key, emitted.meta.window, emitted.meta.pane.index, emitted.meta, times)
    });
    let mut panes: Vec<_> = panes.collect();
    panes.sort_by_key(|(key, window, index, ..)| (*key, *window, *index));
    panes
}
