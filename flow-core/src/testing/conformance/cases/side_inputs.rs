//! Which window of a view an element sees, and when.

use std::time::Duration;

use super::{Bundling, Case};
use crate::combine::Sum;
use crate::testing::{Script, assert_that, stream};
use crate::window::{Fixed, Global, Sessions, Sliding, Window, WindowFn, WindowInto};
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

/// For each number the window of so many milliseconds from the epoch on.
#[derive(Clone, Debug)]
struct Until;

impl WindowFn<i64> for Until {
    fn assign(&self, end: &i64, _: Timestamp, mut emit: impl FnMut(Window)) {
        emit(Window::new(at(0), at(*end)));
    }
}

pub(super) const CASES: &[Case] = &[
    Case::holds(
        "an element sees the view of its own window",
        "ParDoTest, ViewTest: windowed side input",
        "Side inputs",
        |p, bundling| {
            let main = stamped(p, bundling, [('A', 4), ('B', 15), ('C', 7)]).window(Fixed::of(ms(10)));
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
            let main = stamped(p, bundling, [('A', 4), ('B', 15), ('C', 7)]).window(Fixed::of(ms(10)));
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
        "a view's window holds the last moment of the main input's",
        "SlidingWindowsTest.testDefaultWindowMappingFn",
        "Side inputs",
        |p, bundling| {
            let windows = Sliding::of(ms(1000), ms(300)).offset(ms(40));
            let list = numbers(p, bundling, &[340, 1340]).window(windows).as_list();
            let main = p.create([1041, 1339, 1340, 1341]).window(WindowInto::by(Until));
            let seen = main.with(&list).map(|end, list| (end, list.clone()));
            let (from_340, from_640) = (vec![340], vec![1340]);
            assert_that(&seen).contains_in_any_order([
                (1041, from_340.clone()),
                (1339, from_340.clone()),
                (1340, from_340),
                (1341, from_640),
            ]);
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
            for start in [-2, 0, 2, 4, 6] {
                assert_that(&seen).in_window(Window::new(at(start), at(start + 10))).contains_only(107);
            }
        },
    ),
    Case::holds(
        "an element waits until the view's window has ended empty",
        "ViewTest / TestStreamTest: main input waits for the side input's watermark",
        "Side inputs",
        |p, _| {
            let script = Script::new(p);
            let (main, side) = (script.input::<char>(), script.input::<i64>());
            let sums = side.collection().window(Fixed::of(ms(10))).combine(Sum).as_single_or(0);
            let seen = main
                .collection()
                .window(Fixed::of(ms(10)))
                .with(&sums)
                .map(|name, sum| format!("{name}{sum}"));
            main.add([('A', at(3)), ('B', at(13))]).watermark(Timestamp::MAX);
            side.add([(5, at(12))]).watermark(at(15)).add([(6, at(16))]);
            assert_that(&seen).contains_in_any_order(["A0", "B11"].map(String::from));
        },
    ),
    Case::holds(
        "a view's empty window ends while its longer windows upstream are open",
        "TestStreamTest, main and side input of one stream: the default of a window that closed empty",
        "Side inputs",
        |p, bundling| {
            let (second, ten) = (|n: i64| at(1000 * n), || Fixed::of(ms(10_000)));
            let script = stream().watermark(at(0)).add([(1000, second(1))]).watermark(second(20));
            let numbers: PCollection<i64> = bundling.of(script).collection(p);
            let sums = numbers.window(Fixed::of(ms(100_000))).combine(Sum).window(ten()).as_single_or(0);
            let groups = numbers.window(ten()).key_by(|_| 0_u8).group_by_key();
            let seen = groups.with(&sums).map(|_, sum| *sum);
            assert_that(&seen).contains_only(0);
            assert_that(&seen).in_window(Window::new(at(0), second(10))).contains_only(0);
        },
    ),
    Case::holds(
        "views of one collection have defaults of their own",
        "a rule of ours: a default belongs to its view",
        "Side inputs",
        |p, bundling| {
            let none = numbers(p, bundling, &[]).window(Fixed::of(ms(10)));
            let (seven, nine) = (none.as_single_or(7), none.as_single_or(9));
            let main = numbers(p, bundling, &[1]).window(Fixed::of(ms(10)));
            let seen = main.with((&seven, &nine)).map(|n, (seven, nine)| (n, *seven, *nine));
            assert_that(&seen).contains_only((1, 7, 9));
        },
    ),
    Case::holds(
        "a multimap keeps equal values of a key",
        "ViewTest.testMultimapSideInput",
        "Side inputs",
        |p, bundling| {
            let pairs =
                stamped(p, bundling, [(("a", 1_i64), 0), (("a", 1), 0), (("a", 2), 0), (("b", 3), 0)]);
            let pairs = pairs.map(|(key, value)| (key.to_string(), value)).window(Fixed::of(ms(10)));
            let keys = stamped(p, bundling, [("a", 1), ("b", 2), ("c", 3)]).window(Fixed::of(ms(10)));
            let seen = keys.map(str::to_string).with(&pairs.as_multimap()).map(|key, values| {
                let found = values.get(&key).map(|values| sorted(values));
                (key, found)
            });
            assert_that(&seen).contains_in_any_order([
                ("a".to_string(), Some(vec![1, 1, 2])),
                ("b".to_string(), Some(vec![3])),
                ("c".to_string(), None),
            ]);
        },
    ),
    Case::holds(
        "a lookup finds what a multimap holds",
        "a rule of ours: how a view is stored does not change what is seen",
        "Side inputs",
        |p, bundling| {
            let ten = || Fixed::of(ms(10));
            let side = stream()
                .add([((1_i64, 5_i64), at(1)), ((1, 6), at(2)), ((2, 7), at(3)), ((1, 8), at(12))])
                .watermark(at(10))
                .add([((1, 9), at(4)), ((3, 9), at(13))]); // the first is late, and dropped
            let pairs: PCollection<(i64, i64)> = bundling.of(side).collection(p).window(ten());
            let (map, table) = (pairs.as_multimap(), pairs.as_lookup());
            let keys = [(1, 5), (2, 5), (3, 5), (1, 15), (3, 15), (1, 25)];
            let keys = stamped(p, bundling, keys).window(ten());
            let seen = keys.with((&map, &table)).process(|key, (map, table), out| -> crate::Result<()> {
                let stored = table.get_all(&key).collect::<crate::Result<Vec<i64>>>()?;
                let held = map.get(&key).map_or(Vec::new(), |values| sorted(values));
                out.emit((key, sorted(&stored) == held, held));
                Ok(())
            });
            assert_that(&seen).contains_in_any_order([
                (1, true, vec![5, 6]),
                (2, true, vec![7]),
                (3, true, vec![]),
                (1, true, vec![8]),
                (3, true, vec![9]),
                (1, true, vec![]),
            ]);
        },
    ),
    Case::holds(
        "a list may be gone through as often as wanted, also side by side",
        "ViewTest, a list is iterable again and by several iterators",
        "Side inputs",
        |p, _| {
            let list = p.create(0..100_i64).as_list();
            let seen = p.create([0_i64]).with(&list).map(|_, list| {
                let again = list.iter().sum::<i64>() + list.iter().sum::<i64>();
                let beside = list.iter().zip(list).filter(|(a, b)| a == b).count();
                let offset = list.iter().zip(list.iter().skip(1)).filter(|(a, b)| a != b).count();
                (again, beside, offset)
            });
            assert_that(&seen).contains_only((9900, 100, 99));
        },
    ),
    Case::fails(
        "a single value of no element fails the step that reads it",
        "ViewTest.testEmptySingletonSideInput",
        "Side inputs",
        &["a single value was asked of a view without an element", "as_single_or"],
        |p, _| {
            let none = p.create([0_i64; 0]).as_single();
            let _ = p.create([1_i64]).with(&none).map(|n, none| n + none).inspect(|_| {});
        },
    ),
    Case::fails(
        "a single value of several elements fails",
        "ViewTest.testNonSingletonSideInput",
        "Side inputs",
        &["a single value was asked of a view of 3 elements", "as_list"],
        |p, _| {
            let three = p.create([1_i64, 2, 3]).as_single();
            let _ = p.create([1_i64]).with(&three).map(|n, three| n + three).inspect(|_| {});
        },
    ),
    Case::fails(
        "a single value of several elements fails when panes discard",
        "ViewTest.testDiscardingNonSingletonSideInput",
        "Side inputs",
        &["a single value was asked of a view of 3 elements"],
        |p, _| {
            let three = p.create([1_i64, 2, 3]).window(Global::windows().discarding()).as_single_or(0);
            let _ = p.create([1_i64]).with(&three).map(|n, three| n + three).inspect(|_| {});
        },
    ),
    Case::fails(
        "a map of a key that comes twice fails",
        "ViewTest.testMapSideInput, a key twice",
        "Side inputs",
        &["a key comes twice in a map view", "as_multimap"],
        |p, _| {
            let map = p.create([("a".to_string(), 1_i64), ("a".to_string(), 2)]).as_map();
            let _ = p.create([1_i64]).with(&map).map(|n, map| n + map["a"]).inspect(|_| {});
        },
    ),
    Case::fails(
        "a map of a key that comes twice fails though its values are none",
        "ViewTest.testMapSideInputWithNullValuesCatchesDuplicates",
        "Side inputs",
        &["a key comes twice in a map view"],
        |p, _| {
            let map = p.create([("a".to_string(), None::<i64>), ("a".to_string(), None)]).as_map();
            let _ = p.create([1_usize]).with(&map).map(|n, map| n + map.len()).inspect(|_| {});
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
];
