//! State and timers, by key and window.

use std::time::Duration;

use super::{Bundling, Case};
use crate::testing::{assert_that, stream};
use crate::window::{Fixed, Sliding, Window};
use crate::{BoxError, PCollection, Pipeline, StatefulCx, StatefulFn, Timestamp};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// A stream of numbers of one key at their own times.
fn hello(p: &Pipeline, bundling: Bundling, numbers: &[i64]) -> PCollection<(String, i64)> {
    let elements = numbers.iter().map(|n| (("hello".to_string(), *n), at(*n)));
    bundling.of(stream().add(elements)).collection(p)
}

/// Counts from 0, in state.
fn counted(numbers: &PCollection<(String, i64)>, step: i64) -> PCollection<(String, i64)> {
    numbers.stateful(move |key, _, seen: &mut i64, out| {
        out.emit((key.clone(), *seen * step));
        *seen += 1;
    })
}

type Out<'a, T> = StatefulCx<'a, T, (i64, Timestamp)>;

pub(super) const CASES: &[Case] = &[
    Case::holds(
        "state is of one window",
        "ParDoTest.testValueStateFixedWindows",
        "Stateful processing",
        |p, bundling| {
            let counts = counted(&hello(p, bundling, &[1, 2, 3, 11, 12]).window(Fixed::of(ms(10))), 1);
            let counts = counts.map(|(_, n)| n);
            assert_that(&counts).in_window(Window::new(at(0), at(10))).contains_in_any_order([0, 1, 2]);
            assert_that(&counts).in_window(Window::new(at(10), at(20))).contains_in_any_order([0, 1]);
        },
    ),
    Case::holds(
        "state is of one step",
        "ParDoTest.testValueStateSameId",
        "Stateful processing",
        |p, bundling| {
            let first = counted(&hello(p, bundling, &[1, 2, 3]), 1);
            let second = counted(&first, 13);
            assert_that(&first.map(|(_, n)| n)).contains_in_any_order([0, 1, 2]);
            assert_that(&second.map(|(_, n)| n)).contains_in_any_order([0, 13, 26]);
        },
    ),
    Case::holds(
        "a timer fires at its time, and its results have that time",
        "ParDoTest.testEventTimeTimerBounded",
        "Timers",
        |p, bundling| {
            let fired = hello(p, bundling, &[3]).par_do_stateful(Once { after: 1000 });
            assert_that(&fired).contains_in_any_order([(3, at(3)), (42, at(1003))]);
        },
    ),
    Case::holds(
        "a timer fires in bounded data too",
        "ParDoTest.testEventTimeTimerBounded, testGbkFollowedByUserTimers",
        "Timers",
        |p, _| {
            let grouped = p.create([("hello".to_string(), 3_i64)]).with_timestamps(|_| at(3)).group_by_key();
            let first = grouped.map(|(key, group)| (key, group.iter().sum::<i64>()));
            let fired = first.window(Fixed::of(ms(5000))).par_do_stateful(AtEnd).map(|(n, _)| n);
            assert_that(&fired).satisfies(|fired| fired == [3, 42]);
        },
    ),
    Case::holds(
        "a timer at the last moment of its window fires",
        "ParDoTest, timers: at the end of the window",
        "Timers",
        |p, bundling| {
            let fired = hello(p, bundling, &[3]).window(Fixed::of(ms(10))).par_do_stateful(AtEnd);
            let end = Timestamp::from_micros(9_999);
            assert_that(&fired).contains_in_any_order([(3, at(3)), (42, end)]);
        },
    ),
    Case::fails(
        "a timer after the expiration of its window fails",
        "ParDoTest.testOutOfBoundsEventTimeTimer",
        "Timers",
        &["timer", "expiration"],
        |p, bundling| {
            let fired = hello(p, bundling, &[3]).window(Fixed::of(ms(10))).par_do_stateful(Once { after: 7 });
            let _ = fired.inspect(|_| {});
        },
    ),
    Case::fails(
        "a timer whose results lie after the expiration of its window fails",
        "ParDoTest, timers: an output timestamp out of bounds",
        "Timers",
        &["timer", "output timestamp", "expiration"],
        |p, bundling| {
            let fired = hello(p, bundling, &[3]).window(Fixed::of(ms(10))).par_do_stateful(LateOutput);
            let _ = fired.inspect(|_| {});
        },
    ),
    Case::holds(
        "a timer set twice before it fires, fires once",
        "ParDoTest, timers: set twice",
        "Timers",
        |p, bundling| {
            let fired = hello(p, bundling, &[3, 3]).par_do_stateful(Once { after: 1000 });
            assert_that(&fired).contains_in_any_order([(3, at(3)), (3, at(3)), (42, at(1003))]);
        },
    ),
    Case::holds(
        "timers are set in each window of an element",
        "ParDoTest.testTimerReceivedInOriginalWindow",
        "Timers",
        |p, bundling| {
            let windowed = hello(p, bundling, &[0]).window(Sliding::of(ms(180), ms(60)));
            let fired = windowed.par_do_stateful(Once { after: 1 });
            for start in [-120, -60, 0] {
                let window = Window::new(at(start), at(start + 180));
                assert_that(&fired).in_window(window).contains_in_any_order([(0, at(0)), (42, at(1))]);
            }
        },
    ),
    Case::holds(
        "a timer may set itself again",
        "ParDoTest.testEventTimeTimerLoop",
        "Timers",
        |p, bundling| {
            let elements = ["a", "b", "c"].map(|key| ((key.to_string(), 0_i64), at(0)));
            let looped = bundling.of(stream().add(elements)).collection(p).par_do_stateful(Loop);
            let wanted = ["a", "b", "c"].iter().flat_map(|key| (0..5).map(move |n| format!("{key}{n}")));
            assert_that(&looped).contains_in_any_order(wanted);
        },
    ),
    Case::holds(
        "two timers that set each other fire in the order of their times",
        "ParDoTest, timers: two that set each other",
        "Timers",
        |p, bundling| {
            let volleys = hello(p, bundling, &[0]).par_do_stateful(PingPong);
            let wanted: Vec<String> =
                (0..=20).flat_map(|n| [format!("ping:{n}:{n}"), format!("pong:{n}:{n}")]).collect();
            assert_that(&volleys).satisfies(move |volleys| volleys == wanted);
        },
    ),
    Case::holds(
        "a timer of late data may lie after the end of its window",
        "ParDoTest, timers: within allowed lateness",
        "Timers",
        |p, bundling| {
            let windows = Fixed::of(ms(10_000)).allowed_lateness(ms(10_000)).discarding();
            let fired = hello(p, bundling, &[5000]).window(windows).par_do_stateful(Once { after: 10_000 });
            assert_that(&fired).contains_in_any_order([(5000, at(5000)), (42, at(15_000))]);
        },
    ),
    Case::holds(
        "timers in the past fire at once, at their own time",
        "ParDoTest, timers: in the past",
        "Timers",
        |p, bundling| {
            let script = stream().watermark(at(20)).add([(("k".to_string(), 0_i64), at(5))]);
            let fired = bundling.of(script).collection(p).par_do_stateful(Three);
            assert_that(&fired).satisfies(|fired| fired == [(10, at(10)), (20, at(20)), (30, at(30))]);
        },
    ),
    Case::holds(
        "a timer that is cleared and set again fires at its new time",
        "ParDoTest, timers: cleared and set again",
        "Timers",
        |p, bundling| {
            let fired = hello(p, bundling, &[0]).par_do_stateful(SetClearSet);
            assert_that(&fired).contains_only((42, at(40)));
        },
    ),
    Case::holds(
        "a timer's output time holds the watermark downstream",
        "ParDoTest.testOutputTimestamp",
        "Timers",
        |p, _| {
            let element = |millis: i64| (("k".to_string(), millis), at(millis));
            let script = stream().watermark(at(0)).add([element(0)]).watermark(at(9)).add([element(9)]);
            let first = script.collection(p).par_do_stateful(Delayed);
            let second = first.par_do_stateful(FiresAlone);
            assert_that(&second).satisfies(|fired| fired == ["element", "element", "timer"]);
        },
    ),
    Case::holds(
        "the expiration of a window sees its state, as its timers left it",
        "ParDoTest, OnWindowExpiration",
        "Stateful processing",
        |p, bundling| {
            let windowed = hello(p, bundling, &[1, 11]).window(Fixed::of(ms(10)));
            let seen = windowed.par_do_stateful(AtExpiration);
            let end = |millis: i64| Timestamp::from_micros(millis * 1000 - 1);
            assert_that(&seen).contains_in_any_order([(1, end(10)), (1, end(20))]);
        },
    ),
    Case::holds(
        "a timer of processing time fires as the clock passes it, once",
        "ParDoTest, timers: of processing time",
        "Timers",
        |p, bundling| {
            let script = stream().add([(("k".to_string(), 3_i64), at(3)), (("k".to_string(), 3), at(3))]);
            let fired = bundling.of(script.clock(ms(2000))).collection(p).par_do_stateful(ByClock);
            assert_that(&fired).contains_in_any_order([(3, at(3)), (3, at(3)), (42, at(3))]);
        },
    ),
    Case::holds(
        "a timer of processing time that the clock does not reach fires when the input ends",
        "a rule of ours, as in Go; Dataflow leaves such timers out",
        "Timers",
        |p, bundling| {
            let fired = hello(p, bundling, &[3]).par_do_stateful(ByClock);
            assert_that(&fired).contains_in_any_order([(3, at(3)), (42, at(3))]);
        },
    ),
    Case::holds(
        "an element of an expired window does not reach its state",
        "StatefulDoFnRunnerTest, late elements",
        "Stateful processing",
        |p, bundling| {
            let script = stream()
                .add([(("k".to_string(), 1_i64), at(1))])
                .watermark(at(15))
                .add([(("k".to_string(), 2), at(2)), (("k".to_string(), 3), at(13))]);
            let windowed = bundling.of(script).collection(p).window(Fixed::of(ms(10)));
            let counts = counted(&windowed, 1).map(|(_, n)| n);
            assert_that(&counts).contains_in_any_order([0, 0]);
        },
    ),
];

/// Emits its elements, and 42 some milliseconds after the last.
#[derive(Clone)]
struct Once {
    after: u64,
}

impl StatefulFn<String, i64, (i64, Timestamp)> for Once {
    type State = ();
    type Timer = ();

    fn process(&self, _: &String, n: i64, (): &mut (), cx: &mut Out<'_, ()>) -> Result<(), BoxError> {
        cx.emit((n, cx.timestamp()));
        cx.set_timer((), cx.timestamp() + ms(self.after));
        Ok(())
    }

    fn on_timer(&self, _: &String, (): (), (): &mut (), cx: &mut Out<'_, ()>) -> Result<(), BoxError> {
        cx.emit((42, cx.timestamp()));
        Ok(())
    }
}

/// Emits its elements, and 42 at the end of the window.
#[derive(Clone)]
struct AtEnd;

impl StatefulFn<String, i64, (i64, Timestamp)> for AtEnd {
    type State = ();
    type Timer = ();

    fn process(&self, _: &String, n: i64, (): &mut (), cx: &mut Out<'_, ()>) -> Result<(), BoxError> {
        cx.emit((n, cx.timestamp()));
        cx.set_timer((), cx.window().max_timestamp());
        Ok(())
    }

    fn on_timer(&self, _: &String, (): (), (): &mut (), cx: &mut Out<'_, ()>) -> Result<(), BoxError> {
        cx.emit((42, cx.timestamp()));
        Ok(())
    }
}

/// Sets a timer whose results would lie behind the window.
#[derive(Clone)]
struct LateOutput;

impl StatefulFn<String, i64, (i64, Timestamp)> for LateOutput {
    type State = ();
    type Timer = ();

    fn process(&self, _: &String, _: i64, (): &mut (), cx: &mut Out<'_, ()>) -> Result<(), BoxError> {
        let end = cx.window().max_timestamp();
        cx.timer(()).output_at(end + Duration::from_micros(1)).at(end);
        Ok(())
    }
}

/// Counts by a timer that sets itself again.
#[derive(Clone)]
struct Loop;

impl StatefulFn<String, i64, String> for Loop {
    type State = u32;
    type Timer = ();

    fn process(
        &self,
        _: &String,
        _: i64,
        _: &mut u32,
        cx: &mut StatefulCx<'_, (), String>,
    ) -> Result<(), BoxError> {
        cx.set_timer((), cx.timestamp() + ms(1));
        Ok(())
    }

    fn on_timer(
        &self,
        key: &String,
        (): (),
        count: &mut u32,
        cx: &mut StatefulCx<'_, (), String>,
    ) -> Result<(), BoxError> {
        cx.emit(format!("{key}{count}"));
        *count += 1;
        if *count < 5 {
            cx.set_timer((), cx.timestamp() + ms(1));
        }
        Ok(())
    }
}

/// Two timers: 1 sets 2 at its own time, and 2 sets 1 a millisecond on.
#[derive(Clone)]
struct PingPong;

impl StatefulFn<String, i64, String> for PingPong {
    type State = (u32, u32);
    type Timer = u8;

    fn process(
        &self,
        _: &String,
        _: i64,
        _: &mut (u32, u32),
        cx: &mut StatefulCx<'_, u8, String>,
    ) -> Result<(), BoxError> {
        cx.set_timer(1, cx.timestamp());
        cx.set_timer(2, at(21));
        Ok(())
    }

    fn on_timer(
        &self,
        _: &String,
        timer: u8,
        (served, returned): &mut (u32, u32),
        cx: &mut StatefulCx<'_, u8, String>,
    ) -> Result<(), BoxError> {
        let now = cx.timestamp();
        if timer == 1 {
            cx.emit(format!("ping:{served}:{}", now.millis()));
            *served += 1;
            cx.set_timer(2, now);
        } else {
            cx.emit(format!("pong:{returned}:{}", now.millis()));
            *returned += 1;
            if now < at(20) {
                cx.set_timer(1, now + ms(1));
            }
        }
        Ok(())
    }
}

/// Three timers, at 10, 20 and 30.
#[derive(Clone)]
struct Three;

impl StatefulFn<String, i64, (i64, Timestamp)> for Three {
    type State = ();
    type Timer = i64;

    fn process(&self, _: &String, _: i64, (): &mut (), cx: &mut Out<'_, i64>) -> Result<(), BoxError> {
        for millis in [10, 20, 30] {
            cx.set_timer(millis, at(millis));
        }
        Ok(())
    }

    fn on_timer(&self, _: &String, timer: i64, (): &mut (), cx: &mut Out<'_, i64>) -> Result<(), BoxError> {
        cx.emit((timer, cx.timestamp()));
        Ok(())
    }
}

/// Sets a timer, clears it, and sets it to another time.
#[derive(Clone)]
struct SetClearSet;

impl StatefulFn<String, i64, (i64, Timestamp)> for SetClearSet {
    type State = ();
    type Timer = ();

    fn process(&self, _: &String, _: i64, (): &mut (), cx: &mut Out<'_, ()>) -> Result<(), BoxError> {
        cx.clear_timer(&());
        cx.set_timer((), at(30));
        cx.clear_timer(&());
        cx.set_timer((), at(40));
        Ok(())
    }

    fn on_timer(&self, _: &String, (): (), (): &mut (), cx: &mut Out<'_, ()>) -> Result<(), BoxError> {
        cx.emit((42, cx.timestamp()));
        Ok(())
    }
}

/// Passes elements on, and emits nothing more by a timer that holds the watermark at 5 ms after its element.
#[derive(Clone)]
struct Delayed;

impl StatefulFn<String, i64, (String, i64)> for Delayed {
    type State = ();
    type Timer = i64;

    fn process(
        &self,
        key: &String,
        n: i64,
        (): &mut (),
        cx: &mut StatefulCx<'_, i64, (String, i64)>,
    ) -> Result<(), BoxError> {
        cx.emit((key.clone(), n));
        if n == 0 {
            cx.timer(n).output_at(at(5)).at(at(10));
        }
        Ok(())
    }
}

/// Says what comes: elements, and one timer at 8.
#[derive(Clone)]
struct FiresAlone;

impl StatefulFn<String, i64, String> for FiresAlone {
    type State = bool;
    type Timer = ();

    fn process(
        &self,
        _: &String,
        n: i64,
        set: &mut bool,
        cx: &mut StatefulCx<'_, (), String>,
    ) -> Result<(), BoxError> {
        cx.emit("element".into());
        if n == 0 && !std::mem::replace(set, true) {
            cx.set_timer((), at(8));
        }
        Ok(())
    }

    fn on_timer(
        &self,
        _: &String,
        (): (),
        _: &mut bool,
        cx: &mut StatefulCx<'_, (), String>,
    ) -> Result<(), BoxError> {
        cx.emit("timer".into());
        Ok(())
    }
}

/// Counts its timer's firings, and says so when the window expires.
#[derive(Clone)]
struct AtExpiration;

impl StatefulFn<String, i64, (i64, Timestamp)> for AtExpiration {
    type State = i64;
    type Timer = ();

    fn process(&self, _: &String, _: i64, _: &mut i64, cx: &mut Out<'_, ()>) -> Result<(), BoxError> {
        cx.set_timer((), cx.timestamp());
        Ok(())
    }

    fn on_timer(&self, _: &String, (): (), fired: &mut i64, _: &mut Out<'_, ()>) -> Result<(), BoxError> {
        *fired += 1;
        Ok(())
    }

    fn on_window_expiration(
        &self,
        _: &String,
        fired: &mut i64,
        cx: &mut Out<'_, ()>,
    ) -> Result<(), BoxError> {
        cx.emit((*fired, cx.timestamp()));
        Ok(())
    }
}

/// Emits its elements, and 42 a second of processing time after the last.
#[derive(Clone)]
struct ByClock;

impl StatefulFn<String, i64, (i64, Timestamp)> for ByClock {
    type State = ();
    type Timer = ();

    fn process(&self, _: &String, n: i64, (): &mut (), cx: &mut Out<'_, ()>) -> Result<(), BoxError> {
        cx.emit((n, cx.timestamp()));
        cx.set_processing_timer((), cx.now() + ms(1000));
        Ok(())
    }

    fn on_timer(&self, _: &String, (): (), (): &mut (), cx: &mut Out<'_, ()>) -> Result<(), BoxError> {
        cx.emit((42, cx.timestamp()));
        Ok(())
    }
}
