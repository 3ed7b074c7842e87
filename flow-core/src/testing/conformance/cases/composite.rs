//! Triggers made of triggers.

use super::triggers::{delay, early_every_5_late_every_25, fixed};
use super::{Case, Holds::Always, windowed};
use crate::Timestamp;
use crate::combine::Sum;
use crate::testing::{assert_that, stream};
use crate::trigger::{AtWatermark, after_count, all_of, always, any_of, never, repeatedly};
use crate::window::{Closing, Fixed, Global, OnTime, WindowInto};

fn first_of_count_and_end(count: u64) -> WindowInto<Fixed> {
    let windows = fixed(10, any_of([after_count(count), AtWatermark.into()]), 1000).accumulating();
    windows.finishing_trigger_may_lose_data()
}

pub(super) const CASES: &[Case] = &[
    Case::panes(
        "a pane may be on time and the last",
        "ReduceFnRunnerTest.testPaneInfoFinalAndOnTime",
        "Composite triggers",
        || {
            let windows = fixed(10, repeatedly(after_count(2)).or_finally(AtWatermark), 100);
            let windows = windows.closing(Closing::FireAlways).discarding();
            windowed(windows.finishing_trigger_may_lose_data())
        },
        Always,
        "wm 0
         in 1@1 2@2
         => {1,2} [0,10) @9 (T,F,EARLY,0,-1)
         wm 150
         => {} [0,10) @9 (F,T,ON_TIME,1,0)",
    ),
    Case::panes(
        "the end of the window makes a pane though nothing came since the early one",
        "ReduceFnRunnerTest.testEmptyOnTimeFromOrFinally",
        "Composite triggers",
        || windowed(early_every_5_late_every_25()),
        Always,
        "wm 0
         in 1@1 3@3 7@7 5@5
         clock 6
         => {1,3,5,7} [0,10) @1 (T,F,EARLY,0,-1)
         wm 11
         => {1,3,5,7} [0,10) @9 (F,F,ON_TIME,1,0)",
    ),
    Case::panes(
        "an empty on-time pane can be left out and uses up no index",
        "ReduceFnRunnerTest.testEmptyOnTimeWithOnTimeBehaviorFireIfNonEmpty",
        "Composite triggers",
        || {
            let windows = early_every_5_late_every_25().on_time(OnTime::FireIfNonEmpty);
            windowed(windows.closing(Closing::FireAlways))
        },
        Always,
        "wm 0
         in 1@1 3@3 7@7 5@5
         clock 6
         => {1,3,5,7} [0,10) @1 (T,F,EARLY,0,-1)
         wm 11
         wm 110
         => {1,3,5,7} [0,10) @9 (F,T,LATE,1,0)",
    ),
    Case::panes(
        "late data after an on-time pane that was left out is late",
        "ReduceFnRunnerTest.testEmptyOnTimeWithOnTimeBehaviorFireIfNonEmptyAndLateData",
        "Composite triggers",
        || windowed(early_every_5_late_every_25().on_time(OnTime::FireIfNonEmpty)),
        Always,
        "wm 0
         in 1@1 3@3 7@7 5@5
         clock 6
         => {1,3,5,7} [0,10) @1 (T,F,EARLY,0,-1)
         wm 11
         in 9@9
         clock 32
         => {1,3,5,7,9} [0,10) @9 (F,F,LATE,1,0)",
    ),
    Case::panes(
        "the empty pane at an end that is also the expiry is the last",
        "ReduceFnRunnerTest.testEmptyOnTimeWithOnTimeBehaviorBackwardCompatibility",
        "Composite triggers",
        || windowed(fixed(10, AtWatermark.early(after_count(1)), 0).accumulating()),
        Always,
        "wm 0
         in 1@1
         => {1} [0,10) @9 (T,F,EARLY,0,-1)
         wm 11
         => {1} [0,10) @9 (F,T,ON_TIME,1,0)",
    ),
    Case::panes(
        "what a trigger that never fires keeps back comes when the window expires",
        "ReduceFnRunner: a window that expires is flushed, whatever its trigger",
        "Composite triggers",
        || windowed(fixed(10, never(), 5).discarding()),
        Always,
        "in 1@1 2@2
         wm 10
         in 3@3
         wm 15
         => {1,2,3} [0,10) @9 (T,T,ON_TIME,0,0)
         in 4@4
         late 1",
    ),
    Case::panes(
        "the end of the window goes on counting as reached for late data",
        "trigger_test.py test_repeatedly_after_first",
        "Composite triggers",
        || {
            windowed(
                fixed(100, repeatedly(any_of([after_count(3), AtWatermark.into()])), 1000).accumulating(),
            )
        },
        Always,
        "in 0@0
         in 1@1
         in 2@2
         => {0,1,2} [0,100) @99 (T,F,EARLY,0,-1)
         in 3@3
         wm 100
         => {0,1,2,3} [0,100) @99 (F,F,ON_TIME,1,0)
         in 7@0
         => {0,1,2,3,7} [0,100) @99 (F,F,LATE,2,1)
         in 8@1
         => {0,1,2,3,7,8} [0,100) @99 (F,F,LATE,3,2)",
    ),
    Case::panes(
        "the first of a count and the end fires once: by the count",
        "trigger_test.py test_fixed_after_first",
        "Composite triggers",
        || windowed(first_of_count_and_end(2)),
        Always,
        "in 1@1
         in 2@2
         => {1,2} [0,10) @9 (T,T,EARLY,0,-1)
         in 3@3
         closed 1",
    ),
    Case::panes(
        "the first of a count and the end fires once: by the end",
        "trigger_test.py test_fixed_after_first",
        "Composite triggers",
        || windowed(first_of_count_and_end(5)),
        Always,
        "in 1@1 2@2 3@3
         wm 10
         => {1,2,3} [0,10) @9 (T,T,ON_TIME,0,0)
         in 7@1 8@2 9@3
         closed 3",
    ),
    Case::panes(
        "a count and a delay together wait for both",
        "AfterAllStateMachineTest",
        "Composite triggers",
        || windowed(Global::windows().trigger(repeatedly(all_of([after_count(2), delay(5)]))).discarding()),
        Always,
        "in 1@1
         clock 6
         in 2@2
         => {1,2} global @end (T,F,EARLY,0,-1)
         in 3@3 4@4
         clock 12
         => {3,4} global @end (F,F,EARLY,1,-1)
         wm max
         => {} global @end (F,T,ON_TIME,2,0)",
    ),
    Case::panes(
        "every bundle fires, where that is asked for",
        "trigger_test.py test_always",
        "Composite triggers",
        || windowed(fixed(10, always(), 0).discarding()),
        Always,
        "in 1@1
         => {1} [0,10) @9 (T,F,EARLY,0,-1)
         in 2@2
         => {2} [0,10) @9 (F,F,EARLY,1,-1)
         wm 10
         => {} [0,10) @9 (F,T,ON_TIME,2,0)",
    ),
    Case::holds(
        "all panes of a trigger that something ends pass a second grouping",
        "OrFinallyTriggerTest.testContinuation",
        "Composite triggers",
        |p, bundling| {
            let at = Timestamp::from_millis;
            let elements = |numbers: [i64; 2]| numbers.map(|n| (n, at(n)));
            let windows = fixed(10, repeatedly(after_count(2)).or_finally(after_count(4)), 0).discarding();
            let sums = bundling
                .of(stream().add(elements([1, 2])).add(elements([3, 4])))
                .collection(p)
                .window(windows.finishing_trigger_may_lose_data())
                .combine(Sum)
                .combine(Sum);
            assert_that(&sums).satisfies(|sums| sums.iter().sum::<i64>() == 10);
        },
    ),
    Case::holds(
        "panes of several keys, whose trigger fires once, all pass a second grouping",
        "a rule of ours: the loss that a trigger was accepted with is that of its own grouping",
        "Composite triggers",
        |p, bundling| {
            let at = Timestamp::from_millis;
            let windows = fixed(10, any_of([after_count(1), AtWatermark.into()]), 0).discarding();
            let sums = bundling
                .of(stream().add([(1, at(1))]).add([(2, at(2))]).add([(3, at(3))]))
                .collection(p)
                .key_by(|n: &i64| *n)
                .window(windows.finishing_trigger_may_lose_data())
                .sum_per_key()
                .values()
                .combine(Sum);
            assert_that(&sums).satisfies(|sums| sums.iter().sum::<i64>() == 6);
        },
    ),
];
