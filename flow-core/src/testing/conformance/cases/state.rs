//! State, by key and window.

use super::stateful::{Fns, at, before, hello, hello_at, ms};
use super::windows::BigAbsorbsSmall;
use super::{Case, Test};
use crate::combine::{Count, Sum};
use crate::state::{Bag, Combining, Map, Merge, Multimap, OrderedList, Set};
use crate::testing::{assert_that, collect, stream};
use crate::window::{Fixed, Sessions, Window, WindowInto};
use crate::{PCollection, Pipeline, Timestamp};

/// Counts in state, from a number, in steps of it if it is not 0.
fn counted(numbers: &PCollection<(String, i64)>, from: i64) -> PCollection<(String, i64)> {
    numbers.stateful(move |key, _, seen: &mut i64, out| {
        out.emit((key.clone(), from + *seen * from.max(1)));
        *seen += 1;
    })
}

/// Emits at the end of each session its numbers in order, with the timestamp.
fn sessions() -> Fns<Bag<i64>, (), (Vec<i64>, Timestamp)> {
    Fns::process(|n, numbers: &mut Bag<i64>, _| numbers.add(n)).merging(Merge::merge).on_window_expiration(
        |numbers, cx| {
            let mut numbers = numbers.take();
            numbers.sort_unstable();
            cx.emit((numbers, cx.timestamp()));
        },
    )
}

pub(super) const CASES: &[Case] = &[
    Case::holds(
        "state is of one window",
        "ParDoTest.testValueStateFixedWindows",
        "Stateful processing",
        |p, bundling| {
            let counts = counted(&hello(p, bundling, &[1, 2, 3, 11, 12]).window(Fixed::of(ms(10))), 0);
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
            let first = counted(&hello(p, bundling, &[1, 2, 3]), 0);
            let second = counted(&first, 13);
            assert_that(&first.map(|(_, n)| n)).contains_in_any_order([0, 1, 2]);
            assert_that(&second.map(|(_, n)| n)).contains_in_any_order([13, 26, 39]);
        },
    ),
    Case::holds(
        "what was read of a bag stays as it was when more is added",
        "ParDoTest, bag state: an iterable that is kept",
        "Stateful processing",
        |p, bundling| {
            let read = hello(p, bundling, &[1, 2, 3, 4]).par_do_stateful(Fns::<_, (), _>::process(
                |n, bag: &mut Bag<i64>, cx| {
                    let was_empty = bag.is_empty();
                    bag.add(n);
                    if bag.len() == 4 {
                        let (cached, one_by_one) = (bag.read(), bag.read().into_iter());
                        bag.add(-1);
                        let sum = |numbers: &[i64]| numbers.iter().sum::<i64>();
                        cx.emit((cached.len(), sum(&cached), one_by_one.sum(), bag.read().len(), was_empty));
                    }
                },
            ));
            assert_that(&read).contains_only((4, 10, 10, 5, false));
        },
    ),
    Case::holds(
        "an aggregation in state has seen what was added",
        "ParDoTest.testCombiningState",
        "Stateful processing",
        |p, bundling| {
            let read = hello(p, bundling, &[1, 2, 3]).par_do_stateful(
                Fns::<_, (), _>::process(|n, seen: &mut Combining<i64, (Sum, Count)>, _| seen.add(n))
                    .on_window_expiration(|seen, cx| cx.emit(seen.read())),
            );
            assert_that(&read).contains_only((6, 3));
        },
    ),
    Case::holds(
        "maps, sets and multimaps in state are read in the order of their keys",
        "ParDoTest.testMapState, testSetState, testMultimapState",
        "Stateful processing",
        |p, bundling| {
            type State = (Map<i64, i64>, Set<i64>, Multimap<i64, i64>);
            let read = hello(p, bundling, &[31, 12, 11, 22]).par_do_stateful(
                Fns::<_, (), _>::process(|n, (map, set, multimap): &mut State, _| {
                    *map.or_default(n % 10) += 1;
                    set.add(n % 10);
                    multimap.put(n % 10, n);
                })
                .on_window_expiration(|(map, set, multimap), cx| {
                    let mut both = [multimap.get(&1).to_vec(), multimap.get(&2).to_vec()];
                    for values in &mut both {
                        values.sort_unstable();
                    }
                    let counts: Vec<(i64, i64)> = map.entries().map(|(key, n)| (*key, *n)).collect();
                    cx.emit((counts, set.read().copied().collect::<Vec<_>>(), both));
                }),
            );
            let wanted = (vec![(1, 2), (2, 2)], vec![1, 2], [vec![11, 31], vec![12, 22]]);
            assert_that(&read).contains_only(wanted);
        },
    ),
    Case::holds(
        "an ordered list is read and cleared in half-open ranges",
        "ParDoTest.testOrderedListStateRangeFetch, testOrderedListStateRangeDelete",
        "Stateful processing",
        |p, bundling| {
            let read = hello(p, bundling, &[97, 42, 52, 12]).par_do_stateful(
                Fns::<_, (), _>::process(|n, list: &mut OrderedList<i64>, cx| {
                    list.add(at(n), n);
                    cx.set_timer((), at(42));
                    if list.len() == 4 {
                        let ranges = [(0, 12), (0, 13), (13, 53), (52, 98)];
                        let read = ranges.map(|(from, to)| list.read_range(at(from)..at(to)));
                        cx.emit(read.map(|values| values.map(|(_, n)| *n).collect::<Vec<_>>()).to_vec());
                    }
                })
                .on_timer(|(), list, cx| {
                    list.clear_range(at(0)..at(43));
                    cx.emit(vec![list.read().map(|(_, n)| *n).collect()]);
                }),
            );
            let ranges = vec![vec![], vec![12], vec![42, 52], vec![52, 97]];
            assert_that(&read).contains_in_any_order([ranges, vec![vec![52, 97]]]);
        },
    ),
    Case::holds(
        "the expiration of a window sees its state, as its timers left it",
        "ParDoTest, OnWindowExpiration",
        "Stateful processing",
        |p, bundling| {
            let windowed = hello(p, bundling, &[1, 11]).window(Fixed::of(ms(10)));
            let seen = windowed.par_do_stateful(counts_its_timer());
            assert_that(&seen).contains_in_any_order([(1, before(10)), (1, before(20))]);
        },
    ),
    Case::holds(
        "the expiration of the global window sees its state when the input ends",
        "ParDoTest, OnWindowExpiration in the global window",
        "Stateful processing",
        |p, bundling| {
            let seen = hello(p, bundling, &[1]).par_do_stateful(counts_its_timer());
            assert_that(&seen).contains_only((1, Timestamp::END_OF_GLOBAL_WINDOW));
        },
    ),
    Case::holds(
        "an element of an expired window does not reach its state",
        "StatefulDoFnRunnerTest, late elements",
        "Stateful processing",
        |p, bundling| {
            let script = stream().add([hello_at(1)]).watermark(at(15)).add([hello_at(2), hello_at(13)]);
            let windowed = bundling.of(script).collection(p).window(Fixed::of(ms(10)));
            let counts = counted(&windowed, 0).map(|(_, n)| n);
            assert_that(&counts).contains_in_any_order([0, 0]);
        },
    ),
    Case {
        name: "an element of an expired window counts as dropped late, and other windows keep their state",
        beam: "StatefulDoFnRunnerTest, garbage collection and late elements",
        capability: "Stateful processing",
        test: Test::Check(|run| {
            let p = Pipeline::new();
            let script = stream().add([hello_at(1), hello_at(11)]).watermark(at(15));
            let windows = Fixed::of(ms(10)).allowed_lateness(ms(5)).discarding();
            let counts = counted(&script.add([hello_at(2), hello_at(12)]).collection(&p).window(windows), 0);
            let counts = collect(&counts);
            let dropped = run(p).map_err(|error| error.report())?.dropped_late();
            let mut seen: Vec<i64> = counts.values().into_iter().map(|(_, n)| n).collect();
            seen.sort_unstable();
            match (seen.as_slice(), dropped) {
                ([0, 0, 1], 1) => Ok(()),
                other => Err(format!("wanted counts 0, 0, 1 and one drop, and there were {other:?}")),
            }
        }),
    },
    Case::holds(
        "states of two sessions become one when an element bridges them",
        "a rule of ours: Beam keeps no state in windows that merge",
        "Stateful processing",
        |p, bundling| {
            let script = stream().add([hello_at(0), hello_at(16), hello_at(40)]).add([hello_at(8)]);
            let sums = bundling.of(script).collection(p).window(Sessions::with_gap(ms(10)));
            let sums = sums.par_do_stateful(sessions());
            let (bridged, apart) = (Window::new(at(0), at(26)), Window::new(at(40), at(50)));
            assert_that(&sums).in_window(bridged).contains_only((vec![0, 8, 16], before(26)));
            assert_that(&sums).in_window(apart).contains_only((vec![40], before(50)));
        },
    ),
    Case::holds(
        "states merge as a custom window function says that windows do",
        "a rule of ours: Beam keeps no state in windows that merge",
        "Stateful processing",
        |p, bundling| {
            let numbers = [(1, 20_000), (100, 10_000), (2, 39_000)];
            let numbers = numbers.map(|(n, time)| (("hello".to_string(), n), at(time)));
            let windowed =
                bundling.of(stream().add(numbers)).collection(p).window(WindowInto::by(BigAbsorbsSmall));
            let seen = windowed.par_do_stateful(sessions());
            assert_that(&seen)
                .contains_in_any_order([(vec![1, 100], before(40_000)), (vec![2], before(44_000))]);
        },
    ),
    Case::holds(
        "a session expires once, at its merged end",
        "a rule of ours: Beam keeps no state in windows that merge",
        "Stateful processing",
        |p, bundling| {
            let script = stream().add([hello_at(0)]).add([hello_at(8)]).watermark(at(12));
            let script = script.add([hello_at(16), hello_at(12)]).watermark(at(26)).add([hello_at(30)]);
            let expired = bundling.of(script).collection(p).window(Sessions::with_gap(ms(10)));
            let expired = expired.par_do_stateful(sessions());
            assert_that(&expired)
                .contains_in_any_order([(vec![0, 8, 12, 16], before(26)), (vec![30], before(40))]);
        },
    ),
    Case::holds(
        "a late element whose own session has expired does not reach the state that it would merge into",
        "a rule of ours: Beam keeps no state in windows that merge",
        "Stateful processing",
        |p, bundling| {
            let script = stream().add([hello_at(12)]).watermark(at(15)).add([hello_at(4), hello_at(13)]);
            let seen = bundling.of(script).collection(p).window(Sessions::with_gap(ms(10)));
            let seen = seen.par_do_stateful(sessions());
            assert_that(&seen).contains_only((vec![12, 13], before(23)));
        },
    ),
    Case::holds(
        "a session that has expired is not merged with one that begins in it",
        "a rule of ours: Beam keeps no state in windows that merge",
        "Stateful processing",
        |p, bundling| {
            let script = stream().add([hello_at(0)]).watermark(at(12)).add([hello_at(8)]);
            let seen = bundling.of(script).collection(p).window(Sessions::with_gap(ms(10)));
            let seen = seen.par_do_stateful(sessions());
            assert_that(&seen).contains_in_any_order([(vec![0], before(10)), (vec![8], before(18))]);
        },
    ),
];

/// Counts the firings of its timer, and says so when the window expires.
fn counts_its_timer() -> Fns<i64, (), (i64, Timestamp)> {
    Fns::process(|_, _: &mut i64, cx| cx.set_timer((), cx.timestamp()))
        .on_timer(|(), fired, _| *fired += 1)
        .on_window_expiration(|fired, cx| cx.emit((*fired, cx.timestamp())))
}
