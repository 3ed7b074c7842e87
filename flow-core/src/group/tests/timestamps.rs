//! Timestamps of panes, and how far the output watermark goes.

use std::time::Duration;

use super::script::{as_written, however_bundled};
use crate::trigger::{AtWatermark, Trigger, after_count, after_processing_time, each_of, never, repeatedly};
use crate::window::{Closing, Fixed, Sessions, TimestampCombiner, WindowInto};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Beam: GroupByKeyTest and WindowTest, timestamp combiners.
#[test]
fn a_pane_is_at_the_end_of_its_window_or_at_its_first_or_last_element() {
    let table = [
        (None, "599999"),
        (Some(TimestampCombiner::EndOfWindow), "599999"),
        (Some(TimestampCombiner::Earliest), "0"),
        (Some(TimestampCombiner::Latest), "10"),
    ];
    for (combiner, at) in table {
        let mut windows = Fixed::of(Duration::from_mins(10));
        if let Some(combiner) = combiner {
            windows = windows.timestamp_combiner(combiner);
        }
        however_bundled(
            windows,
            &format!(
                "in 1@0 2@10
                 wm max
                 => {{1,2}} [0,600000) @{at} (T,T,ON_TIME,0,0)
                 empty"
            ),
        );
    }
}

/// Beam: trigger_transcripts.yaml, known_late_data_watermark.
#[test]
fn elements_behind_the_watermark_have_no_say_in_the_timestamp() {
    however_bundled(
        Fixed::of(ms(10)).timestamp_combiner(TimestampCombiner::Earliest),
        "wm 5
         in 2@2 3@3 7@7 8@8
         output 5
         wm 11
         => {2,3,7,8} [0,10) @7 (T,T,ON_TIME,0,0)",
    );
}

/// Beam: trigger_transcripts.yaml, known_late_data_no_watermark_hold_possible.
#[test]
fn a_pane_of_elements_all_behind_the_watermark_is_at_the_end_of_its_window() {
    however_bundled(
        Fixed::of(ms(10)).timestamp_combiner(TimestampCombiner::Earliest),
        "wm 8
         in 2@2 3@3 7@7
         output 8
         wm 11
         => {2,3,7} [0,10) @9 (T,T,ON_TIME,0,0)",
    );
}

#[test]
fn the_earliest_element_holds_the_watermark_until_its_pane_is_out() {
    as_written(
        Fixed::of(ms(10)).timestamp_combiner(TimestampCombiner::Earliest),
        "in 3@3 6@6
         wm 8
         output 3
         wm 10
         => {3,6} [0,10) @3 (T,T,ON_TIME,0,0)
         output 10",
    );
}

#[test]
fn the_end_of_the_window_does_not_hold_the_watermark_before_it() {
    as_written(
        Fixed::of(ms(10)),
        "in 3@3 6@6
         wm 8
         output 8
         hold 9",
    );
}

#[test]
fn elements_of_a_window_that_ended_hold_nothing_though_another_window_holds_the_watermark_behind_them() {
    as_written(
        Fixed::of(ms(10))
            .trigger(repeatedly(after_count(2)))
            .allowed_lateness(ms(100))
            .timestamp_combiner(TimestampCombiner::Earliest)
            .discarding(),
        "in a:3@3
         wm 20
         output 3
         in b:5@5 b:6@6
         => b:{5,6} [0,10) @9 (T,F,ON_TIME,0,0)
         wm max
         => a:{3} [0,10) @3 (T,T,ON_TIME,0,0)
         empty",
    );
}

/// Fires for the first three elements, the next four, and the watermark.
fn by_hand() -> Trigger {
    each_of([after_count(3), after_count(4), AtWatermark.into(), never()])
}

/// Beam: ReduceFnRunnerTest.testWatermarkHoldAndLateData.
#[test]
fn late_elements_hold_the_watermark_at_the_expiry_and_others_at_their_time() {
    as_written(
        Fixed::of(ms(10))
            .trigger(by_hand())
            .allowed_lateness(ms(10))
            .timestamp_combiner(TimestampCombiner::Earliest)
            .accumulating(),
        "in 1@1
         in 3@3
         hold 1
         in 2@2
         => {1,2,3} [0,10) @1 (T,F,EARLY,0,-1)
         hold none
         wm 4
         output 4
         in 2@2
         in 3@3
         hold 19
         in 5@5
         hold 5
         in 4@4
         => {1,2,2,3,3,4,5} [0,10) @4 (F,F,EARLY,1,-1)
         hold none
         wm 8
         in 6@6
         in 5@5
         hold 19
         in 4@4
         wm 10
         => {1,2,2,3,3,4,4,5,5,6} [0,10) @9 (F,F,ON_TIME,2,0)
         in 8@8
         late 0
         closed 0
         wm 50
         => {1,2,2,3,3,4,4,5,5,6,8} [0,10) @9 (F,T,LATE,3,1)
         output 50
         hold none
         empty",
    );
}

/// Beam: ReduceFnRunnerTest.testNoWatermarkTriggerNoHold.
#[test]
fn a_trigger_that_does_not_look_at_the_watermark_does_not_hold_it() {
    as_written(
        Fixed::of(ms(10))
            .trigger(repeatedly(after_processing_time(Duration::from_secs(5))))
            .allowed_lateness(Duration::from_hours(24))
            .discarding(),
        "wm 0
         clock 0
         in 1@1
         hold 9
         clock 6000
         => {1} [0,10) @9 (T,F,EARLY,0,-1)
         hold none
         wm 1m
         output 60000
         in 3@3
         hold 86400009",
    );
}

/// Beam: ReduceFnRunnerTest.dontSetHoldIfTooLateForEndOfWindowTimer, the hold for a last pane.
#[test]
fn a_last_pane_that_always_comes_holds_the_watermark_at_the_expiry() {
    as_written(
        Fixed::of(ms(10))
            .allowed_lateness(ms(10))
            .timestamp_combiner(TimestampCombiner::Earliest)
            .closing(Closing::FireAlways)
            .accumulating(),
        "wm 11
         in 14@14
         hold 14
         wm 20
         => {14} [10,20) @14 (T,F,ON_TIME,0,0)
         hold 29
         in 13@13
         => {13,14} [10,20) @19 (F,F,LATE,1,1)
         hold 29
         wm 30
         => {13,14} [10,20) @19 (F,T,LATE,2,2)
         hold none
         output 30
         empty",
    );
}

fn sessions() -> WindowInto<Sessions> {
    Sessions::with_gap(ms(10))
}

/// Beam: ReduceFnRunnerTest.testMergingWatermarkHoldLateNewWindowMerged.
#[test]
fn late_sessions_hold_the_watermark_only_once_they_reach_past_it() {
    as_written(
        sessions()
            .trigger(AtWatermark.late(after_count(1)))
            .allowed_lateness(Duration::from_mins(1))
            .discarding(),
        "wm 24
         in 1@1
         => {1} [1,11) @10 (T,F,LATE,0,0)
         in 14@14
         => {14} [14,24) @23 (T,F,LATE,0,0)
         hold none
         in 6@6 16@16
         hold 25
         in 6@6 21@21
         hold 30
         wm 31
         => {6,6,16,21} [1,31) @30 (T,F,ON_TIME,0,0)
         hold none
         in 0@0
         => {0} [0,31) @30 (T,F,LATE,0,0)
         hold none
         in 32@32 40@40
         hold 49
         in 24@24
         hold 49
         wm 50
         => {24,32,40} [0,50) @49 (T,F,ON_TIME,0,0)
         hold none",
    );
}

#[test]
fn merged_sessions_hold_the_watermark_at_their_earliest_element() {
    however_bundled(
        sessions().timestamp_combiner(TimestampCombiner::Earliest),
        "in 5@5
         in 20@20 12@12
         wm 15
         output 5
         wm 30
         => {5,12,20} [5,30) @5 (T,T,ON_TIME,0,0)
         output 30",
    );
}

#[test]
fn merged_sessions_are_at_their_latest_element() {
    however_bundled(
        sessions().timestamp_combiner(TimestampCombiner::Latest),
        "in 5@5 20@20
         in 12@12
         wm 30
         => {5,12,20} [5,30) @20 (T,T,ON_TIME,0,0)",
    );
}
