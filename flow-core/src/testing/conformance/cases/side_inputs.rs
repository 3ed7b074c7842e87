//! Which window of a view an element sees, and when.

use std::time::Duration;

use super::{Bundling, Case};
use crate::combine::{Max, Sum};
use crate::testing::{Script, assert_that, stream};
use crate::trigger::{after_count, repeatedly};
use crate::window::{Fixed, Global, Sessions, Sliding, Window};
use crate::{Element, PCollection, Pipeline, Timestamp};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// A stream of values at times in milliseconds, complete before it is looked at.
fn stamped<T: Element>(
    p: &Pipeline,
    bundling: Bundling,
    values: impl IntoIterator<Item = (T, i64)>,
) -> PCollection<T> {
    bundling.of(stream().add(values.into_iter().map(|(value, millis)| (value, at(millis))))).collection(p)
}

/// Numbers at their own times.
fn numbers(p: &Pipeline, bundling: Bundling, numbers: &[i64]) -> PCollection<i64> {
    stamped(p, bundling, numbers.iter().map(|n| (*n, *n)))
}

fn sorted(list: &[i64]) -> Vec<i64> {
    let mut sorted = list.to_vec();
    sorted.sort_unstable();
    sorted
}

pub(super) const CASES: &[Case] = &[
    Case::holds(
        "an element sees the view of its own window",
        "ParDoTest, ViewTest: windowed side input",
        "Side inputs",
        |p, bundling| {
            let main = stamped(p, bundling, [("A", 4), ("B", 15), ("C", 7)]).window(Fixed::of(ms(10)));
            let side = stamped(p, bundling, [(1_i64, 1), (2, 11), (3, 13)]).window(Fixed::of(ms(10)));
            let sum = side.combine(Sum).as_single();
            let seen = main.with(&sum).map(|name, sum| format!("{name}{sum}"));
            assert_that(&seen).contains_in_any_order(["A1", "B5", "C1"].map(String::from));
        },
    ),
    Case::holds(
        "a view in the global window is seen from every window",
        "ViewTest: fixed main input, global side input",
        "Side inputs",
        |p, bundling| {
            let main = stamped(p, bundling, [("A", 4), ("B", 15), ("C", 7)]).window(Fixed::of(ms(10)));
            let sum = p.create([1_i64, 2, 3]).combine(Sum).as_single();
            let seen = main.with(&sum).map(|name, sum| format!("{name}{sum}"));
            assert_that(&seen).contains_in_any_order(["A6", "B6", "C6"].map(String::from));
        },
    ),
    Case::holds(
        "a view's longer windows are seen from the shorter ones inside",
        "windowed side inputs: fixed 10 with fixed 20",
        "Side inputs",
        |p, bundling| {
            let main = numbers(p, bundling, &[1, 2, 11, 21, 31]).window(Fixed::of(ms(10)));
            let list = numbers(p, bundling, &[1, 2, 11, 21, 31]).window(Fixed::of(ms(20))).as_list();
            let seen = main.with(&list).map(|n, list| (n, sorted(list)));
            let (first, second) = (vec![1, 2, 11], vec![21, 31]);
            assert_that(&seen).contains_in_any_order([
                (1, first.clone()),
                (2, first.clone()),
                (11, first),
                (21, second.clone()),
                (31, second),
            ]);
        },
    ),
    Case::holds(
        "an element in several windows sees the view of each",
        "windowed side inputs: sliding 6 by 2 with the same",
        "Side inputs",
        |p, bundling| {
            let main = numbers(p, bundling, &[1, 2, 4]).window(Sliding::of(ms(6), ms(2)));
            let list = numbers(p, bundling, &[1, 2, 4]).window(Sliding::of(ms(6), ms(2))).as_list();
            let seen = main.with(&list).map(|n, list| (n, sorted(list)));
            assert_that(&seen).contains_in_any_order([
                (1, vec![1]),
                (1, vec![1, 2]),
                (1, vec![1, 2, 4]),
                (2, vec![1, 2]),
                (2, vec![1, 2, 4]),
                (2, vec![2, 4]),
                (4, vec![1, 2, 4]),
                (4, vec![2, 4]),
                (4, vec![4]),
            ]);
        },
    ),
    Case::holds(
        "of a view's overlapping windows the earliest is seen",
        "windowed side inputs: fixed with sliding",
        "Side inputs",
        |p, bundling| {
            let second = |n: i64| (n, 1000 * n);
            let main = stamped(p, bundling, [1, 2, 3].map(second)).window(Fixed::of(ms(1000)));
            let side = stamped(p, bundling, [1, 2, 3].map(second)).window(Sliding::of(ms(2000), ms(1000)));
            let sum = side.combine(Sum).as_single();
            let seen = main.with(&sum).map(|n, sum| n + sum);
            assert_that(&seen).contains_in_any_order([2, 5, 8]);
        },
    ),
    Case::holds(
        "an element in overlapping windows sees the shorter window at the end of each",
        "windowed side inputs: sliding with fixed",
        "Side inputs",
        |p, bundling| {
            let second = |n: i64| (n, 1000 * n);
            let main = stamped(p, bundling, [1, 2, 3].map(second)).window(Sliding::of(ms(2000), ms(1000)));
            let side = stamped(p, bundling, [1, 2, 3].map(second)).window(Fixed::of(ms(1000)));
            let sum = side.as_single_or(0);
            let seen = main.with(&sum).map(|n, sum| n + sum);
            assert_that(&seen).contains_in_any_order([2, 3, 4, 5, 6, 3]);
        },
    ),
    Case::holds(
        "a function with a view is called once for each window of its element",
        "ParDoTest: observing windows with a side input",
        "Side inputs",
        |p, bundling| {
            let main = numbers(p, bundling, &[7]).window(Sliding::of(ms(10), ms(2)));
            let sum = p.create([100_i64]).combine(Sum).as_single();
            let seen = main.with(&sum).map(|n, sum| n + sum);
            assert_that(&seen).contains_in_any_order([107; 5]);
            assert_that(&seen).in_window(Window::new(at(2), at(12))).contains_only(107);
        },
    ),
    Case::holds(
        "an element waits until the view's window has ended empty",
        "ViewTest / TestStreamTest: main input waits for the side input's watermark",
        "Side inputs",
        |p, _| {
            let script = Script::new(p);
            let (main, side) = (script.input::<&'static str>(), script.input::<i64>());
            let sums = side.collection().window(Fixed::of(ms(10))).combine(Sum).as_single_or(0);
            let seen = main
                .collection()
                .window(Fixed::of(ms(10)))
                .with(&sums)
                .map(|name, sum| format!("{name}{sum}"));
            main.add([("A", at(3)), ("B", at(13))]).watermark(Timestamp::MAX);
            side.add([(5, at(12))]).watermark(at(15)).add([(6, at(16))]);
            assert_that(&seen).contains_in_any_order(["A0", "B11"].map(String::from));
        },
    ),
    Case::fails(
        "a single value of no element fails the step that reads it",
        "ViewTest.testEmptySingletonSideInput",
        "Side inputs",
        &["a single value was asked of a view of 0 elements"],
        |p, _| {
            let none = p.create([0_i64; 0]).as_single();
            let _ = p.create([1_i64]).with(&none).map(|n, none| n + none).inspect(|_| {});
        },
    ),
    Case::fails(
        "a single value of several elements fails",
        "ViewTest.testNonSingletonSideInput",
        "Side inputs",
        &["a single value was asked of a view of 3 elements"],
        |p, _| {
            let three = p.create([1_i64, 2, 3]).as_single();
            let _ = p.create([1_i64]).with(&three).map(|n, three| n + three).inspect(|_| {});
        },
    ),
    Case::fails(
        "a map of a key that comes twice fails",
        "ViewTest.testMapSideInputWithNullValuesCatchesDuplicates",
        "Side inputs",
        &["a key comes twice in a map view", "as_multimap"],
        |p, _| {
            let map = p.create([("a".to_string(), 1_i64), ("a".to_string(), 2)]).as_map();
            let _ = p.create([1_i64]).with(&map).map(|n, map| n + map["a"]).inspect(|_| {});
        },
    ),
    Case::fails(
        "sessions cannot be a view's windows",
        "Sessions.getDefaultWindowMappingFn",
        "Side inputs",
        &["a view in Sessions", "no window of it belongs to the main input's"],
        |p, bundling| {
            let side = numbers(p, bundling, &[1]).window(Sessions::with_gap(ms(10))).combine(Sum).as_single();
            let main = numbers(p, bundling, &[1]).window(Fixed::of(ms(10)));
            let _ = main.with(&side).map(|n, sum| n + sum).inspect(|_| {});
        },
    ),
    Case::fails(
        "a view in windows that end cannot be seen from the global window",
        "PartitioningWindowFn.getDefaultWindowMappingFn",
        "Side inputs",
        &["a view in Fixed", "no window of it belongs to the main input's"],
        |p, bundling| {
            let side = numbers(p, bundling, &[1]).window(Fixed::of(ms(10))).combine(Sum).as_single();
            let _ = p.create([1_i64]).with(&side).map(|n, sum| n + sum).inspect(|_| {});
        },
    ),
    Case::holds(
        "a later pane of a view replaces the earlier one",
        "the pattern of slowly updating side inputs: the latest of each pane, in the global window",
        "Side inputs",
        |p, _| {
            let script = Script::new(p);
            let (main, side) = (script.input::<i64>(), script.input::<i64>());
            let firing = Global::windows().trigger(repeatedly(after_count(1))).discarding();
            let latest = side.collection().window(firing).combine(Max).as_single();
            let seen = main.collection().with(&latest).map(|n, latest| (n, *latest));
            side.add([(7, at(1))]);
            main.add([(1, at(1))]);
            side.add([(6, at(2))]);
            main.add([(2, at(2))]);
            assert_that(&seen).contains_in_any_order([(1, Some(7)), (2, Some(6))]);
        },
    ),
    Case::holds(
        "a pane without elements leaves a view as it was",
        "a rule of ours: an empty pane says that nothing new came",
        "Side inputs",
        |p, _| {
            let script = Script::new(p);
            let (main, side) = (script.input::<i64>(), script.input::<i64>());
            let list =
                side.collection().window(Global::windows().trigger(repeatedly(after_count(1))).discarding());
            let seen = main.collection().with(&list.as_list()).map(|n, list| (n, list.clone()));
            side.add([(7, at(1))]).watermark(Timestamp::MAX);
            main.add([(1, at(1))]);
            assert_that(&seen).contains_only((1, vec![7]));
        },
    ),
];
