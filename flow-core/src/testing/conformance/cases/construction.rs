//! What is refused before anything runs, and what is not.

use std::time::Duration;

use super::{Bundling, Case};
use crate::combine::Sum;
use crate::testing::{assert_that, stream};
use crate::trigger::{AtWatermark, Trigger, after_count, repeatedly};
use crate::window::{Existing, Fixed, Global, Sessions, Window, WindowFn, WindowInto};
use crate::{PCollection, Pipeline, Timestamp};

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

/// A stream of the numbers 1 and 2, in two minutes.
fn numbers(p: &Pipeline, bundling: Bundling) -> PCollection<(String, i64)> {
    let elements = [(("a".to_string(), 1), at(1)), (("a".to_string(), 2), at(61))];
    bundling.of(stream().add(elements)).collection(p)
}

/// Sums the numbers in windows, with the values of each.
fn sums<F: WindowFn<(String, i64)>>(p: &Pipeline, bundling: Bundling, windows: WindowInto<F>) {
    assert_that(&numbers(p, bundling).window(windows).combine_per_key(Sum).map(|(_, sum)| sum))
        .satisfies(|sums| !sums.is_empty());
}

fn at_watermark() -> Trigger {
    AtWatermark.into()
}

pub(super) const CASES: &[Case] = &[
    Case::fails(
        "a trigger that fires once and then loses data is refused",
        "GroupByKeyTest, unsafe triggers",
        "Configurable triggering",
        &[
            "the trigger `after count 1` stops firing before its window ends",
            "finishing_trigger_may_lose_data",
        ],
        |p, bundling| {
            let windows = Fixed::of(MINUTE).trigger(after_count(1)).allowed_lateness(Duration::ZERO);
            sums(p, bundling, windows.discarding());
        },
    ),
    Case::fails(
        "the watermark's trigger without late panes is refused where late data is allowed",
        "GroupByKeyTest, unsafe triggers",
        "Configurable triggering",
        &["does not fire after the end of the window", ".late(..)"],
        |p, bundling| {
            let windows = Fixed::of(MINUTE).trigger(at_watermark()).allowed_lateness(MINUTE);
            sums(p, bundling, windows.discarding());
        },
    ),
    Case::holds(
        "the watermark's trigger without late panes is fine without late data",
        "GroupByKeyTest, safe triggers",
        "Configurable triggering",
        |p, bundling| {
            let windows = Fixed::of(MINUTE).trigger(at_watermark()).allowed_lateness(Duration::ZERO);
            sums(p, bundling, windows.discarding());
        },
    ),
    Case::holds(
        "the watermark's trigger with late panes is fine",
        "GroupByKeyTest, safe triggers",
        "Configurable triggering",
        |p, bundling| {
            let windows = Fixed::of(MINUTE).trigger(AtWatermark.late(after_count(1)));
            sums(p, bundling, windows.allowed_lateness(MINUTE).discarding());
        },
    ),
    Case::fails(
        "a stream in the global window is not grouped without a trigger",
        "GroupByKeyTest.testGroupByKeyDirectUnbounded",
        "Global windows",
        &["a grouping of an unbounded collection in the global window would never emit"],
        |p, bundling| sums(p, bundling, Global::windows()),
    ),
    Case::fails(
        "a trigger is refused that does not say what its panes hold",
        "WindowTest.testMissingMode",
        "Configurable triggering",
        &["a trigger needs `.accumulating()` or `.discarding()`"],
        |p, bundling| {
            let trigger = repeatedly(after_count(1));
            sums(p, bundling, Fixed::of(MINUTE).trigger(trigger).allowed_lateness(MINUTE));
        },
    ),
    Case::fails(
        "lateness is refused that does not say what a late pane holds",
        "WindowTest.testMissingModeViaLateness",
        "Allowed lateness",
        &["`allowed_lateness` needs `.accumulating()` or `.discarding()`"],
        |p, bundling| sums(p, bundling, Fixed::of(MINUTE).allowed_lateness(MINUTE)),
    ),
    Case::fails(
        "a trigger on windows that end is refused without a lateness",
        "WindowTest.testMissingLateness",
        "Configurable triggering",
        &["a trigger on windows that end needs `.allowed_lateness(..)`"],
        |p, bundling| {
            sums(p, bundling, Fixed::of(MINUTE).trigger(repeatedly(after_count(1))).discarding());
        },
    ),
    Case::holds(
        "windows set anew keep the greater lateness",
        "WindowTest, lateness of the old and new windows",
        "Allowed lateness",
        |p, bundling| {
            let script = stream()
                .add([(("a".to_string(), 1), at(1))])
                .watermark(at(12 * 3600))
                .add([(("a".to_string(), 2), at(2))])
                .watermark(at(36 * 3600))
                .add([(("a".to_string(), 4), at(3))]);
            let windowed = bundling
                .of(script)
                .collection(p)
                .window(Fixed::of(MINUTE).allowed_lateness(DAY).accumulating())
                .window(Fixed::of(MINUTE).allowed_lateness(MINUTE));
            let first = Window::new(at(0), at(60));
            assert_that(&windowed.combine_per_key(Sum)).in_late_panes(first).contains_only(("a".into(), 3));
        },
    ),
    Case::holds(
        "a new trigger alone leaves elements in their windows",
        "WindowTest, a trigger alone does not reassign windows",
        "Configurable triggering",
        |p, bundling| {
            let trigger = Existing::windows().trigger(AtWatermark.late(after_count(1)));
            let windowed = numbers(p, bundling)
                .window(Fixed::of(MINUTE))
                .map(|(_, n)| (0, n))
                .window(trigger.allowed_lateness(MINUTE).discarding());
            let sums = windowed.combine_per_key(Sum);
            assert_that(&sums).in_on_time_pane(Window::new(at(0), at(60))).contains_only((0, 1));
            assert_that(&sums).in_on_time_pane(Window::new(at(60), at(120))).contains_only((0, 2));
        },
    ),
    Case::fails(
        "collections in different windows are not flattened",
        "FlattenTest.testIncompatibleWindowFnPropagationFailure",
        "Flatten",
        &["flatten takes collections in the same windows"],
        |p, bundling| {
            let one = numbers(p, bundling).window(Fixed::of(MINUTE));
            let two = numbers(p, bundling).window(Fixed::of(2 * MINUTE));
            let _ = one.flatten([&two]).inspect(|_| {});
        },
    ),
    Case::holds(
        "sessions of different gaps are flattened",
        "FlattenTest.testCompatibleWindowFnPropagation",
        "Flatten",
        |p, bundling| {
            let one = numbers(p, bundling).window(Sessions::with_gap(MINUTE)).map(|(_, n)| n);
            let two = numbers(p, bundling).window(Sessions::with_gap(2 * MINUTE)).map(|(_, n)| n);
            assert_that(&one.flatten([&two])).contains_in_any_order([1, 1, 2, 2]);
        },
    ),
    Case::holds(
        "a collection flattened with itself comes twice",
        "FlattenTest, one collection twice",
        "Flatten",
        |p, bundling| {
            let numbers = numbers(p, bundling).map(|(_, n)| n);
            assert_that(&numbers.flatten([&numbers])).contains_in_any_order([1, 1, 2, 2]);
        },
    ),
    Case::holds(
        "a collection flattened with no other is itself",
        "FlattenTest.testFlattenPCollectionsSingletonList",
        "Flatten",
        |p, bundling| {
            let numbers = numbers(p, bundling).map(|(_, n)| n);
            assert_that(&numbers.flatten([])).contains_in_any_order([1, 2]);
        },
    ),
    Case::fails(
        "a run whose assertion does not hold fails",
        "PAssertTest",
        "Test utilities",
        &["step `assert_that`", "expected: [4]", "found:    [3]", "missing:  [4]", "too much: [3]"],
        |p, _| assert_that(&p.create([1_i64, 2]).combine(Sum)).contains_only(4),
    ),
];
