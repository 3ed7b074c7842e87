//! Aggregations: of nothing, in parts, and under triggers; keys of every kind.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Bundling, Case};
use crate::combine::{Count, Mean, Sum};
use crate::testing::{assert_that, stream};
use crate::trigger::{after_count, repeatedly};
use crate::window::{Fixed, Global, Sessions, Window, WindowInto};
use crate::{Element, PCollection, Pipeline, Timestamp};

/// A stream of values, all at 0.
fn values<T: Element>(p: &Pipeline, bundling: Bundling, values: Vec<T>) -> PCollection<T> {
    let zero = Timestamp::from_secs(0);
    bundling.of(stream().add(values.into_iter().map(|value| (value, zero)))).collection(p)
}

/// Two keys, the first with a mean of 2 and the second of 7, ten times over.
fn hot(p: &Pipeline, bundling: Bundling) -> PCollection<(String, i64)> {
    let table = [("a", 1), ("a", 1), ("a", 4), ("b", 1), ("b", 13)];
    let pairs = table.repeat(10).into_iter().map(|(key, n)| (key.to_string(), n)).collect();
    values(p, bundling, pairs).window(Fixed::of(Duration::from_secs(1)))
}

/// The global window, firing with every element.
fn for_each_element() -> WindowInto<Global> {
    Global::windows().trigger(repeatedly(after_count(1)))
}

pub(super) const CASES: &[Case] = &[
    Case::holds(
        "a hot key that is combined in parts has the mean of the whole",
        "CombineTest.testHotKeyCombining",
        "Combine",
        |p, bundling| {
            let pairs = hot(p, bundling);
            let flips = AtomicBool::new(false);
            let in_parts = [
                pairs.with_fanout(0),
                pairs.with_fanout(5),
                pairs.with_fanout_by(|key| if key == "a" { 3 } else { 0 }),
                pairs.with_fanout_by(move |_| if flips.fetch_xor(true, Ordering::Relaxed) { 3 } else { 0 }),
            ];
            for fanout in in_parts {
                assert_that(&fanout.combine_per_key(Mean))
                    .contains_in_any_order([("a".to_string(), 2.0), ("b".to_string(), 7.0)]);
            }
        },
    ),
    Case::holds(
        "a sum in parts under an accumulating trigger counts each element once",
        "CombineTest.testHotKeyCombiningWithAccumulationMode",
        "Combine",
        |p, bundling| {
            let numbers = values(p, bundling, vec![1_i64, 2, 3, 4, 5]);
            let firing = numbers.window(for_each_element().accumulating());
            assert_that(&firing.with_fanout(2).combine(Sum))
                .satisfies(|sums| sums.last() == Some(&15) && sums.iter().max() == Some(&15));
        },
    ),
    Case::holds(
        "sums in parts under a discarding trigger add up",
        "CombineTest.testHotKeyCombiningWithAccumulationMode, discarding",
        "Combine",
        |p, bundling| {
            let numbers = values(p, bundling, vec![1_i64, 2, 3, 4, 5]);
            let firing = numbers.window(for_each_element().discarding());
            assert_that(&firing.with_fanout(2).combine(Sum)).satisfies(|sums| sums.iter().sum::<i64>() == 15);
        },
    ),
    Case::holds(
        "the sum of nothing is zero in the global window",
        "CombineTest.testCombineGloballyWithDefault / testSimpleCombineEmpty",
        "Combine",
        |p, _| {
            let nothing = p.create(Vec::<i64>::new());
            assert_that(&nothing.combine(Sum)).contains_only(0);
            assert_that(&nothing.with_fanout(3).combine(Sum)).contains_only(0);
        },
    ),
    Case::holds(
        "windows without elements have no sum",
        "CombineTest.testWindowedCombineEmpty",
        "Combine",
        |p, bundling| {
            let nothing = values(p, bundling, Vec::<i64>::new()).window(Fixed::of(Duration::from_millis(1)));
            assert_that(&nothing.combine(Sum)).is_empty();
            assert_that(&nothing.with_fanout(3).combine(Sum)).is_empty();
        },
    ),
    Case::holds(
        "a count that fires for each element ends with all of them",
        "CombineTest.testGlobalCombineWithDefaultsAndTriggers",
        "Combine",
        |p, bundling| {
            let ones = values(p, bundling, vec![1_i64, 1]);
            let counts = ones.window(for_each_element().accumulating()).combine(Count);
            let seen = counts.reify().map(|r| format!("{}: isLast={}", r.value, r.pane.last));
            assert_that(&seen).satisfies(|seen| seen.contains(&"2: isLast=true".to_string()));
        },
    ),
    Case::holds(
        "parts of a key are in the windows and at the times of the whole",
        "CombineTest, hot keys in windows",
        "Combine",
        |p, bundling| {
            let at = Timestamp::from_millis;
            let elements = (0..20).map(|n| ((1_u8, n), at(n)));
            let windowed = bundling
                .of(stream().add(elements))
                .collection(p)
                .window(Fixed::of(Duration::from_millis(10)));
            let sums = windowed.with_fanout(4).combine_per_key(Sum).reify().map(|r| (r.value.1, r.time));
            let ends = [9_999, 19_999].map(Timestamp::from_micros);
            assert_that(&sums).contains_in_any_order([(45, ends[0]), (145, ends[1])]);
        },
    ),
    Case::fails(
        "parts of a key are not combined in windows that merge",
        "a rule of ours: each part would have sessions of its own",
        "Combine",
        &["`with_fanout` aggregates the parts of a key apart"],
        |p, bundling| {
            let sessions = hot(p, bundling).window(Sessions::with_gap(Duration::from_secs(1)));
            assert_that(&sessions.with_fanout(2).combine_per_key(Sum)).is_empty();
        },
    ),
    Case::holds(
        "keys of any length are told apart",
        "GroupByKeyTest.testLargeKeys10KB to testLargeKeys1MB",
        "GroupByKey",
        |p, bundling| {
            let sizes = [10_000, 100_000, 1_000_000];
            let keys = sizes.into_iter().flat_map(|size| ["a", "b"].map(|end| "k".repeat(size) + end));
            let pairs = keys.flat_map(|key| [(key.clone(), 1_i64), (key, 2)]).collect();
            let windowed = values(p, bundling, pairs).window(Fixed::of(Duration::from_secs(1)));
            let seen = windowed.sum_per_key().map(|(key, sum)| (key.len(), key.ends_with('a'), sum));
            let wanted = sizes.into_iter().flat_map(|size| [(size + 1, true, 3), (size + 1, false, 3)]);
            assert_that(&seen).contains_in_any_order(wanted);
        },
    ),
    Case::holds(
        "keys are one if they are equal, however they are encoded",
        "GroupByKeyTest.testGroupByKeyWithBadEqualsHashCode, the other way round",
        "GroupByKey",
        |p, bundling| {
            let pairs = ["Ann", "ann", "Bob"].map(|name| (Caseless(name.to_string()), 1_i64)).to_vec();
            let windowed = values(p, bundling, pairs).window(Fixed::of(Duration::from_secs(1)));
            let sums = windowed.sum_per_key().map(|(key, sum)| (key.0.to_lowercase(), sum));
            assert_that(&sums).contains_in_any_order([("ann".to_string(), 2), ("bob".to_string(), 1)]);
        },
    ),
    Case::holds(
        "windows set anew take the greater of two latenesses",
        "WindowTest, lateness of the old and new windows: two days over one",
        "Allowed lateness",
        |p, bundling| {
            let (minute, hours) = (Duration::from_mins(1), |n: i64| Timestamp::from_secs(3600 * n));
            let script =
                stream().add([((1, 1_i64), hours(0))]).watermark(hours(36)).add([((1, 2), hours(0))]);
            let windowed = bundling
                .of(script)
                .collection(p)
                .window(Fixed::of(minute).allowed_lateness(Duration::from_hours(24)).accumulating())
                .window(Fixed::of(minute).allowed_lateness(Duration::from_hours(48)));
            let first = Window::new(hours(0), Timestamp::from_secs(60));
            assert_that(&windowed.combine_per_key(Sum)).in_late_panes(first).contains_only((1, 3));
        },
    ),
];

/// A name that ignores case: equal ones have different encodings.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Caseless(String);

impl PartialEq for Caseless {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Caseless {}

impl Hash for Caseless {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_ascii_lowercase().hash(state);
    }
}
