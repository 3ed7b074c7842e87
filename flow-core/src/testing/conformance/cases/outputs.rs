//! The timestamps of what stateful functions and their timers emit, and what they hold.

use super::Case;
use super::stateful::{Fns, at, before, echo, hello, hello_at, ms};
use crate::StatefulCx;
use crate::testing::{assert_that, stream};
use crate::window::Fixed;

/// Passes elements on; the first sets a timer in some way.
fn sets_at_0(
    process: fn(i64, &mut (), &mut StatefulCx<'_, (), (String, i64)>),
) -> Fns<(), (), (String, i64)> {
    Fns::process(process)
}

/// Says what comes: elements, and one timer at 8.
fn timer_at_8() -> Fns<bool, (), String> {
    Fns::process(|n, set, cx: &mut StatefulCx<'_, (), String>| {
        cx.emit("element".into());
        if n == 0 && !std::mem::replace(set, true) {
            cx.set_timer((), at(8));
        }
    })
    .on_timer(|(), _, cx| cx.emit("timer".into()))
}

pub(super) const CASES: &[Case] = &[
    Case::fails(
        "a timer whose results lie after the expiration of its window fails",
        "ParDoTest, timers: an output timestamp out of bounds",
        "Timers",
        &["timer", "output timestamp", "expiration"],
        |p, bundling| {
            let windowed = hello(p, bundling, &[3]).window(Fixed::of(ms(10)));
            let _ = windowed
                .par_do_stateful(echo::<()>(|_, (), cx| cx.timer(()).output_at(at(10)).at(before(10))));
        },
    ),
    Case::fails(
        "a timer without an output timestamp cannot output",
        "ParDoTest, timers: output from a timer without an output timestamp",
        "Timers",
        &["cannot output from timer", "without an output timestamp"],
        |p, bundling| {
            let numbers = hello(p, bundling, &[3]);
            let _ =
                numbers.par_do_stateful(echo::<()>(|_, (), cx| cx.timer(()).without_output().after(ms(1))));
        },
    ),
    Case::holds(
        "a timer's output time holds the watermark downstream",
        "ParDoTest.testOutputTimestamp",
        "Timers",
        |p, _| {
            let script = stream().watermark(at(0)).add([hello_at(0)]).watermark(at(9)).add([hello_at(9)]);
            let first = script.collection(p).par_do_stateful(
                sets_at_0(|n, (), cx| {
                    cx.emit(("k".into(), n));
                    if n == 0 {
                        cx.timer(()).output_at(at(5)).at(at(10));
                    }
                })
                .on_timer(|(), (), cx| cx.emit(("k".into(), 100))),
            );
            assert_that(&first.values()).contains_in_any_order([0, 9, 100]);
            let second = first.par_do_stateful(timer_at_8());
            let wanted = ["element", "element", "element", "timer"];
            assert_that(&second).satisfies(move |seen| seen == wanted);
        },
    ),
    Case::holds(
        "a timer without output holds nothing",
        "ParDoTest, timers: without an output timestamp",
        "Timers",
        |p, _| {
            let script = stream().watermark(at(0)).add([hello_at(0)]).watermark(at(9)).add([hello_at(9)]);
            let first = script.collection(p).par_do_stateful(sets_at_0(|n, (), cx| {
                cx.emit(("k".into(), n));
                if n == 0 {
                    cx.timer(()).without_output().after(ms(10));
                }
            }));
            let second = first.par_do_stateful(timer_at_8());
            assert_that(&second).satisfies(|seen| seen == ["element", "timer", "element"]);
        },
    ),
    Case::holds(
        "a result may have a time of its own in its window",
        "ParDoTest, output timestamps of stateful functions",
        "Timestamp control",
        |p, bundling| {
            let windowed = hello(p, bundling, &[3]).window(Fixed::of(ms(10)));
            let moved = windowed.par_do_stateful(Fns::<(), (), _>::process(|n, (), cx| {
                cx.emit_at(("k".to_string(), n), at(7));
            }));
            let seen = moved.par_do_stateful(echo::<()>(|n, (), cx| cx.emit((n, cx.timestamp()))));
            assert_that(&seen).contains_only((3, at(7)));
        },
    ),
    Case::fails(
        "a stateful result before its element fails, and says what skew is allowed",
        "ParDoTest, output timestamps: skew",
        "Timestamp control",
        &["before its element", "allowed skew"],
        |p, bundling| {
            let numbers = hello(p, bundling, &[3]);
            let _ = numbers.par_do_stateful(Fns::<(), (), _>::process(|n, (), cx| cx.emit_at(n, at(2))));
        },
    ),
    Case::fails(
        "a stateful result after the expiration of its window fails",
        "a rule of ours: what lies behind its window would be lost in the next grouping",
        "Timestamp control",
        &["a result at", "after the expiration of its window"],
        |p, bundling| {
            let windowed = hello(p, bundling, &[3]).window(Fixed::of(ms(10)));
            let _ = windowed.par_do_stateful(Fns::<(), (), _>::process(|n, (), cx| cx.emit_at(n, at(10))));
        },
    ),
];
