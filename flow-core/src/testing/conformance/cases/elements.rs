//! Element-wise steps: timestamps, bundles, the life of a function, reshuffles.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Case, Run, Test};
use crate::combine::{Count, Sum};
use crate::testing::{Script, assert_that, collect, stream};
use crate::trigger::{AtWatermark, after_count, repeatedly};
use crate::window::{Fixed, Global, Sliding, Window};
use crate::{BoxError, BundleEmit, DoFn, Emit, Pane, Pipeline, Timestamp, Timing};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(super) const CASES: &[Case] = &[
    Case::fails(
        "a result before its element fails, and says what skew is allowed",
        "ParDoTest, output timestamps: skew",
        "ParDo",
        &["would lie before its element", "the allowed skew is zero"],
        |p, bundling| {
            let early = bundling.of(stream().add([(5_i64, at(5))])).collection(p);
            let _ = early.process(|n, out: &mut Emit<'_, i64>| out.emit_at(n, at(4))).inspect(|_| {});
        },
    ),
    Case::fails(
        "a timestamp may move back by the allowed skew and no more",
        "WithTimestampsTest.withTimestampsBackwardsInTimeShouldThrow",
        "ParDo",
        &["would move an element back", "the allowed skew is 2ms"],
        |p, bundling| {
            let numbers = bundling.of(stream().add([(3_i64, at(5)), (2, at(5))])).collection(p);
            let skewed = numbers.with_timestamps_skewed(Duration::from_millis(2), |n| at(*n));
            let _ = skewed.inspect(|_| {});
        },
    ),
    Case::holds(
        "with a skew of any length elements go back to the start of time",
        "ParDoTest, output timestamps: a skew of MAX",
        "ParDo",
        |p, bundling| {
            let numbers = bundling.of(stream().add([(1_i64, at(5))])).collection(p);
            let times =
                numbers.with_timestamps_skewed(Duration::MAX, |_| Timestamp::MIN).reify().map(|r| r.time);
            assert_that(&times).contains_only(Timestamp::MIN);
        },
    ),
    Case::holds(
        "what a bundle's end emits is at the time and in the window that it says",
        "ParDoTest.testWindowingInStartAndFinishBundle",
        "ParDo",
        |p, _| {
            let finished = p.create([1_i64]).par_do(Finish);
            let third = Window::new(at(3), at(4));
            assert_that(&finished).in_window(third).contains_only("finish".into());
            assert_that(&finished.reify().map(|r| r.time)).contains_only(at(3));
        },
    ),
    Case {
        name: "a function lives through set-up, bundles and tear-down, in this order",
        beam: "ParDoLifecycleTest",
        capability: "ParDo",
        test: Test::Check(lifecycle),
    },
    Case::holds(
        "a watermark does not pass elements inside a bundle",
        "TestStreamTest / testWatermarkUpdateMidBundle",
        "Event-time triggers",
        |p, _| {
            let script = (0..200).fold(stream::<i64>(), |script, r| {
                script.add((0..=r).map(|n| (n, at(r)))).watermark(at(r + 1))
            });
            let held = script.collection(p).par_do(UntilFinish::default());
            let counts = held.window(Fixed::of(Duration::from_millis(1))).combine(Count);
            let total = counts.window(Global::windows().trigger(AtWatermark).discarding()).combine(Sum);
            assert_that(&total).contains_only(20_100);
        },
    ),
    Case::holds(
        "a reshuffle keeps times, windows and panes",
        "ReshuffleTest.testReshufflePreservesMetadata",
        "Reshuffle",
        |p, bundling| {
            let windows = Fixed::of(Duration::from_millis(10)).trigger(AtWatermark.late(after_count(1)));
            let script = stream().add([(1_i64, at(3))]).watermark(at(10)).add([(2, at(4))]);
            let sums = bundling
                .of(script)
                .collection(p)
                .window(windows.allowed_lateness(Duration::from_millis(100)).accumulating())
                .combine(Sum);
            let seen = sums.reshuffle().reify().map(|r| (r.value, r.time, r.window, r.pane));
            let (end, window) = (Timestamp::from_micros(9_999), Window::new(at(0), at(10)));
            let first =
                Pane { first: true, last: false, timing: Timing::OnTime, index: 0, on_time_index: Some(0) };
            let second =
                Pane { first: false, timing: Timing::Late, index: 1, on_time_index: Some(1), ..first };
            assert_that(&seen).contains_in_any_order([(1, end, window, first), (3, end, window, second)]);
        },
    ),
    Case::holds(
        "a reshuffle keeps elements at both ends of time",
        "ReshuffleTest.testReshufflePreservesTimestamps",
        "Reshuffle",
        |p, bundling| {
            let end = Timestamp::END_OF_GLOBAL_WINDOW;
            let script = stream().add([(0_i64, Timestamp::MIN), (1, at(0)), (2, at(33)), (3, end)]);
            let times = bundling.of(script).collection(p).reshuffle().reify().map(|r| (r.value, r.time));
            assert_that(&times).contains_in_any_order([
                (0, Timestamp::MIN),
                (1, at(0)),
                (2, at(33)),
                (3, end),
            ]);
        },
    ),
    Case::holds(
        "a reshuffle drops no late element",
        "ReshuffleTest.testReshuffleWithTimestampsStreaming",
        "Reshuffle",
        |p, bundling| {
            let days_48 = at(48 * 86_400_000);
            let script = stream().add([(1_i64, days_48)]).watermark(days_48).add([(0, at(0)), (2, days_48)]);
            let windowed = bundling.of(script).collection(p).window(Fixed::of(Duration::from_mins(10)));
            assert_that(&windowed.reshuffle()).contains_in_any_order([0, 1, 2]);
        },
    ),
    Case::holds(
        "a step sees an element once for each of its windows",
        "ParDoTest, windows observed",
        "Sliding windows",
        |p, bundling| {
            let element = bundling.of(stream().add([(1_i64, at(5))])).collection(p);
            let windowed = element.window(Sliding::of(Duration::from_millis(4), Duration::from_millis(2)));
            let windows = windowed.reify().map(|r| (r.window.start, r.window.end));
            assert_that(&windows).contains_in_any_order([(at(2), at(6)), (at(4), at(8))]);
        },
    ),
    Case::holds(
        "a pipeline comes to rest between the steps of its script",
        "TestStreamTest / testMultiStage",
        "Test utilities",
        |p, _| {
            let script = Script::new(p);
            let input = script.input::<String>();
            let second = Fixed::of(Duration::from_secs(1));
            let upper = input.collection().window(second).count().map(|(word, _)| word.to_uppercase());
            let firing = || Global::windows().trigger(repeatedly(after_count(1))).discarding();
            let both = upper.window(firing()).flatten([&input.collection().window(firing())]);
            let log = both.key_by(|_| ()).stateful(|(), word, log: &mut String, out| {
                log.push_str(&word);
                log.push(' ');
                out.emit(log.clone());
            });
            input.add([("before".into(), Timestamp::MIN)]).watermark(at(0));
            input.add([("after".into(), at(10_000))]).watermark(Timestamp::MAX);
            assert_that(&log)
                .satisfies(|logs| logs.last().is_some_and(|log| log == "before BEFORE after AFTER "));
        },
    ),
];

/// Emits when its bundle ends.
#[derive(Clone)]
struct Finish;

impl DoFn<i64, String> for Finish {
    fn process(&mut self, _: i64, _: &mut Emit<'_, String>) -> Result<(), BoxError> {
        Ok(())
    }

    fn finish_bundle(&mut self, out: &mut BundleEmit<'_, String>) -> Result<(), BoxError> {
        out.emit("finish".into(), at(3), Window::new(at(3), at(4)));
        Ok(())
    }
}

/// Keeps elements until their bundle ends.
#[derive(Clone, Default)]
struct UntilFinish(Vec<(i64, Timestamp, Window)>);

impl DoFn<i64, i64> for UntilFinish {
    fn process(&mut self, n: i64, out: &mut Emit<'_, i64>) -> Result<(), BoxError> {
        self.0.push((n, out.timestamp(), out.window()));
        Ok(())
    }

    fn finish_bundle(&mut self, out: &mut BundleEmit<'_, i64>) -> Result<(), BoxError> {
        self.0.drain(..).for_each(|(n, at, window)| out.emit(n, at, window));
        Ok(())
    }
}

/// Notes its life, and fails where told.
#[derive(Clone)]
struct Life {
    fails_in: &'static str,
    log: Arc<Mutex<Vec<&'static str>>>,
}

impl Life {
    fn note(&self, call: &'static str) -> Result<(), BoxError> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        if self.fails_in == call { Err(format!("{call} was told to fail").into()) } else { Ok(()) }
    }
}

impl DoFn<i64, i64> for Life {
    fn setup(&mut self) -> Result<(), BoxError> {
        self.note("setup")
    }
    fn start_bundle(&mut self) -> Result<(), BoxError> {
        self.note("start")
    }
    fn process(&mut self, n: i64, out: &mut Emit<'_, i64>) -> Result<(), BoxError> {
        out.emit(n);
        self.note("process")
    }
    fn finish_bundle(&mut self, _: &mut BundleEmit<'_, i64>) -> Result<(), BoxError> {
        self.note("finish")
    }
    fn teardown(&mut self) {
        let _ = self.note("teardown");
    }
}

fn lifecycle(run: Run<'_>) -> Result<(), String> {
    let table: [(&str, &[&str]); 5] = [
        ("nothing", &["setup", "start", "process", "finish", "teardown"]),
        ("setup", &["setup", "teardown"]),
        ("start", &["setup", "start", "teardown"]),
        ("process", &["setup", "start", "process", "teardown"]),
        ("finish", &["setup", "start", "process", "finish", "teardown"]),
    ];
    for (fails_in, wanted) in table {
        let log = Arc::default();
        let p = Pipeline::new();
        let _ = collect(&p.create([1_i64]).par_do(Life { fails_in, log: Arc::clone(&log) }));
        let ended = run(p);
        let calls = std::mem::take(&mut *log.lock().unwrap_or_else(PoisonError::into_inner));
        if calls != wanted {
            return Err(format!("with a failure in {fails_in}, the calls are {calls:?}, not {wanted:?}"));
        }
        let said = ended.err().map(|error| error.report()).unwrap_or_default();
        if fails_in != "nothing" && !said.contains(&format!("{fails_in} was told to fail")) {
            return Err(format!("a failure in {fails_in} ends the run with: {said}"));
        }
    }
    Ok(())
}
