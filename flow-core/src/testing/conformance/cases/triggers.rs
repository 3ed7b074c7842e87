//! Which panes come when, by the watermark: lateness, accumulation, on time and closing.

use std::time::Duration;

use super::Bundling::{AsWritten, Of};
use super::{Case, Holds::Always, Holds::For, windowed};
use crate::trigger::{
    AtWatermark, Trigger, after_count, after_processing_time, any_of, each_of, never, repeatedly,
};
use crate::window::{Closing, Fixed, Sliding, TimestampCombiner, WindowInto};

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) fn delay(millis: u64) -> Trigger {
    after_processing_time(ms(millis))
}

/// Windows of `size`, with the trigger, and late data for `lateness` milliseconds.
pub(super) fn fixed(size: u64, trigger: impl Into<Trigger>, lateness: u64) -> WindowInto<Fixed> {
    Fixed::of(ms(size)).trigger(trigger).allowed_lateness(ms(lateness))
}

/// A pane for every two elements, at the end of the window, and at its expiry.
pub(super) fn count_or_end() -> WindowInto<Fixed> {
    fixed(10, repeatedly(any_of([after_count(2), AtWatermark.into()])), 100)
        .timestamp_combiner(TimestampCombiner::Earliest)
        .closing(Closing::FireAlways)
}

pub(super) fn early_every_5_late_every_25() -> WindowInto<Fixed> {
    let trigger = each_of([repeatedly(delay(5)).or_finally(AtWatermark), repeatedly(delay(25))]);
    fixed(10, trigger, 100).timestamp_combiner(TimestampCombiner::Earliest).accumulating()
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
];
