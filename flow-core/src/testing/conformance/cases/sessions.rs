//! Triggers of windows that merge.

use std::time::Duration;

use super::Bundling::{AsWritten, Of};
use super::{Case, Holds::Always, Holds::For, windowed};
use crate::trigger::{AtWatermark, Trigger, after_count, after_processing_time, all_of, each_of, repeatedly};
use crate::window::{Closing, Sessions, TimestampCombiner, WindowInto};

fn sessions(trigger: impl Into<Trigger>, lateness: u64) -> WindowInto<Sessions> {
    let lateness = Duration::from_millis(lateness);
    Sessions::with_gap(Duration::from_millis(10)).trigger(trigger).allowed_lateness(lateness)
}

fn closing_after_5() -> WindowInto<Sessions> {
    let windows = sessions(after_processing_time(Duration::from_millis(5)), 50).discarding();
    windows.timestamp_combiner(TimestampCombiner::Earliest).finishing_trigger_may_lose_data()
}

pub(super) const CASES: &[Case] = &[
    Case::panes(
        "a late element may bridge two sessions that had ended",
        "trigger_test.py test_sessions_watermark_with_early_late",
        "Session windows",
        || {
            let trigger = AtWatermark.early(after_count(2)).late(after_count(1));
            windowed(sessions(trigger, 1000).accumulating())
        },
        For(&[AsWritten, Of(2), Of(3)]),
        "in 1@1 15@15
         in 7@7 30@30
         => {1,7,15} [1,25) @24 (T,F,EARLY,0,-1)
         wm 100
         => {1,7,15} [1,25) @24 (F,F,ON_TIME,1,0)
         => {30} [30,40) @39 (T,F,ON_TIME,0,0)
         in 101@1 102@2
         => {1,7,15,101,102} [1,25) @24 (F,F,LATE,2,1)
         in 121@21
         => {1,7,15,30,101,102,121} [1,40) @39 (T,F,LATE,0,0)",
    ),
    Case::panes(
        "a session goes through its triggers once, while it grows",
        "trigger_test.py test_sessions_after_each",
        "Composite triggers",
        || {
            let once = sessions(each_of([after_count(2), after_count(3)]), 0).accumulating();
            windowed(once.finishing_trigger_may_lose_data())
        },
        For(&[AsWritten, Of(2), Of(3)]),
        "in 0@0 1@1
         => {0,1} [0,11) @10 (T,F,EARLY,0,-1)
         in 2@2 3@3
         in 4@4 5@5
         => {0,1,2,3,4,5} [0,15) @14 (T,T,EARLY,0,-1)",
    ),
    Case::panes(
        "a session goes through its triggers again and again, while it grows",
        "trigger_test.py test_sessions_after_each, repeatedly",
        "Composite triggers",
        || {
            let each = each_of([after_count(2), after_count(3)]);
            windowed(sessions(repeatedly(each), 0).accumulating())
        },
        For(&[AsWritten, Of(2), Of(3)]),
        "in 0@0 1@1
         => {0,1} [0,11) @10 (T,F,EARLY,0,-1)
         in 2@2 3@3
         in 4@4 5@5
         => {0,1,2,3,4,5} [0,15) @14 (T,F,EARLY,0,-1)
         in 6@6 7@7
         => {0,1,2,3,4,5,6,7} [0,17) @16 (T,F,EARLY,0,-1)
         in 8@8 9@9
         => {0,1,2,3,4,5,6,7,8,9} [0,19) @18 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "a session waits for its count and its end",
        "trigger_test.py test_sessions_after_all",
        "Composite triggers",
        || {
            let both = sessions(all_of([after_count(5), AtWatermark.into()]), 1000).accumulating();
            windowed(both.finishing_trigger_may_lose_data())
        },
        Always,
        "in 1@1 2@2 3@3
         wm 50
         in 101@1 102@2
         => {1,2,3,101,102} [1,13) @12 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "counts of sessions that merge add",
        "trigger_test.py test_sessions_repeatedly_after_count",
        "Count triggers",
        || windowed(sessions(repeatedly(after_count(2)), 0).discarding()),
        For(&[AsWritten, Of(1), Of(2), Of(3)]),
        "in 1@1 15@15
         in 6@6
         => {1,6,15} [1,25) @24 (T,F,EARLY,0,-1)
         in 2@2
         in 7@7
         => {2,7} [1,25) @24 (F,F,EARLY,1,-1)
         => {} [1,25) @24 (F,T,ON_TIME,2,0)",
    ),
    Case::panes(
        "sessions of the default trigger do not depend on bundles",
        "trigger_test.py test_sessions_default",
        "Session windows",
        || windowed(sessions(AtWatermark, 0).accumulating()),
        Always,
        "in 1@1 2@2 15@15 16@16 30@30 9@9 10@10 31@30
         wm max
         => {1,2,9,10,15,16} [1,26) @25 (T,T,ON_TIME,0,0)
         => {30,31} [30,40) @39 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "a session that ended and then grew waits for its new end",
        "AfterWatermarkStateMachineTest.testOnMergeRewinds",
        "Session windows",
        || {
            let trigger = each_of([AtWatermark.into(), repeatedly(after_count(1))]);
            windowed(sessions(trigger, 1000).accumulating())
        },
        Always,
        "in 1@1
         wm 11
         => {1} [1,11) @10 (T,F,ON_TIME,0,0)
         in 5@5
         wm 15
         => {1,5} [1,15) @14 (T,F,ON_TIME,0,0)
         in 6@5
         => {1,5,6} [1,15) @14 (F,F,LATE,1,1)",
    ),
    Case::panes(
        "a session that was closed does not close the next",
        "ReduceFnRunnerTest.testMergingWithClosedDoesNotPoison",
        "Session windows",
        || windowed(closing_after_5()),
        For(&[AsWritten, Of(3)]),
        "in 2@2
         clock 6
         => {2} [2,12) @2 (T,T,EARLY,0,-1)
         in 1@1 2@2 3@3
         wm 100
         => {1,2,3} [1,13) @1 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "an element of exactly the session that was closed is dropped",
        "ReduceFnRunnerTest.testMergingWithReusedWindow and testMergingWithClosedRepresentative",
        "Session windows",
        || windowed(closing_after_5()),
        For(&[AsWritten, Of(3)]),
        "in 1@1 8@8
         clock 6
         => {1,8} [1,18) @1 (T,T,EARLY,0,-1)
         in 1@1 2@2 8@8
         closed 3
         wm 100",
    ),
    Case::panes(
        "a session may be closed twice",
        "ReduceFnRunnerTest.testMergingWithCloseTrigger",
        "Session windows",
        || windowed(closing_after_5()),
        For(&[AsWritten, Of(2), Of(3)]),
        "in 1@1 3@3
         clock 6
         => {1,3} [1,13) @1 (T,T,EARLY,0,-1)
         in 11@1
         in 13@3
         clock 12
         => {11,13} [1,13) @1 (T,T,EARLY,0,-1)
         in 21@1 23@3
         closed 2",
    ),
    Case::panes(
        "a session may be closed before it expires",
        "ReduceFnRunnerTest.testMergingWithCloseBeforeGC",
        "Session windows",
        || {
            let windows = sessions(AtWatermark, 50).timestamp_combiner(TimestampCombiner::Earliest);
            windowed(windows.discarding().finishing_trigger_may_lose_data())
        },
        Always,
        "in 1@1 10@10
         wm 30
         => {1,10} [1,20) @1 (T,T,ON_TIME,0,0)
         wm 100",
    ),
    Case::panes(
        "end and expiry of a session in one jump make one pane",
        "ReduceFnRunnerTest.testSessionEowAndGcTogether",
        "Session windows",
        || {
            windowed(
                Sessions::with_gap(Duration::from_millis(10))
                    .allowed_lateness(Duration::from_millis(50))
                    .closing(Closing::FireAlways)
                    .accumulating(),
            )
        },
        Always,
        "wm 0
         in 1@1
         wm 100
         => {1} [1,11) @10 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "sessions merge before they are seen",
        "ReduceFnRunnerTest.testMergeBeforeFinalizing",
        "Session windows",
        || windowed(sessions(repeatedly(after_count(1)), 0).discarding()),
        For(&[AsWritten, Of(2), Of(3)]),
        "in 1@1 10@10
         => {1,10} [1,20) @19 (T,F,EARLY,0,-1)
         wm 100
         => {} [1,20) @19 (F,T,ON_TIME,1,0)",
    ),
    Case::panes(
        "a session has early, on-time and late panes",
        "trigger_transcripts.yaml early_late_sessions",
        "Session windows",
        || windowed(sessions(AtWatermark.early(after_count(2)).late(after_count(3)), 1000).accumulating()),
        For(&[AsWritten, Of(3)]),
        "in 1@1 2@2 3@3
         => {1,2,3} [1,13) @12 (T,F,EARLY,0,-1)
         in 4@4
         in 5@5
         => {1,2,3,4,5} [1,15) @14 (T,F,EARLY,0,-1)
         in 6@6
         wm 100
         => {1,2,3,4,5,6} [1,16) @15 (T,F,ON_TIME,0,0)
         in 1@1
         in 3@3 4@4
         => {1,1,2,3,3,4,4,5,6} [1,16) @15 (F,F,LATE,1,1)",
    ),
    Case::panes(
        "sessions that had all ended stay past their end when a late element joins them",
        "AfterWatermarkStateMachineTest.testOnMergeAlreadyFinished",
        "Session windows",
        || windowed(sessions(each_of([AtWatermark.into(), repeatedly(after_count(1))]), 1000).accumulating()),
        Always,
        "in 1@1 12@12
         wm 22
         => {1} [1,11) @10 (T,F,ON_TIME,0,0)
         => {12} [12,22) @21 (T,F,ON_TIME,0,0)
         in 5@5
         => {1,5,12} [1,22) @21 (T,F,LATE,0,0)",
    ),
    Case::panes(
        "a late element whose own session has expired is dropped, though it would merge",
        "LateDataDroppingDoFnRunner: windows are looked at before they merge",
        "Session windows",
        || windowed(Sessions::with_gap(Duration::from_millis(10))),
        Always,
        "in 1@1 9@9
         wm 15
         in 2@2
         late 1
         in 7@7
         wm max
         => {1,7,9} [1,19) @18 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "merged sessions are at their earliest element",
        "ReduceFnRunnerTest, merging holds by their combiner",
        "Timestamp control",
        || {
            windowed(
                Sessions::with_gap(Duration::from_millis(10)).timestamp_combiner(TimestampCombiner::Earliest),
            )
        },
        Always,
        "in 5@5
         in 20@20 12@12
         wm 30
         => {5,12,20} [5,30) @5 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "merged sessions are at their latest element",
        "ReduceFnRunnerTest, merging holds by their combiner",
        "Timestamp control",
        || {
            windowed(
                Sessions::with_gap(Duration::from_millis(10)).timestamp_combiner(TimestampCombiner::Latest),
            )
        },
        Always,
        "in 5@5 20@20
         in 12@12
         wm 30
         => {5,12,20} [5,30) @20 (T,T,ON_TIME,0,0)",
    ),
];
