//! What only the engine shows: holds, the output watermark, timers, finished windows, and both kinds of time at once.

mod holds;

use std::time::Duration;

use super::Bundling::{AsWritten, Of};
use super::windows::bridge;
use super::{Case, Holds::Always, Holds::For, windowed};
use crate::trigger::{AtWatermark, after_count, after_processing_time, repeatedly};
use crate::window::{Closing, Fixed, Global, Sessions, Sliding, TimestampCombiner, WindowInto};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) const CASES: &[&[Case]] = &[WINDOWS, TIMERS, holds::CASES, SESSIONS];

const WINDOWS: &[Case] = &[
    Case::engine(
        "a merge into a window that is over emits it and does not turn back the watermark",
        "a rule of ours: the output watermark never goes back",
        "Custom merging windows",
        || windowed(bridge(5).accumulating()),
        Always,
        "in 1@1
         => {1} [1,11) @10 (T,F,EARLY,0,-1)
         wm 8
         output 8
         in 7@20
         => {1,7} [1,6) @5 (T,T,LATE,0,0)
         output 8
         empty",
    ),
    Case::engine(
        "the end of the global window is not the end of the input",
        "GlobalWindow: its last moment is a day before the end of time",
        "Global windows",
        || windowed(Global::windows()),
        Always,
        "in 1@1 2@2
         wm end
         output end
         in 3@3
         late 0
         wm max
         => {1,2,3} global @end (T,T,ON_TIME,0,0)
         output max
         empty",
    ),
    Case::engine(
        "elements are dropped window by window, as triggers finish",
        "ReduceFnRunnerTest.testDropDataMultipleWindowsFinishedTrigger",
        "Event-time triggers",
        || {
            windowed(
                Sliding::of(ms(100), ms(30)).trigger(AtWatermark).allowed_lateness(ms(1000)).discarding(),
            )
        },
        Always,
        "in 10@23 12@40
         closed 0
         wm 70
         => {10} [-60,40) @39 (T,T,ON_TIME,0,0)
         => {10,12} [-30,70) @69 (T,T,ON_TIME,0,0)
         finished [-60,40) [-30,70)
         open [0,100) [30,130)
         in 14@60
         closed 1
         wm 130
         => {10,12,14} [0,100) @99 (T,T,ON_TIME,0,0)
         => {12,14} [30,130) @129 (T,T,ON_TIME,0,0)
         in 16@40
         closed 4
         late 0
         wm max
         => {14} [60,160) @159 (T,T,ON_TIME,0,0)
         finished none
         empty",
    ),
];

fn every_10_in_100() -> WindowInto<Fixed> {
    let windows = Fixed::of(ms(100)).trigger(repeatedly(after_processing_time(ms(10))));
    windows.allowed_lateness(ms(0)).timestamp_combiner(TimestampCombiner::Earliest).accumulating()
}

const TIMERS: &[Case] = &[
    Case::engine(
        "a delay that ends together with its window makes no pane of its own",
        "ReduceFnRunnerTest.testCombiningAccumulatingProcessingTime",
        "Processing-time triggers",
        || windowed(every_10_in_100()),
        Always,
        "clock 5000
         in 2@2 5@5
         both 100 5010
         => {2,5} [0,100) @2 (T,T,ON_TIME,0,0)
         empty",
    ),
    Case::engine(
        "a delay that is over as its window expires makes no pane of its own",
        "ReduceFnRunnerTest.testLateProcessingTimeTimer",
        "Processing-time triggers",
        || windowed(every_10_in_100()),
        Always,
        "clock 5000
         in 2@2 5@5
         both 100 6000
         => {2,5} [0,100) @2 (T,T,ON_TIME,0,0)
         empty",
    ),
    Case::engine(
        "a delay that ends after its window has expired makes no pane",
        "ReduceFnRunnerTest.testCombiningAccumulatingProcessingTimeSeparateBundles",
        "Processing-time triggers",
        || windowed(every_10_in_100()),
        Always,
        "clock 5000
         in 2@2 5@5
         wm 100
         => {2,5} [0,100) @2 (T,T,ON_TIME,0,0)
         clock 5011
         empty",
    ),
    Case::engine(
        "a delay that has ended leaves its window open",
        "ReduceFnRunnerTest.testProcessingTimeTimerDoesNotGc",
        "Processing-time triggers",
        || windowed(every_10_in_100()),
        Always,
        "clock 5000
         in 2@2 5@5
         clock 10000
         => {2,5} [0,100) @2 (T,F,EARLY,0,-1)
         open [0,100)
         timer 99",
    ),
    Case::engine(
        "a window is looked at by the watermark at its end, then at its expiry",
        "ReduceFnRunnerTest.dontSetHoldIfTooLateForEndOfWindowTimer",
        "Timestamp control",
        || {
            let windows = Fixed::of(ms(10)).allowed_lateness(ms(10)).closing(Closing::FireAlways);
            windowed(windows.timestamp_combiner(TimestampCombiner::Earliest).accumulating())
        },
        Always,
        "outside 11
         wm 15
         in 14@14
         hold 14
         timer 19
         wm 20
         => {14} [10,20) @14 (T,F,ON_TIME,0,0)
         hold 29
         timer 29
         in 13@13
         => {13,14} [10,20) @19 (F,F,LATE,1,1)
         hold 29
         timer 29
         wm 30
         => {13,14} [10,20) @19 (F,T,LATE,2,2)
         outside max
         output 30
         empty",
    ),
];

fn sessions_within_a_minute() -> WindowInto<Sessions> {
    let windows = Sessions::with_gap(ms(10)).trigger(AtWatermark.late(after_count(1)));
    windows.allowed_lateness(Duration::from_mins(1)).discarding()
}

const SESSIONS: &[Case] = &[
    Case::engine(
        "late sessions hold the watermark only once they reach past it",
        "ReduceFnRunnerTest.testMergingWatermarkHoldLateNewWindowMerged",
        "Session windows",
        || windowed(sessions_within_a_minute()),
        For(&[AsWritten, Of(2), Of(3)]),
        "outside min
         wm 24
         in 1@1
         => {1} [1,11) @10 (T,F,ON_TIME,0,0)
         hold none
         in 14@14
         => {14} [14,24) @23 (T,F,ON_TIME,0,0)
         hold none
         in 6@6 16@16
         hold 25
         in 6@6 21@21
         hold 30
         wm 31
         => {6,6,16,21} [1,31) @30 (T,F,ON_TIME,0,0)
         hold none
         in 0@0
         => {0} [0,31) @30 (T,F,ON_TIME,0,0)
         hold none
         in 32@32 40@40
         hold 49
         in 24@24
         hold 49
         wm 50
         => {24,32,40} [0,50) @49 (T,F,ON_TIME,0,0)
         hold none",
    ),
    Case::engine(
        "late sessions behind the watermark hold nothing",
        "ReduceFnRunnerTest, the hold of a late new window",
        "Session windows",
        || windowed(sessions_within_a_minute()),
        Always,
        "outside min
         wm 40
         in 1@1
         => {1} [1,11) @10 (T,F,ON_TIME,0,0)
         hold none
         in 10@10
         => {10} [1,20) @19 (T,F,ON_TIME,0,0)
         hold none",
    ),
    Case::engine(
        "a session whose trigger has finished is remembered until it expires",
        "ReduceFnRunnerTest.testMergingWithCloseTrigger",
        "Session windows",
        || {
            let windows = Sessions::with_gap(ms(10)).trigger(AtWatermark).allowed_lateness(ms(50));
            windowed(windows.discarding())
        },
        For(&[AsWritten, Of(2), Of(3)]),
        "in 1@1 2@2
         wm 13
         => {1,2} [1,12) @11 (T,T,ON_TIME,0,0)
         finished [1,12)
         open none
         in 1@1 2@2
         closed 2
         finished [1,12)
         wm 62
         finished none
         empty",
    ),
    Case::engine(
        "merged sessions hold the watermark at their earliest element",
        "ReduceFnRunnerTest, merging holds by their combiner",
        "Timestamp control",
        || windowed(Sessions::with_gap(ms(10)).timestamp_combiner(TimestampCombiner::Earliest)),
        Always,
        "in 5@5
         in 20@20 12@12
         wm 15
         output 5
         wm 30
         => {5,12,20} [5,30) @5 (T,T,ON_TIME,0,0)
         output 30",
    ),
];
