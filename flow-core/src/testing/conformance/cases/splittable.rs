//! Splittable functions: every piece of every element once, wherever it is interrupted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Case, Test};
use crate::splittable::{Growth, OffsetRange, Resume, SplittableCx, SplittableFn, Watch};
use crate::testing::{Script, assert_that, collect, stream};
use crate::window::{Fixed, Sliding};
use crate::{BoxError, Pipeline, Timestamp};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

const SECOND: Duration = Duration::from_secs(1);

/// The places of a text, or of as many things as a number says.
#[derive(Clone, Debug, Default)]
struct Places {
    parts: bool,
    /// After so many claims it waits for as long.
    pause: Option<(u64, Duration)>,
    calls: Option<Arc<Mutex<Vec<&'static str>>>>,
}

impl Places {
    fn called(&self, what: &'static str) {
        if let Some(calls) = &self.calls {
            calls.lock().unwrap_or_else(PoisonError::into_inner).push(what);
        }
    }
}

impl SplittableFn<(String, u64), (String, u64)> for Places {
    type Restriction = OffsetRange;

    fn restriction(&self, (_, len): &(String, u64)) -> Result<OffsetRange, BoxError> {
        self.called("restriction");
        Ok(OffsetRange::new(0, *len))
    }

    fn split(
        &self,
        _: &(String, u64),
        whole: OffsetRange,
        desired: usize,
    ) -> Result<Vec<OffsetRange>, BoxError> {
        self.called("split");
        Ok(if self.parts { whole.into_parts(desired) } else { vec![whole] })
    }

    fn process(
        &self,
        (text, _): &(String, u64),
        cx: &mut SplittableCx<'_, OffsetRange, (String, u64)>,
    ) -> Result<Resume, BoxError> {
        self.called("process");
        let mut claimed = 0;
        let mut place = cx.restriction().next();
        while cx.try_claim(&place) {
            cx.emit((text.clone(), place));
            place += 1;
            claimed += 1;
            if let Some((after, pause)) = self.pause
                && claimed == after
            {
                return Ok(Resume::After(pause));
            }
        }
        Ok(Resume::Done)
    }
}

/// A result for each second, one after the other.
#[derive(Clone)]
struct Seconds;

impl SplittableFn<u64, u64> for Seconds {
    type Restriction = OffsetRange;

    fn restriction(&self, len: &u64) -> Result<OffsetRange, BoxError> {
        Ok(OffsetRange::new(0, *len))
    }

    fn process(&self, _: &u64, cx: &mut SplittableCx<'_, OffsetRange, u64>) -> Result<Resume, BoxError> {
        let second = cx.restriction().next();
        if cx.try_claim(&second) {
            let time = cx.timestamp() + SECOND * second as u32;
            cx.emit_at(second, time);
            cx.set_watermark(time + SECOND);
        }
        Ok(Resume::After(SECOND))
    }
}

/// Says that it is done when it is not.
#[derive(Clone)]
struct Hasty;

impl SplittableFn<u64, u64> for Hasty {
    type Restriction = OffsetRange;

    fn restriction(&self, len: &u64) -> Result<OffsetRange, BoxError> {
        Ok(OffsetRange::new(0, *len))
    }

    fn process(&self, _: &u64, cx: &mut SplittableCx<'_, OffsetRange, u64>) -> Result<Resume, BoxError> {
        let _ = cx.try_claim(&0);
        Ok(Resume::Done)
    }
}

fn texts() -> [(String, u64); 3] {
    ["a", "bb", "ccccc"].map(|text| (text.to_string(), text.len() as u64))
}

fn pairs() -> Vec<(String, u64)> {
    texts().into_iter().flat_map(|(text, len)| (0..len).map(move |place| (text.clone(), place))).collect()
}

/// How often there is something to find, by processing time.
fn found_by(minutes: i64) -> Growth<i64> {
    Growth::of(0..=minutes)
}

pub(super) const CASES: &[Case] = &[
    Case::holds(
        "each element makes what its restriction holds",
        "SplittableDoFnTest.testPairWithIndexBasicBounded",
        "Splittable functions",
        |p, bundling| {
            let times = texts().map(|text| (text, at(0)));
            let texts = bundling.of(stream().add(times)).collection(p);
            assert_that(&texts.par_do_splittable(Places::default())).contains_in_any_order(pairs());
        },
    ),
    Case::holds(
        "parts that are read at the same time make up the whole",
        "SplittableDoFnTest, SplitRestriction",
        "Splittable functions",
        |p, _| {
            let places = Places { parts: true, ..Places::default() };
            assert_that(&p.create(texts()).par_do_splittable(places)).contains_in_any_order(pairs());
        },
    ),
    Case::holds(
        "results have the windows and the timestamps of their elements",
        "SplittableDoFnTest.testPairWithIndexWindowedTimestampedBounded",
        "Splittable functions",
        |p, bundling| {
            let times = [at(2), at(4), at(7)];
            let timed = texts().into_iter().zip(times);
            let windowed = bundling
                .of(stream().add(timed))
                .collection(p)
                .window(Sliding::of(Duration::from_millis(5), Duration::from_millis(1)));
            let places = Places { parts: true, ..Places::default() };
            let seen = windowed.par_do_splittable(places).reify().map(|r| (r.value, r.time, r.window));
            let expected = texts().into_iter().zip(times).flat_map(|((text, len), time)| {
                (0..5).flat_map(move |back| {
                    let text = text.clone();
                    let start = at(time.millis() - back);
                    let window = crate::window::Window::new(start, start + Duration::from_millis(5));
                    (0..len).map(move |place| ((text.clone(), place), time, window))
                })
            });
            assert_that(&seen).contains_in_any_order(expected);
        },
    ),
    Case::holds(
        "a function that pauses again and again reads everything once",
        "SplittableDoFnTest.testResumeBounded",
        "Splittable functions",
        |p, _| {
            let places = Places { pause: Some((3, Duration::ZERO)), ..Places::default() };
            let many = p.create([("x".to_string(), 9876)]).par_do_splittable(places);
            assert_that(&many.map(|(_, place)| place)).satisfies(|places| {
                let mut places = places.to_vec();
                places.sort_unstable();
                places.into_iter().eq(0..9876)
            });
        },
    ),
    Case::holds(
        "a function is interrupted where its bundle is full and reads everything once",
        "SplittableDoFnTest, checkpoints by the runner",
        "Splittable functions",
        |p, _| {
            let many = p.create([("x".to_string(), 9876), ("y".to_string(), 3)]);
            let places = many.par_do_splittable(Places::default()).map(|(text, _)| text).count();
            assert_that(&places).contains_in_any_order([("x".to_string(), 9876), ("y".to_string(), 3)]);
        },
    ),
    Case::holds(
        "what waits goes on when processing time has come, and holds the watermark until then",
        "SplittableDoFnTest.testResumeBounded, with a delay",
        "Splittable functions",
        |p, _| {
            let script = Script::new(p);
            let input = script.input::<(String, u64)>();
            let places = Places { pause: Some((1, SECOND)), ..Places::default() };
            let read = input.collection().window(Fixed::of(SECOND)).par_do_splittable(places);
            let now = read.process(|(_, place), out| out.emit((place, out.now())));
            let panes = read.map(|_| ()).count().process(|((), count), out| out.emit((count, out.now())));
            input.add([(("xxx".to_string(), 3), at(0))]).watermark(at(60_000));
            script.clock(SECOND).clock(SECOND).clock(SECOND);
            assert_that(&now).contains_in_any_order([(0, at(0)), (1, at(1000)), (2, at(2000))]);
            assert_that(&panes).contains_only((3, at(2000)));
        },
    ),
    Case::holds(
        "what is left holds the watermark where the function says",
        "SplittableDoFnTest, watermark estimators",
        "Splittable functions",
        |p, _| {
            let seconds = p.create([3_u64]).with_timestamps(|_| at(0)).par_do_splittable(Seconds);
            let ended = seconds.window(Fixed::of(SECOND)).map(|_| ()).count();
            let ended = ended.reify().process(|pane, out| out.emit((pane.window.start, out.now())));
            let script = Script::new(p);
            script.clock(SECOND).clock(SECOND).clock(SECOND);
            assert_that(&ended).contains_in_any_order([0, 1000, 2000].map(|start| (at(start), at(start))));
        },
    ),
    Case::holds(
        "a side input's value goes with its element through all pauses",
        "SplittableDoFnTest.testWindowedSideInputWithCheckpoints",
        "Splittable functions",
        |p, _| {
            let second = |n: &u64| at(1000 * *n as i64);
            let main = p.create([0_u64, 1]).with_timestamps(second).window(Fixed::of(SECOND));
            let side = p.create([0_u64, 1]).with_timestamps(second).window(Fixed::of(SECOND)).as_single();
            let texts = main.with(&side).map(|_, side| (side.to_string(), 4));
            let places = Places { pause: Some((1, SECOND)), parts: true, ..Places::default() };
            let expected = ["0", "1"].into_iter().flat_map(|text| (0..4).map(move |n| (text.to_string(), n)));
            let read = texts.par_do_splittable(places);
            let script = Script::new(p);
            (0..4).for_each(|_| {
                script.clock(SECOND);
            });
            assert_that(&read).contains_in_any_order(expected);
        },
    ),
    Case::holds(
        "late elements are read and it is the grouping that drops what comes of them",
        "SplittableDoFnTest.testLateData",
        "Splittable functions",
        |p, _| {
            let script = Script::new(p);
            let input = script.input::<(String, u64)>();
            let read = input.collection().window(Fixed::of(SECOND)).par_do_splittable(Places::default());
            let counts = read.map(|(text, _)| text).count();
            input.add([(("aa".to_string(), 2), at(0))]).watermark(at(10_000));
            input.add([(("bb".to_string(), 2), at(0))]);
            let pair = |text: &str, place| (text.to_string(), place);
            assert_that(&read).contains_in_any_order([
                pair("aa", 0),
                pair("aa", 1),
                pair("bb", 0),
                pair("bb", 1),
            ]);
            assert_that(&counts).contains_only(pair("aa", 2));
        },
    ),
    Case {
        name: "a splittable function is asked for its restriction and for its parts before it is called",
        beam: "SplittableDoFnTest.testLifecycleMethodsBounded",
        capability: "Splittable functions",
        test: Test::Check(|run| {
            let calls = Arc::default();
            let places = Places { calls: Some(Arc::clone(&calls)), ..Places::default() };
            let p = Pipeline::new();
            let read = collect(&p.create([("aa".to_string(), 2)]).par_do_splittable(places));
            run(p).map_err(|e| e.report())?;
            let calls = calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let expected = ["restriction", "split", "process"];
            if calls == expected && read.values().len() == 2 {
                Ok(())
            } else {
                Err(format!("called {calls:?}"))
            }
        }),
    },
    Case::fails(
        "a function that is done before its restriction fails",
        "OffsetRangeTracker.checkDone",
        "Splittable functions",
        &["has not claimed", "would be lost"],
        |p, _| {
            let _ = p.create([2_u64]).par_do_splittable(Hasty).inspect(|_| {});
        },
    ),
    Case::holds(
        "what is watched makes what is new, once",
        "WatchTest.testMultiplePollsWithManyResults",
        "Splittable functions",
        |p, _| {
            let script = Script::new(p);
            let input = script.input::<i64>();
            let looks = Arc::new(Mutex::new(-1));
            let grown = input.collection().watch(Watch::every(SECOND), move |_| {
                let mut looks = looks.lock().unwrap_or_else(PoisonError::into_inner);
                *looks += 1;
                Ok::<_, BoxError>(found_by(*looks))
            });
            let times = grown.reify().map(|r| (r.value, r.time));
            input.add([(7, at(0))]);
            script.clock(SECOND).clock(SECOND / 2).clock(SECOND / 2);
            assert_that(&times).contains_in_any_order([
                ((7, 0), at(0)),
                ((7, 1), at(1000)),
                ((7, 2), at(2000)),
            ]);
        },
    ),
    Case::holds(
        "an element is watched until nothing new has come for a while",
        "WatchTest.testPollingWithTerminationConditionOutput, afterTimeSinceNewOutput",
        "Splittable functions",
        |p, _| {
            // New until the third look, quiet for three seconds at the sixth: what the seventh would find is not found.
            let looks = Arc::new(Mutex::new(-1));
            let watch = Watch::every(SECOND).until_quiet_for(3 * SECOND);
            let grown = p.create([()]).watch(watch, move |()| {
                let mut looks = looks.lock().unwrap_or_else(PoisonError::into_inner);
                *looks += 1;
                Ok::<_, BoxError>(found_by(if *looks < 6 { (*looks).min(2) } else { *looks }))
            });
            let script = Script::new(p);
            (0..10).for_each(|_| {
                script.clock(SECOND);
            });
            assert_that(&grown.values()).contains_in_any_order([0, 1, 2]);
        },
    ),
    Case::holds(
        "an element is watched for so long in all",
        "WatchTest.testPollingWithTerminationBecauseOutputIsFinal, afterTotalOf",
        "Splittable functions",
        |p, _| {
            let looks = Arc::new(Mutex::new(-1));
            let watch = Watch::every(SECOND).for_at_most(2 * SECOND);
            let grown = p.create(["in".to_string()]).watch(watch, move |_| {
                let mut looks = looks.lock().unwrap_or_else(PoisonError::into_inner);
                *looks += 1;
                Ok::<_, BoxError>(found_by(*looks))
            });
            let script = Script::new(p);
            (0..5).for_each(|_| {
                script.clock(SECOND);
            });
            assert_that(&grown.values()).contains_in_any_order([0, 1, 2]);
        },
    ),
];
