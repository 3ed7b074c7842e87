//! What is read by the clock: impulses, and views that are loaded anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use super::Case;
use crate::source::Impulse;
use crate::testing::{Script, assert_that};
use crate::window::Fixed;
use crate::{BoxError, Pipeline, Timestamp};

const MINUTE: Duration = Duration::from_mins(1);

fn min(minutes: i64) -> Timestamp {
    Timestamp::from_secs(60 * minutes)
}

/// A view of how often it was loaded; loads of these numbers fail.
fn loads(p: &Pipeline, failing: &'static [i64]) -> crate::View<i64> {
    let loads = Arc::new(AtomicI64::new(0));
    p.refreshing(5 * MINUTE, move || {
        let load = loads.fetch_add(1, Relaxed) + 1;
        async move { if failing.contains(&load) { Err(format!("load {load} failed")) } else { Ok(load) } }
    })
}

pub(super) const CASES: &[Case] = &[
    Case::holds("ticks come as processing time reaches them", "PeriodicImpulseTest", "Sources", |p, _| {
        let ticks = p.periodic_impulse(MINUTE).reify().map(|tick| (tick.value, tick.time));
        Script::new(p).clock(Duration::from_secs(59)).clock(Duration::from_secs(1)).clock(MINUTE);
        assert_that(&ticks).contains_in_any_order([0, 1, 2].map(|n| (min(n), min(n))));
    }),
    Case::holds(
        "ticks that have passed come at once and those behind the end never",
        "PeriodicSequenceTest.testOutputsProperElements",
        "Sources",
        |p, _| {
            let hour = Impulse::every(MINUTE).starting(min(-2)).until(min(2));
            let ticks = p.periodic_impulse(hour);
            Script::new(p).clock(60 * MINUTE);
            assert_that(&ticks).contains_in_any_order([-2, -1, 0, 1].map(min));
        },
    ),
    Case::holds(
        "the watermark of ticks stands at the next one",
        "PeriodicImpulseTest, windows of one period",
        "Sources",
        |p, _| {
            let counts = p.periodic_impulse(10 * MINUTE).window(Fixed::of(10 * MINUTE)).map(|_| ()).count();
            // How often the view was loaded tells when a window ended: with its own tick, not with the next.
            let ended = counts.with(&loads(p, &[])).map(|_, load| *load);
            Script::new(p).clock(6 * MINUTE).clock(4 * MINUTE);
            assert_that(&ended).contains_in_any_order([1, 2]);
        },
    ),
    Case::holds(
        "elements see the value that was loaded last",
        "the pattern of slowly updating side inputs: what a periodic impulse loads, in the global window",
        "Side inputs",
        |p, _| {
            let script = Script::new(p);
            let main = script.input::<i64>();
            let view = loads(p, &[]);
            let seen = main.collection().with(&view).map(|n, load| (n, *load));
            main.add([(10, min(0))]);
            script.clock(4 * MINUTE);
            main.add([(20, min(0))]);
            script.clock(MINUTE);
            main.add([(30, min(0))]);
            script.clock(20 * MINUTE); // one load, not four
            main.add([(40, min(0))]);
            assert_that(&seen).contains_in_any_order([(10, 1), (20, 1), (30, 2), (40, 3)]);
        },
    ),
    Case::holds(
        "a refreshing view is seen from every window",
        "the pattern of slowly updating side inputs: what a periodic impulse loads, in the global window",
        "Side inputs",
        |p, _| {
            let view = loads(p, &[]);
            let main = p.create([1_i64, 61]).with_timestamps(|s| Timestamp::from_secs(*s));
            let seen = main.window(Fixed::of(MINUTE)).with(&view).map(|n, load| n + load);
            assert_that(&seen).contains_in_any_order([2, 62]);
        },
    ),
    Case::holds(
        "a refresh that fails leaves the last value",
        "a rule of ours: what was loaded last holds until another load succeeds",
        "Side inputs",
        |p, _| {
            let script = Script::new(p);
            let main = script.input::<i64>();
            let view = loads(p, &[2]);
            let seen = main.collection().with(&view).map(|n, load| (n, *load));
            script.clock(5 * MINUTE);
            main.add([(10, min(0))]);
            script.clock(5 * MINUTE);
            main.add([(20, min(0))]);
            assert_that(&seen).contains_in_any_order([(10, 1), (20, 3)]);
        },
    ),
    Case::fails(
        "a first load that fails ends the run",
        "a rule of ours: no element may see a view that has no value",
        "Side inputs",
        &["refreshing/load", "the first load of a view failed", "the server is away"],
        |p, _| {
            let view = p.refreshing(MINUTE, || async { Err::<i64, BoxError>("the server is away".into()) });
            let _ = p.create([1_i64]).with(&view).map(|n, load| n + load).inspect(|_| {});
        },
    ),
];
