//! Timestamps of panes, and the watermark behind a grouping.

use std::time::Duration;

use super::windowed::{Pairs, windowed};
use super::{Bundling, Case, Holds::Always};
use crate::combine::Sum;
use crate::testing::{assert_that, stream};
use crate::trigger::{AtWatermark, after_count, repeatedly};
use crate::window::{Fixed, Global, TimestampCombiner, Window};
use crate::{Pipeline, Timestamp};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) const CASES: &[Case] = &[
    Case::panes(
        "a pane is at the end of its window unless said",
        "GroupByKeyTest, WindowTest",
        "Timestamp control",
        || windowed(Fixed::of(Duration::from_mins(10))),
        Always,
        "in 1@0 2@10
         => {1,2} [0,600000) @599999 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "a pane is at the end of its window",
        "GroupByKeyTest, WindowTest",
        "Timestamp control",
        || {
            let windows = Fixed::of(Duration::from_mins(10));
            windowed(windows.timestamp_combiner(TimestampCombiner::EndOfWindow))
        },
        Always,
        "in 1@0 2@10
         => {1,2} [0,600000) @599999 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "a pane is at its earliest element",
        "GroupByKeyTest, WindowTest",
        "Timestamp control",
        || {
            let windows = Fixed::of(Duration::from_mins(10));
            windowed(windows.timestamp_combiner(TimestampCombiner::Earliest))
        },
        Always,
        "in 1@0 2@10
         => {1,2} [0,600000) @0 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "a pane is at its latest element",
        "GroupByKeyTest, WindowTest",
        "Timestamp control",
        || {
            let windows = Fixed::of(Duration::from_mins(10));
            windowed(windows.timestamp_combiner(TimestampCombiner::Latest))
        },
        Always,
        "in 1@0 2@10
         => {1,2} [0,600000) @10 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "elements behind the watermark have no say in the timestamp of their pane",
        "trigger_transcripts.yaml known_late_data_watermark",
        "Timestamp control",
        || windowed(Fixed::of(ms(10)).timestamp_combiner(TimestampCombiner::Earliest)),
        Always,
        "wm 5
         in 2@2 3@3 7@7 8@8
         wm 11
         => {2,3,7,8} [0,10) @7 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "a pane of elements all behind the watermark is at the end of its window",
        "trigger_transcripts.yaml known_late_data_no_watermark_hold_possible",
        "Timestamp control",
        || windowed(Fixed::of(ms(10)).timestamp_combiner(TimestampCombiner::Earliest)),
        Always,
        "wm 8
         in 2@2 3@3 7@7
         wm 11
         => {2,3,7} [0,10) @9 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "a late pane is at the end of its window, whatever its elements are at",
        "the rule of holds: an element in a window that has ended holds nothing",
        "Timestamp control",
        || {
            let windows = Fixed::of(ms(10)).trigger(AtWatermark.late(repeatedly(after_count(1))));
            let windows = windows.allowed_lateness(ms(100)).discarding();
            windowed(windows.timestamp_combiner(TimestampCombiner::Earliest))
        },
        Always,
        "in 3@3
         wm 10
         => {3} [0,10) @3 (T,F,ON_TIME,0,0)
         in 4@4
         => {4} [0,10) @9 (F,F,LATE,1,1)",
    ),
    Case::holds(
        "results in windows of their own take over the time of their pane",
        "WindowTest, testRewindowWithTimestampCombiner",
        "Timestamp control",
        |p, bundling| {
            let at = Timestamp::from_millis;
            let elements = [("foo", 1, at(1)), ("foo", 4, at(4)), ("bar", 3, at(3)), ("foo", 9, at(9))];
            let latest = Global::windows().trigger(AtWatermark).discarding();
            let sums = pairs(p, bundling, &elements)
                .window(latest.timestamp_combiner(TimestampCombiner::Latest))
                .combine_per_key(Sum)
                .window(Fixed::of(ms(1)));
            let in_millisecond = |millis| Window::new(at(millis), at(millis + 1));
            assert_that(&sums).in_window(in_millisecond(9)).contains_only(("foo".into(), 14));
            assert_that(&sums).in_window(in_millisecond(3)).contains_only(("bar".into(), 3));
        },
    ),
    Case::holds(
        "results at their earliest element are never late downstream",
        "ReduceFnRunnerTest, watermark holds: a pane is emitted before the watermark passes its timestamp",
        "Timestamp control",
        |p, bundling| {
            let at = Timestamp::from_millis;
            let sums = bundling
                .of(stream()
                    .add([(("a".to_string(), 1), at(3)), (("a".to_string(), 2), at(6))])
                    .watermark(at(30)))
                .collection(p)
                .window(Fixed::of(ms(10)).timestamp_combiner(TimestampCombiner::Earliest))
                .combine_per_key(Sum)
                .window(Fixed::of(ms(2)))
                .combine_per_key(Sum);
            assert_that(&sums).in_on_time_pane(Window::new(at(2), at(4))).contains_only(("a".into(), 3));
        },
    ),
];

/// A stream of numbers by key.
fn pairs(p: &Pipeline, bundling: Bundling, elements: &[(&str, i64, Timestamp)]) -> Pairs {
    let elements = elements.iter().map(|(key, value, at)| (((*key).to_string(), *value), *at));
    bundling.of(stream().add(elements)).collection(p)
}
