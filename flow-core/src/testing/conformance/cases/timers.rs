//! Timers, by key and window.

use serde::{Deserialize, Serialize};

use super::Case;
use super::stateful::{Fns, Seen, at, before, echo, hello, hello_at, ms};
use super::windowed::Pairs;
use crate::testing::{assert_that, stream};
use crate::window::{Fixed, Sessions, Sliding, Window};
use crate::{StatefulCx, Timestamp};

/// Emits its elements, and 42 a second after the last.
fn a_second_later() -> Fns<(), (), Seen> {
    echo(|n, (), cx| {
        cx.emit((n, cx.timestamp()));
        cx.timer(()).after(ms(1000));
    })
}

/// A tag for each firing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Tag {
    Plain,
    Family(String),
    Other(String),
}

/// Says which of its timers fire, and when.
fn tagged(process: fn(i64, &mut (), &mut StatefulCx<'_, Tag, (Tag, i64)>)) -> Fns<(), Tag, (Tag, i64)> {
    Fns::process(process).on_timer(|tag, (), cx| cx.emit((tag, cx.timestamp().millis())))
}

pub(super) const CASES: &[Case] = &[
    Case::holds(
        "a timer fires at its time, and its results have that time",
        "ParDoTest.testEventTimeTimerBounded",
        "Timers",
        |p, bundling| {
            let fired = hello(p, bundling, &[3]).par_do_stateful(a_second_later());
            assert_that(&fired).contains_in_any_order([(3, at(3)), (42, at(1003))]);
        },
    ),
    Case::holds(
        "a timer of what a grouping gives fires at the end of its window at the latest",
        "ParDoTest.testGbkFollowedByUserTimers",
        "Timers",
        |p, bundling| {
            let groups = hello(p, bundling, &[1, 2]).window(Fixed::of(ms(10))).group_by_key();
            let sums: Pairs = groups.map(|(key, group)| (key, group.iter().sum::<i64>()));
            let fired = sums.par_do_stateful(a_second_later());
            assert_that(&fired).contains_in_any_order([(3, before(10)), (42, before(10))]);
        },
    ),
    Case::holds(
        "a timer fires in bounded data too",
        "ParDoTest.testEventTimeTimerBounded, testGbkFollowedByUserTimers",
        "Timers",
        |p, _| {
            let grouped = p.create([("hello".to_string(), 3_i64)]).with_timestamps(|_| at(3)).group_by_key();
            let sums: Pairs = grouped.map(|(key, group)| (key, group.iter().sum::<i64>()));
            let fired = sums.par_do_stateful(a_second_later());
            let end = Timestamp::END_OF_GLOBAL_WINDOW;
            assert_that(&fired).satisfies(move |fired| fired == [(3, end), (42, end)]);
        },
    ),
    Case::holds(
        "a timer at the last moment of its window fires",
        "ParDoTest, timers: at the end of the window",
        "Timers",
        |p, bundling| {
            let fired = hello(p, bundling, &[3]).window(Fixed::of(ms(10))).par_do_stateful(echo::<()>(
                |n, (), cx| {
                    cx.emit((n, cx.timestamp()));
                    cx.set_timer((), cx.window().max_timestamp());
                },
            ));
            assert_that(&fired).contains_in_any_order([(3, at(3)), (42, before(10))]);
        },
    ),
    Case::fails(
        "a timer after the expiration of its window fails",
        "ParDoTest.testOutOfBoundsEventTimeTimer",
        "Timers",
        &["timer", "expiration"],
        |p, bundling| {
            let windowed = hello(p, bundling, &[3]).window(Fixed::of(ms(10)));
            let _ = windowed.par_do_stateful(echo::<()>(|_, (), cx| cx.set_timer((), at(10))));
        },
    ),
    Case::holds(
        "a timer set twice before it fires, fires once",
        "ParDoTest, timers: set twice",
        "Timers",
        |p, bundling| {
            let fired = hello(p, bundling, &[3, 3]).par_do_stateful(a_second_later());
            assert_that(&fired).contains_in_any_order([(3, at(3)), (3, at(3)), (42, at(1003))]);
        },
    ),
    Case::holds(
        "timers are set in each window of an element",
        "ParDoTest.testTimerReceivedInOriginalWindow",
        "Timers",
        |p, bundling| {
            let windowed = hello(p, bundling, &[0]).window(Sliding::of(ms(180_000), ms(60_000)));
            let fired = windowed.par_do_stateful(a_second_later());
            for start in [-120_000, -60_000, 0] {
                let window = Window::new(at(start), at(start + 180_000));
                assert_that(&fired).in_window(window).contains_in_any_order([(0, at(0)), (42, at(1000))]);
            }
        },
    ),
    Case::holds(
        "a timer may set itself again",
        "ParDoTest.testEventTimeTimerLoop",
        "Timers",
        |p, bundling| {
            let elements = ["a", "b", "c"].map(|key| ((key.to_string(), 0_i64), at(0)));
            let looped = bundling.of(stream().add(elements)).collection(p).par_do_stateful(
                Fns::process(|_, _: &mut i64, cx| cx.timer(()).after(ms(1))).on_timer(|(), count, cx| {
                    cx.emit((*count, cx.timestamp()));
                    *count += 1;
                    if *count < 5 {
                        cx.timer(()).after(ms(1));
                    }
                }),
            );
            let wanted = (0..5).flat_map(|n| [(n, at(n + 1)); 3]);
            assert_that(&looped).contains_in_any_order(wanted);
        },
    ),
    Case::holds(
        "a timer that always sets itself again ends with its window",
        "a rule of ours: a delay past the expiration is cut off there once",
        "Timers",
        |p, bundling| {
            let windowed = hello(p, bundling, &[0]).window(Fixed::of(ms(10)));
            let looped = windowed.par_do_stateful(
                Fns::process(|_, (): &mut (), cx| cx.timer(()).after(ms(4))).on_timer(|(), (), cx| {
                    cx.emit(cx.timestamp());
                    cx.timer(()).after(ms(4));
                }),
            );
            assert_that(&looped).contains_in_any_order([at(4), at(8), before(10)]);
        },
    ),
    Case::holds(
        "two timers that set each other fire in the order of their times",
        "ParDoTest, timers: two that set each other",
        "Timers",
        |p, bundling| {
            let volleys = hello(p, bundling, &[0]).par_do_stateful(
                Fns::process(|_, _: &mut (i64, i64), cx| {
                    cx.set_timer(1_u8, cx.timestamp());
                    cx.set_timer(2, at(101));
                })
                .on_timer(|timer, (served, returned), cx| {
                    let now = cx.timestamp();
                    let count = if timer == 1 { served } else { returned };
                    cx.emit((timer, *count, now.millis()));
                    *count += 1;
                    match timer {
                        1 => cx.set_timer(2, now),
                        _ if now < at(100) => cx.set_timer(1, now + ms(1)),
                        _ => {}
                    }
                }),
            );
            let wanted: Vec<(u8, i64, i64)> = (0..=100).flat_map(|n| [(1, n, n), (2, n, n)]).collect();
            assert_that(&volleys).satisfies(move |volleys| volleys == wanted);
        },
    ),
    Case::holds(
        "timers and expirations of one key fire in the order of their times",
        "a rule of ours: timers fire in the order of time, across windows",
        "Timers",
        |p, bundling| {
            let windowed = hello(p, bundling, &[1, 11, 21]).window(Fixed::of(ms(10)));
            let seen = windowed.par_do_stateful(
                Fns::process(|_, (): &mut (), cx| cx.timer(1_u8).after(ms(2)))
                    .on_timer(|timer, (), cx| {
                        cx.emit((timer, cx.timestamp().millis()));
                        if timer == 1 {
                            cx.timer(2).after(ms(2));
                        }
                    })
                    .on_window_expiration(|(), cx| cx.emit((3, cx.timestamp().millis()))),
            );
            let wanted = [0, 10, 20].map(|start| [(1, start + 3), (2, start + 5), (3, start + 9)]).concat();
            assert_that(&seen).satisfies(move |seen| seen == wanted);
        },
    ),
    Case::holds(
        "a timer of late data may lie after the end of its window",
        "ParDoTest, timers: within allowed lateness",
        "Timers",
        |p, bundling| {
            let windows = Fixed::of(ms(10_000)).allowed_lateness(ms(10_000)).discarding();
            let fired =
                hello(p, bundling, &[5000]).window(windows).par_do_stateful(echo::<()>(|_, (), cx| {
                    cx.emit((3, cx.timestamp()));
                    cx.set_timer((), cx.timestamp() + ms(10_000));
                }));
            assert_that(&fired).contains_in_any_order([(3, at(5000)), (42, at(15_000))]);
        },
    ),
    Case::holds(
        "an aligned timer fires so long before a multiple of its period",
        "ParDoTest.testEventTimeTimerAlignBounded",
        "Timers",
        |p, bundling| {
            let fired = hello(p, bundling, &[5000]).par_do_stateful(echo::<()>(|_, (), cx| {
                cx.timer(()).aligned_to(ms(60_000)).after(ms(1000));
            }));
            assert_that(&fired).contains_only((42, at(59_000)));
        },
    ),
    Case::holds(
        "an aligned timer fires when its window expires at the latest",
        "ParDoTest.testEventTimeTimerAlignAfterGcTimeUnbounded",
        "Timers",
        |p, bundling| {
            let end = Timestamp::END_OF_GLOBAL_WINDOW;
            let script = stream().add([(("hello".to_string(), 3), end)]);
            let fired = bundling.of(script).collection(p).par_do_stateful(echo::<()>(|_, (), cx| {
                cx.timer(()).aligned_to(ms(86_400_000)).after(ms(0));
            }));
            assert_that(&fired).contains_only((42, end));
        },
    ),
    Case::holds(
        "timers in the past fire at once, at their own time",
        "ParDoTest, timers: in the past",
        "Timers",
        |p, bundling| {
            let script = stream().watermark(at(20)).add([(("k".to_string(), 0_i64), at(5))]);
            let fired = bundling.of(script).collection(p).par_do_stateful(
                Fns::process(|_, (): &mut (), cx| {
                    for millis in [10, 20, 30] {
                        cx.set_timer(millis, at(millis));
                    }
                })
                .on_timer(|millis, (), cx| cx.emit((millis, cx.timestamp()))),
            );
            assert_that(&fired).satisfies(|fired| fired == [(10, at(10)), (20, at(20)), (30, at(30))]);
        },
    ),
    Case::holds(
        "timers of one family are told apart by their tags",
        "ParDoTest, timer families: several timers of one family",
        "Timers",
        |p, bundling| {
            let fired = hello(p, bundling, &[0]).par_do_stateful(tagged(|_, (), cx| {
                cx.set_timer(Tag::Family("timer1".into()), at(1));
                cx.set_timer(Tag::Family("timer2".into()), at(2));
            }));
            let family = |tag: &str| Tag::Family(tag.into());
            assert_that(&fired).contains_in_any_order([(family("timer1"), 1), (family("timer2"), 2)]);
        },
    ),
    Case::holds(
        "timers of two families are told apart though their tags are equal",
        "ParDoTest, timer families: one tag in two families",
        "Timers",
        |p, bundling| {
            let fired = hello(p, bundling, &[0]).par_do_stateful(tagged(|_, (), cx| {
                cx.set_timer(Tag::Family("timer".into()), at(1));
                cx.set_timer(Tag::Other("timer".into()), at(2));
            }));
            assert_that(&fired)
                .contains_in_any_order([(Tag::Family("timer".into()), 1), (Tag::Other("timer".into()), 2)]);
        },
    ),
    Case::holds(
        "a timer is apart from a family",
        "ParDoTest, timer families: a family and a timer",
        "Timers",
        |p, bundling| {
            let fired = hello(p, bundling, &[0]).par_do_stateful(tagged(|_, (), cx| {
                cx.set_timer(Tag::Family("timer".into()), at(1));
                cx.set_timer(Tag::Plain, at(2));
            }));
            assert_that(&fired).contains_in_any_order([(Tag::Family("timer".into()), 1), (Tag::Plain, 2)]);
        },
    ),
    Case::holds(
        "a timer of the empty tag is the one that has no other",
        "ParDoTest, timers: the empty dynamic tag",
        "Timers",
        |p, bundling| {
            let fired = hello(p, bundling, &[0]).par_do_stateful(
                Fns::process(|_, (): &mut (), cx| {
                    cx.set_timer(String::default(), at(10));
                    cx.set_timer(String::new(), at(20));
                })
                .on_timer(|tag, (), cx| cx.emit((tag, cx.timestamp()))),
            );
            assert_that(&fired).contains_only((String::new(), at(20)));
        },
    ),
    Case::holds(
        "a timer that is cleared and set again fires at its new time",
        "ParDoTest, timers: cleared and set again",
        "Timers",
        |p, bundling| {
            let fired = hello(p, bundling, &[0]).par_do_stateful(tagged(|_, (), cx| {
                let emit3 = || Tag::Family("emit3".into());
                cx.clear_timer(&emit3());
                cx.set_timer(emit3(), at(30));
                cx.timer(emit3()).clear();
                cx.set_timer(emit3(), at(40));
            }));
            assert_that(&fired).contains_only((Tag::Family("emit3".into()), 40));
        },
    ),
    Case::holds(
        "a timer of processing time fires as the clock passes it, once",
        "ParDoTest, timers: of processing time",
        "Timers",
        |p, bundling| {
            let script = stream().add([hello_at(3), hello_at(3)]).clock(ms(2000));
            let fired = bundling.of(script).collection(p).par_do_stateful(echo::<()>(|n, (), cx| {
                cx.emit((n, cx.timestamp()));
                cx.timer(()).after_processing_time(ms(1000));
            }));
            assert_that(&fired).contains_in_any_order([(3, at(3)), (3, at(3)), (42, at(3))]);
        },
    ),
    Case::holds(
        "a timer of processing time that sets itself again stays at the time of its element",
        "SimpleDoFnRunner, timers: the default output timestamp",
        "Timers",
        |p, bundling| {
            let script = stream().add([hello_at(3)]).clock(ms(1000)).clock(ms(1000)).watermark(at(50));
            let ticks = bundling.of(script).collection(p).window(Fixed::of(ms(10))).par_do_stateful(
                Fns::process(|_, _: &mut i64, cx| cx.timer(()).after_processing_time(ms(1000))).on_timer(
                    |(), ticks, cx| {
                        *ticks += 1;
                        cx.emit((*ticks, cx.timestamp()));
                        cx.timer(()).after_processing_time(ms(1000));
                    },
                ),
            );
            assert_that(&ticks).contains_in_any_order([(1, at(3)), (2, at(3))]);
        },
    ),
    Case::holds(
        "a timer of processing time that the clock does not reach fires when the input ends",
        "a rule of ours, as in Go; Dataflow leaves such timers out",
        "Timers",
        |p, bundling| {
            let fired = hello(p, bundling, &[3]).par_do_stateful(echo::<()>(|n, (), cx| {
                cx.emit((n, cx.timestamp()));
                cx.set_processing_timer((), cx.now() + ms(1000));
            }));
            assert_that(&fired).contains_in_any_order([(3, at(3)), (42, at(3))]);
        },
    ),
    Case::holds(
        "a timer moves with its session",
        "a rule of ours: Beam keeps no state in windows that merge",
        "Timers",
        |p, bundling| {
            let script = stream().add([hello_at(0)]).add([hello_at(8)]);
            let windowed = bundling.of(script).collection(p).window(Sessions::with_gap(ms(10)));
            let fired = windowed.par_do_stateful(only_at_multiples_of_16());
            assert_that(&fired).in_window(Window::new(at(0), at(18))).contains_only((0, at(9)));
        },
    ),
    Case::holds(
        "of one timer that two sessions have set the earlier setting stays when they merge",
        "a rule of ours: Beam keeps no state in windows that merge",
        "Timers",
        |p, bundling| {
            let script = stream().add([hello_at(0)]).add([hello_at(16)]).add([hello_at(8)]);
            let windowed = bundling.of(script).collection(p).window(Sessions::with_gap(ms(10)));
            let fired = windowed.par_do_stateful(only_at_multiples_of_16());
            assert_that(&fired).in_window(Window::new(at(0), at(26))).contains_only((0, at(9)));
        },
    ),
];

/// Sets its timer 9 milliseconds on for the elements 0, 16, 32 and so on; says how late it is after 9 milliseconds.
fn only_at_multiples_of_16() -> Fns<(), (), Seen> {
    Fns::process(|n, (), cx: &mut StatefulCx<'_, (), Seen>| {
        if n % 16 == 0 {
            cx.timer(()).after(ms(9));
        }
    })
    .on_timer(|(), (), cx| cx.emit((cx.fire_timestamp().millis() - 9, cx.timestamp())))
    .merging(|(), ()| ())
}
