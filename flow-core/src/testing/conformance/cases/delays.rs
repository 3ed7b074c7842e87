//! Panes by processing time.

use std::time::Duration;

use super::triggers::{delay, early_every_5_late_every_25, fixed, ms};
use super::{Case, Holds::Always, windowed};
use crate::Timestamp;
use crate::combine::Sum;
use crate::testing::{assert_that, stream};
use crate::trigger::{AtWatermark, repeatedly};
use crate::window::{Global, OnTime, TimestampCombiner, Window};

pub(super) const CASES: &[Case] = &[
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
];
