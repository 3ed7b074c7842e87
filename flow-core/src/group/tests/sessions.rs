//! Triggers of windows that merge.

use std::time::Duration;

use super::script::{as_written, however_bundled};
use crate::trigger::{AtWatermark, Trigger, after_count, after_processing_time, all_of, each_of, repeatedly};
use crate::window::{Sessions, TimestampCombiner, WindowInto};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn sessions(trigger: impl Into<Trigger>, lateness: u64) -> WindowInto<Sessions> {
    Sessions::with_gap(ms(10)).trigger(trigger).allowed_lateness(ms(lateness))
}

/// Beam: trigger_test.py, test_sessions_watermark_with_early_late.
#[test]
fn a_late_element_may_bridge_two_sessions_that_had_ended() {
    as_written(
        sessions(AtWatermark.early(after_count(2)).late(after_count(1)), 1000).accumulating(),
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
    );
}

/// Beam: trigger_test.py, test_sessions_after_each.
#[test]
fn a_session_goes_through_its_triggers_while_it_grows() {
    let each = || each_of([after_count(2), after_count(3)]);
    let script = "in 0@0 1@1
         => {0,1} [0,11) @10 (T,F,EARLY,0,-1)
         in 2@2 3@3
         in 4@4 5@5
         => {0,1,2,3,4,5} [0,15) @14 (T,F,EARLY,0,-1)
         in 6@6 7@7
         => {0,1,2,3,4,5,6,7} [0,17) @16 (T,F,EARLY,0,-1)
         in 8@8 9@9";
    as_written(sessions(repeatedly(each()), 0).accumulating(), script);
    let once = "in 0@0 1@1
         => {0,1} [0,11) @10 (T,F,EARLY,0,-1)
         in 2@2 3@3
         in 4@4 5@5
         => {0,1,2,3,4,5} [0,15) @14 (T,T,EARLY,0,-1)";
    as_written(sessions(each(), 0).accumulating(), once);
}

/// Beam: trigger_test.py, test_sessions_after_all.
#[test]
fn a_session_waits_for_its_count_and_its_end() {
    however_bundled(
        sessions(all_of([after_count(2), AtWatermark.into()]), 1000).accumulating(),
        "in 1@1 2@2 3@3
         wm 50
         => {1,2,3} [1,13) @12 (T,T,ON_TIME,0,0)",
    );
    as_written(
        sessions(all_of([after_count(5), AtWatermark.into()]), 1000).accumulating(),
        "in 1@1 2@2 3@3
         wm 50
         in 101@1
         in 102@2
         => {1,2,3,101,102} [1,13) @12 (T,T,ON_TIME,0,0)",
    );
}

/// Beam: trigger_test.py, test_sessions_repeatedly_after_count.
#[test]
fn counts_of_merged_sessions_add() {
    for size_of_bundles in ["in 1@1 15@15\nin 6@6", "in 1@1\nin 15@15\nin 6@6", "in 1@1 15@15 6@6"] {
        as_written(
            sessions(repeatedly(after_count(2)), 0).discarding(),
            &format!(
                "{size_of_bundles}
                 => {{1,6,15}} [1,25) @24 (T,F,EARLY,0,-1)
                 in 2@2
                 in 7@7
                 => {{2,7}} [1,25) @24 (F,F,EARLY,1,-1)
                 wm max
                 => {{}} [1,25) @24 (F,T,ON_TIME,2,0)
                 empty"
            ),
        );
    }
}

/// Beam: trigger_test.py, test_sessions_default.
#[test]
fn sessions_of_the_default_trigger_do_not_depend_on_bundles() {
    however_bundled(
        sessions(AtWatermark, 0).accumulating(),
        "in 1@1 2@2 15@15 16@16 30@30 9@9 10@10 31@30
         wm max
         => {1,2,9,10,15,16} [1,26) @25 (T,T,ON_TIME,0,0)
         => {30,31} [30,40) @39 (T,T,ON_TIME,0,0)
         empty",
    );
}

/// Beam: AfterWatermarkStateMachineTest.testOnMergeRewinds, with windows.
#[test]
fn a_session_that_ended_and_then_grew_waits_for_its_new_end() {
    as_written(
        sessions(each_of([AtWatermark.into(), repeatedly(after_count(1))]), 1000).accumulating(),
        "in 1@1
         wm 11
         => {1} [1,11) @10 (T,F,ON_TIME,0,0)
         in 5@5
         wm 15
         => {1,5} [1,15) @14 (T,F,ON_TIME,0,0)
         in 6@5
         => {1,5,6} [1,15) @14 (F,F,LATE,1,1)",
    );
}

fn closing_after_5() -> WindowInto<Sessions> {
    sessions(after_processing_time(ms(5)), 50).timestamp_combiner(TimestampCombiner::Earliest).discarding()
}

/// Beam: ReduceFnRunnerTest.testMergingWithClosedDoesNotPoison.
#[test]
fn a_session_that_was_closed_does_not_close_the_next() {
    as_written(
        closing_after_5(),
        "in 2@2
         clock 6
         => {2} [2,12) @2 (T,T,EARLY,0,-1)
         in 1@1 2@2 3@3
         wm 100
         => {1,2,3} [1,13) @1 (T,T,ON_TIME,0,0)
         closed 0
         empty",
    );
}

/// Beam: ReduceFnRunnerTest.testMergingWithReusedWindow and testMergingWithClosedRepresentative.
#[test]
fn an_element_of_exactly_the_session_that_was_closed_is_dropped() {
    as_written(
        closing_after_5(),
        "in 1@1 8@8
         clock 6
         => {1,8} [1,18) @1 (T,T,EARLY,0,-1)
         in 1@1 2@2 8@8
         closed 3
         wm 100
         empty",
    );
}

#[test]
fn a_session_may_be_closed_twice() {
    as_written(
        closing_after_5(),
        "in 1@1 3@3
         clock 6
         => {1,3} [1,13) @1 (T,T,EARLY,0,-1)
         in 11@1
         in 13@3
         clock 12
         => {11,13} [1,13) @1 (T,T,EARLY,0,-1)
         in 21@1 23@3
         closed 2
         wm 100
         empty",
    );
}

/// Beam: ReduceFnRunnerTest.testMergeBeforeFinalizing.
#[test]
fn sessions_merge_before_they_are_seen() {
    as_written(
        sessions(repeatedly(after_count(1)), 0).discarding(),
        "in 1@1 10@10
         => {1,10} [1,20) @19 (T,F,EARLY,0,-1)
         wm 100
         => {} [1,20) @19 (F,T,ON_TIME,1,0)",
    );
}

/// Beam: trigger_transcripts.yaml, early_late_sessions.
#[test]
fn a_session_has_early_on_time_and_late_panes() {
    as_written(
        sessions(AtWatermark.early(after_count(2)).late(after_count(3)), 1000).accumulating(),
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
    );
}

#[test]
fn a_late_element_whose_own_session_has_expired_is_dropped_though_it_would_merge() {
    as_written(
        Sessions::with_gap(ms(10)),
        "in 1@1 9@9
         wm 15
         in 2@2
         late 1
         in 7@7
         wm max
         => {1,7,9} [1,19) @18 (T,T,ON_TIME,0,0)",
    );
}
