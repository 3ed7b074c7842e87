//! Which panes come when: triggers, accumulation, lateness, closing.

use std::time::Duration;

use super::Bundling::{AsWritten, Of, Reversed};
use super::{Case, Holds::Always, Holds::For, windowed};
use crate::Timestamp;
use crate::combine::Sum;
use crate::testing::{assert_that, stream};
use crate::trigger::{
    AtWatermark, Trigger, after_count, after_processing_time, all_of, always, any_of, each_of, never,
    repeatedly,
};
use crate::window::{Closing, Fixed, Global, OnTime, Sliding, TimestampCombiner, Window, WindowInto};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn delay(millis: u64) -> Trigger {
    after_processing_time(ms(millis))
}

/// Windows of `size`, with the trigger, and late data for `lateness` milliseconds.
fn fixed(size: u64, trigger: impl Into<Trigger>, lateness: u64) -> WindowInto<Fixed> {
    Fixed::of(ms(size)).trigger(trigger).allowed_lateness(ms(lateness))
}

/// A pane for every two elements, at the end of the window, and at its expiry.
fn count_or_end() -> WindowInto<Fixed> {
    fixed(10, repeatedly(any_of([after_count(2), AtWatermark.into()])), 100)
        .timestamp_combiner(TimestampCombiner::Earliest)
        .closing(Closing::FireAlways)
}

fn early_every_5_late_every_25() -> WindowInto<Fixed> {
    let trigger = each_of([repeatedly(delay(5)).or_finally(AtWatermark), repeatedly(delay(25))]);
    fixed(10, trigger, 100).timestamp_combiner(TimestampCombiner::Earliest).accumulating()
}

fn first_of_count_and_end(count: u64) -> WindowInto<Fixed> {
    let windows = fixed(10, any_of([after_count(count), AtWatermark.into()]), 1000).accumulating();
    windows.finishing_trigger_may_lose_data()
}

pub(super) const CASES: &[Case] = &[
    Case::panes(
        "late data corrects its window until the window expires",
        "TestStreamTest.testLateDataAccumulating",
        "Allowed lateness",
        || {
            let trigger = AtWatermark.early(delay(120_000)).late(after_count(1));
            windowed(fixed(300_000, trigger, 300_000).closing(Closing::FireAlways).accumulating())
        },
        For(&[AsWritten, Of(2), Of(3)]),
        "in 1@0 2@0 3@0
         wm 6m
         => {1,2,3} [0,300000) @299999 (T,F,ON_TIME,0,0)
         in 4@0 5@0
         => {1,2,3,4,5} [0,300000) @299999 (F,F,LATE,1,1)
         wm 10m
         => {1,2,3,4,5} [0,300000) @299999 (F,T,LATE,2,2)
         wm 20m
         in -1@0 -2@0 -3@0
         late 3",
    ),
    Case::panes(
        "late elements that come one by one make a pane each",
        "TestStreamTest.testLateDataAccumulating",
        "Count triggers",
        || {
            let trigger = AtWatermark.early(delay(120_000)).late(after_count(1));
            windowed(fixed(300_000, trigger, 300_000).closing(Closing::FireAlways).accumulating())
        },
        For(&[Of(1)]),
        "in 1@0 2@0 3@0
         wm 6m
         => {1,2,3} [0,300000) @299999 (T,F,ON_TIME,0,0)
         in 4@0 5@0
         => {1,2,3,4} [0,300000) @299999 (F,F,LATE,1,1)
         => {1,2,3,4,5} [0,300000) @299999 (F,F,LATE,2,2)
         wm 10m
         => {1,2,3,4,5} [0,300000) @299999 (F,T,LATE,3,3)",
    ),
    Case::panes(
        "what the late trigger keeps back comes when the window expires",
        "TestStreamTest.testDiscardingMode",
        "Discarding",
        || {
            let trigger = AtWatermark.early(after_count(2)).late(never());
            windowed(fixed(1000, trigger, 5000).discarding())
        },
        Always,
        "wm 0
         in 1@100 2@200
         => {1,2} [0,1000) @999 (T,F,EARLY,0,-1)
         in 3@500
         wm 1000
         => {3} [0,1000) @999 (F,F,ON_TIME,1,0)
         in 4@750 5@250
         wm max
         => {4,5} [0,1000) @999 (F,T,LATE,2,1)",
    ),
    Case::panes(
        "the first element ever may be late",
        "TestStreamTest.testFirstElementLate",
        "Allowed lateness",
        || windowed(Fixed::of(ms(1000)).allowed_lateness(ms(5000)).discarding()),
        Always,
        "wm 0
         in 9@-1000000
         in 1@100
         wm max
         => {1} [0,1000) @999 (T,T,ON_TIME,0,0)
         late 1",
    ),
    Case::panes(
        "an element is taken until the watermark has passed the expiry of its window",
        "LateDataUtils, the rule of expiry: the last moment of the window and the lateness",
        "Allowed lateness",
        || windowed(Fixed::of(ms(10)).allowed_lateness(ms(5)).discarding()),
        Always,
        "in 1@1
         wm 10
         => {1} [0,10) @9 (T,F,ON_TIME,0,0)
         wm 14
         in 2@2
         => {2} [0,10) @9 (F,F,LATE,1,1)
         wm 15
         in 3@3
         late 1",
    ),
    Case::panes(
        "an element is dropped once for each of its windows that has expired",
        "LateDataDroppingDoFnRunnerTest",
        "Allowed lateness",
        || windowed(Sliding::of(ms(30), ms(10))),
        Always,
        "wm 20
         in 1@5
         => {1} [0,30) @29 (T,T,ON_TIME,0,0)
         late 2",
    ),
    Case::panes(
        "early panes come as processing time passes",
        "TestStreamTest.testProcessingTimeTrigger",
        "Processing-time triggers",
        || windowed(Global::windows().trigger(AtWatermark.early(delay(300_000))).accumulating()),
        Always,
        "in 1@1s 2@2s
         clock 12m
         => {1,2} global @end (T,F,EARLY,0,-1)
         in 3@3s
         clock 18m
         => {1,2,3} global @end (F,F,EARLY,1,-1)
         wm max
         => {1,2,3} global @end (F,T,ON_TIME,2,0)",
    ),
    Case::panes(
        "empty panes at the end and at expiry hold nothing when discarding",
        "ReduceFnRunnerTest.testPaneInfoAllStatesAfterWatermark",
        "Discarding",
        || windowed(count_or_end().discarding()),
        For(&[AsWritten, Of(2), Of(3)]),
        "wm 0
         in 1@1 2@2
         => {1,2} [0,10) @1 (T,F,EARLY,0,-1)
         wm 50
         => {} [0,10) @9 (F,F,ON_TIME,1,0)
         wm 150
         => {} [0,10) @9 (F,T,LATE,2,1)",
    ),
    Case::panes(
        "empty panes at the end and at expiry repeat the content when accumulating",
        "ReduceFnRunnerTest.testPaneInfoAllStatesAfterWatermarkAccumulating",
        "Accumulating",
        || windowed(count_or_end().accumulating()),
        Always,
        "wm 0
         in 1@1 2@2
         => {1,2} [0,10) @1 (T,F,EARLY,0,-1)
         wm 50
         => {1,2} [0,10) @9 (F,F,ON_TIME,1,0)
         wm 150
         => {1,2} [0,10) @9 (F,T,LATE,2,1)",
    ),
    Case::panes(
        "an empty last pane comes only if asked for",
        "ReduceFnRunnerTest.noEmptyPanesFinalIfNonEmpty",
        "Accumulating",
        || windowed(count_or_end().closing(Closing::FireIfNonEmpty).accumulating()),
        Always,
        "wm 0
         in 1@1 2@2
         => {1,2} [0,10) @1 (T,F,EARLY,0,-1)
         wm 20
         => {1,2} [0,10) @9 (F,F,ON_TIME,1,0)
         wm 250",
    ),
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
        "a window is on time once",
        "ReduceFnRunnerTest.testOnlyOneOnTimePane",
        "Event-time triggers",
        || windowed(Fixed::of(ms(10)).allowed_lateness(ms(100)).accumulating()),
        Always,
        "wm 0
         in 1@1
         wm 10
         => {1} [0,10) @9 (T,F,ON_TIME,0,0)
         in 3@3
         => {1,3} [0,10) @9 (F,F,LATE,1,1)",
    ),
    Case::panes(
        "a delay does not end its window",
        "ReduceFnRunnerTest.testProcessingTimeTimerDoesNotGc",
        "Processing-time triggers",
        || {
            let windows = fixed(100, repeatedly(delay(10)), 0);
            windowed(windows.timestamp_combiner(TimestampCombiner::Earliest).accumulating())
        },
        Always,
        "clock 5000
         in 2@2 5@5
         clock 10000
         => {2,5} [0,100) @2 (T,F,EARLY,0,-1)
         in 7@7
         clock 10011
         => {2,5,7} [0,100) @7 (F,F,EARLY,1,-1)
         wm max
         => {2,5,7} [0,100) @99 (F,T,ON_TIME,2,0)",
    ),
    Case::panes(
        "one jump past end and expiry makes one pane",
        "ReduceFnRunnerTest.testCombiningAccumulatingEventTime",
        "Event-time triggers",
        || {
            let windows = fixed(100, repeatedly(AtWatermark), 1);
            windowed(windows.timestamp_combiner(TimestampCombiner::Earliest).accumulating())
        },
        Always,
        "in 2@2 5@5
         wm 1000
         => {2,5} [0,100) @2 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "one delay before the end and another after it",
        "ReduceFnRunnerTest.testProcessingTime",
        "Processing-time triggers",
        || windowed(early_every_5_late_every_25()),
        Always,
        "wm 0
         in 1@1 3@3 7@7 5@5
         clock 6
         => {1,3,5,7} [0,10) @1 (T,F,EARLY,0,-1)
         in 8@8 4@4
         wm 11
         => {1,3,4,5,7,8} [0,10) @4 (F,F,ON_TIME,1,0)
         in 8@8 4@4 5@5
         wm 12
         in 3@3
         clock 15
         in 5@5
         clock 32
         => {1,3,3,4,4,5,5,5,7,8,8} [0,10) @9 (F,F,LATE,2,1)
         in 3@3
         wm 125
         => {1,3,3,3,4,4,5,5,5,7,8,8} [0,10) @9 (F,T,LATE,3,2)",
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
        "what is left at the end of the input comes out",
        "ReduceFnRunnerTest.fireNonEmptyOnDrainInGlobalWindow",
        "Count triggers",
        || windowed(Global::windows().trigger(repeatedly(after_count(3))).discarding()),
        For(&[Of(1), Reversed]),
        "in 0@0 1@1 2@2
         => {0,1,2} global @end (T,F,EARLY,0,-1)
         in 3@3 4@4 5@5
         => {3,4,5} global @end (F,F,EARLY,1,-1)
         in 6@6 7@7 8@8
         => {6,7,8} global @end (F,F,EARLY,2,-1)
         in 9@9 10@10 11@11
         => {9,10,11} global @end (F,F,EARLY,3,-1)
         in 12@12 13@13 14@14
         => {12,13,14} global @end (F,F,EARLY,4,-1)
         in 15@15 16@16 17@17
         => {15,16,17} global @end (F,F,EARLY,5,-1)
         in 18@18 19@19
         wm max
         => {18,19} global @end (F,T,ON_TIME,6,0)",
    ),
    Case::panes(
        "the end of the input makes an empty pane if nothing is left",
        "ReduceFnRunnerTest.fireEmptyOnDrainInGlobalWindow",
        "Processing-time triggers",
        || windowed(Global::windows().trigger(repeatedly(delay(3))).discarding()),
        Always,
        "in 0@0
         clock 1
         in 1@1
         clock 2
         in 2@2
         clock 3
         in 3@3
         clock 4
         => {0,1,2,3} global @end (T,F,EARLY,0,-1)
         in 4@4
         clock 5
         in 5@5
         clock 6
         in 6@6
         clock 7
         in 7@7
         clock 8
         => {4,5,6,7} global @end (F,F,EARLY,1,-1)
         in 8@8
         clock 9
         in 9@9
         clock 10
         in 10@10
         clock 11
         in 11@11
         clock 12
         => {8,9,10,11} global @end (F,F,EARLY,2,-1)
         in 12@12
         clock 13
         in 13@13
         clock 14
         in 14@14
         clock 15
         in 15@15
         clock 16
         => {12,13,14,15} global @end (F,F,EARLY,3,-1)
         in 16@16
         clock 17
         in 17@17
         clock 18
         in 18@18
         clock 19
         in 19@19
         clock 24
         => {16,17,18,19} global @end (F,F,EARLY,4,-1)
         wm max
         => {} global @end (F,T,ON_TIME,5,0)",
    ),
    Case::panes(
        "elements of a finished trigger are dropped window by window",
        "ReduceFnRunnerTest.testDropDataMultipleWindowsFinishedTrigger",
        "Event-time triggers",
        || {
            let windows = Sliding::of(ms(100), ms(30)).trigger(AtWatermark).allowed_lateness(ms(1000));
            windowed(windows.discarding().finishing_trigger_may_lose_data())
        },
        Always,
        "in 10@23 12@40
         wm 70
         => {10} [-60,40) @39 (T,T,ON_TIME,0,0)
         => {10,12} [-30,70) @69 (T,T,ON_TIME,0,0)
         in 14@60
         wm 130
         => {10,12,14} [0,100) @99 (T,T,ON_TIME,0,0)
         => {12,14} [30,130) @129 (T,T,ON_TIME,0,0)
         in 16@40
         wm max
         => {14} [60,160) @159 (T,T,ON_TIME,0,0)
         closed 4",
    ),
    Case::panes(
        "a window near the end of time expires at it, whatever the lateness",
        "ReduceFnRunnerTest.testFixedWindowEndOfTimeGarbageCollection",
        "Allowed lateness",
        || {
            let windows = Fixed::of(ms(10)).trigger(AtWatermark.late(never()));
            windowed(windows.allowed_lateness(Duration::from_hours(365 * 24)).discarding())
        },
        Always,
        "in 13@end
         in 42@end
         wm end
         wm max
         => {13,42} * @end (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "an expired window takes nothing and one within lateness does",
        "trigger_transcripts.yaml fixed_drop_late",
        "Allowed lateness",
        || {
            let trigger = AtWatermark.early(after_count(3)).late(after_count(1));
            windowed(fixed(10, trigger, 20).accumulating())
        },
        Always,
        "in 1@1 2@2 10@10 11@11 80@80 81@81
         wm 100
         => {1,2} [0,10) @9 (T,T,ON_TIME,0,0)
         => {10,11} [10,20) @19 (T,T,ON_TIME,0,0)
         => {80,81} [80,90) @89 (T,F,ON_TIME,0,0)
         in 7@7 8@8
         in 17@17 18@18
         late 4
         in 82@82
         => {80,81,82} [80,90) @89 (F,F,LATE,1,1)",
    ),
    Case::panes(
        "a count without repeatedly takes no more once it fired",
        "trigger_test.py test_after_count_streaming",
        "Count triggers",
        || {
            let windows = fixed(10, after_count(3), 0).accumulating();
            windowed(windows.finishing_trigger_may_lose_data())
        },
        Always,
        "in A:1@1 A:2@2 A:3@3
         => A:{1,2,3} [0,10) @9 (T,T,EARLY,0,-1)
         in A:4@4 A:5@5 A:6@6
         in B:1@1 B:2@2 B:3@3
         => B:{1,2,3} [0,10) @9 (T,T,EARLY,0,-1)
         closed 3",
    ),
    Case::panes(
        "counts are of whole bundles: of two",
        "trigger_test.py test_fixed_watermark_with_early",
        "Count triggers",
        || windowed(fixed(10, AtWatermark.early(after_count(2)), 0).accumulating()),
        For(&[Of(2)]),
        "in 1@1 2@2 3@3
         => {1,2} [0,10) @9 (T,F,EARLY,0,-1)
         wm max
         => {1,2,3} [0,10) @9 (F,T,ON_TIME,1,0)",
    ),
    Case::panes(
        "counts are of whole bundles: of three",
        "trigger_test.py test_fixed_watermark_with_early",
        "Count triggers",
        || windowed(fixed(10, AtWatermark.early(after_count(2)), 0).accumulating()),
        For(&[AsWritten, Of(3)]),
        "in 1@1 2@2 3@3
         => {1,2,3} [0,10) @9 (T,F,EARLY,0,-1)
         wm max
         => {1,2,3} [0,10) @9 (F,T,ON_TIME,1,0)",
    ),
    Case::panes(
        "early, on-time and late panes are disjoint when discarding",
        "trigger_test.py test_fixed_watermark_with_early_late",
        "Discarding",
        || {
            let trigger = AtWatermark.early(after_count(3)).late(after_count(2));
            windowed(fixed(100, trigger, 1000).discarding())
        },
        For(&[AsWritten, Of(2), Of(3)]),
        "in 0@0 1@1
         in 2@2 3@3
         => {0,1,2,3} [0,100) @99 (T,F,EARLY,0,-1)
         in 4@4 5@5
         in 6@6 7@7
         => {4,5,6,7} [0,100) @99 (F,F,EARLY,1,-1)
         in 8@8
         wm 100
         => {8} [0,100) @99 (F,F,ON_TIME,2,0)
         in 10@0 11@1
         => {10,11} [0,100) @99 (F,F,LATE,3,1)
         in 12@2 13@3
         => {12,13} [0,100) @99 (F,F,LATE,4,2)
         in 14@4
         wm max
         => {14} [0,100) @99 (F,T,LATE,5,3)",
    ),
    Case::panes(
        "each window counts for itself",
        "trigger_transcripts.yaml discarding_early_fixed",
        "Count triggers",
        || windowed(fixed(10, AtWatermark.early(after_count(2)), 0).discarding()),
        For(&[AsWritten, Of(3)]),
        "in 1@1 2@2 3@3
         => {1,2,3} [0,10) @9 (T,F,EARLY,0,-1)
         in 4@4
         in 14@14
         in 5@5
         => {4,5} [0,10) @9 (F,F,EARLY,1,-1)
         in 18@18
         => {14,18} [10,20) @19 (T,F,EARLY,0,-1)
         in 6@6
         wm 100
         => {6} [0,10) @9 (F,T,ON_TIME,2,0)
         => {} [10,20) @19 (F,T,ON_TIME,1,0)",
    ),
    Case::holds(
        "an early pane passes a second grouping early",
        "TestStreamTest / testAfterProcessingTimeContinuationTriggerEarly",
        "Processing-time triggers",
        |p, bundling| {
            let zero = Timestamp::from_millis(0);
            let windows = Global::windows().trigger(repeatedly(delay(1))).accumulating();
            let script = stream().watermark(zero).add([(42_i64, zero)]).clock(ms(10)).clock(ms(500));
            let sums = bundling
                .of(script)
                .collection(p)
                .window(windows.on_time(OnTime::FireIfNonEmpty))
                .combine(Sum)
                .combine(Sum);
            assert_that(&sums).in_early_panes(Window::GLOBAL).contains_only(42);
        },
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
        "end and expiry in one jump make one pane, also where the last always comes",
        "ReduceFnRunnerTest.testFixedWindowsEowAndGcTogether",
        "Event-time triggers",
        || windowed(Fixed::of(ms(10)).allowed_lateness(ms(50)).closing(Closing::FireAlways).accumulating()),
        Always,
        "wm 0
         in 1@1
         wm 100
         => {1} [0,10) @9 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "an empty last pane comes where asked for",
        "ReduceFnRunnerTest.noEmptyPanesFinalAlways",
        "Accumulating",
        || windowed(count_or_end().accumulating()),
        Always,
        "wm 0
         in 1@1 2@2
         => {1,2} [0,10) @1 (T,F,EARLY,0,-1)
         wm 20
         => {1,2} [0,10) @9 (F,F,ON_TIME,1,0)
         wm 250
         => {1,2} [0,10) @9 (F,T,LATE,2,1)",
    ),
    Case::panes(
        "a window that is first seen after its end has late panes alone",
        "ReduceFnRunnerTest.testPaneInfoSkipToNonSpeculativeAndFinish",
        "Allowed lateness",
        || windowed(Fixed::of(ms(10)).allowed_lateness(ms(100)).discarding()),
        Always,
        "wm 15
         in 1@1
         => {1} [0,10) @9 (T,F,LATE,0,0)
         wm 20
         in 2@2
         => {2} [0,10) @9 (F,F,LATE,1,1)",
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
        "a window near the end of time, whose lateness reaches past it, comes out once",
        "ReduceFnRunnerTest.testFixedWindowEndOfTimeGarbageCollection",
        "Allowed lateness",
        || {
            let windows = Fixed::of(ms(10)).trigger(AtWatermark.late(never()));
            let windows = windows.allowed_lateness(Duration::from_hours(365 * 24));
            windowed(windows.timestamp_combiner(TimestampCombiner::Earliest).discarding())
        },
        Always,
        "in 13@9223340414454776
         wm 9223340414454779
         in 42@9223340414454776
         wm end
         => {13,42} [9223340414454770,9223340414454780) @9223340414454776 (T,F,ON_TIME,0,0)",
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
        "a delay may be aligned, so that the panes of all keys come together",
        "AfterDelayFromFirstElementStateMachineTest.testAlignTo",
        "Processing-time triggers",
        || {
            let every_minute = delay(0).aligned_to(Duration::from_mins(1), Duration::from_secs(1));
            windowed(Global::windows().trigger(repeatedly(every_minute)).discarding())
        },
        Always,
        "clock 5s
         in a:1@1
         clock 40s
         in b:2@2
         clock 61s
         in a:3@3
         clock 62s
         => a:{1,3} global @end (T,F,EARLY,0,-1)
         => b:{2} global @end (T,F,EARLY,0,-1)
         wm max
         => a:{} global @end (F,T,ON_TIME,1,0)
         => b:{} global @end (F,T,ON_TIME,1,0)",
    ),
    Case::panes(
        "downstream of a delay an early pane passes at once",
        "TriggerTest, the continuation of a delay",
        "Processing-time triggers",
        || {
            let windows = Global::windows().trigger(repeatedly(delay(1)).continuation()).accumulating();
            windowed(windows.on_time(OnTime::FireIfNonEmpty))
        },
        Always,
        "wm 0
         in 42@0
         => {42} global @end (T,F,EARLY,0,-1)",
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
];
