//! Which panes come when: triggers, accumulation, lateness, closing.

use std::time::Duration;

use super::script::{as_written, however_bundled};
use crate::trigger::{
    AtWatermark, Trigger, after_count, after_processing_time, all_of, any_of, each_of, never, repeatedly,
};
use crate::window::{Closing, Fixed, Global, OnTime, Sliding, TimestampCombiner, WindowInto};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

fn delay(millis: u64) -> Trigger {
    after_processing_time(ms(millis))
}

fn at_watermark() -> Trigger {
    AtWatermark.into()
}

/// Windows of `size`, with the trigger, and late data for `lateness` milliseconds.
fn fixed(size: u64, trigger: impl Into<Trigger>, lateness: u64) -> WindowInto<Fixed> {
    Fixed::of(ms(size)).trigger(trigger).allowed_lateness(ms(lateness))
}

/// Beam: WindowTest / TestStreamTest.testLateDataAccumulating.
#[test]
fn late_data_corrects_its_window_until_the_window_expires() {
    let windows = || {
        Fixed::of(minutes(5))
            .trigger(AtWatermark.early(after_processing_time(minutes(2))).late(after_count(1)))
            .allowed_lateness(minutes(5))
            .closing(Closing::FireAlways)
            .accumulating()
    };
    as_written(
        windows(),
        "in 1@0 2@0 3@0
         wm 6m
         => {1,2,3} [0,300000) @299999 (T,F,ON_TIME,0,0)
         in 4@0 5@0
         => {1,2,3,4,5} [0,300000) @299999 (F,F,LATE,1,1)
         wm 10m
         => {1,2,3,4,5} [0,300000) @299999 (F,T,LATE,2,2)
         empty
         wm 20m
         in -1@0 -2@0 -3@0
         late 3
         wm max
         empty",
    );
    as_written(
        windows(),
        "in 1@0 2@0 3@0
         wm 6m
         => {1,2,3} [0,300000) @299999 (T,F,ON_TIME,0,0)
         in 4@0
         => {1,2,3,4} [0,300000) @299999 (F,F,LATE,1,1)
         in 5@0
         => {1,2,3,4,5} [0,300000) @299999 (F,F,LATE,2,2)
         wm max
         => {1,2,3,4,5} [0,300000) @299999 (F,T,LATE,3,3)",
    );
}

/// Beam: TestStreamTest.testDiscardingMode.
#[test]
fn what_the_late_trigger_keeps_back_comes_when_the_window_expires() {
    as_written(
        fixed(1000, AtWatermark.early(after_count(2)).late(never()), 5000).discarding(),
        "wm 0
         in 1@100 2@200
         => {1,2} [0,1000) @999 (T,F,EARLY,0,-1)
         in 3@500
         wm 1000
         => {3} [0,1000) @999 (F,F,ON_TIME,1,0)
         in 4@750 5@250
         wm max
         => {4,5} [0,1000) @999 (F,T,LATE,2,1)
         empty",
    );
}

/// Beam: TestStreamTest.testFirstElementLate.
#[test]
fn the_first_element_ever_may_be_late() {
    however_bundled(
        Fixed::of(ms(1000)).allowed_lateness(ms(5000)).discarding(),
        "wm 0
         in 9@-1000000
         in 1@100
         wm max
         => {1} [0,1000) @999 (T,T,ON_TIME,0,0)
         late 1
         empty",
    );
}

/// Beam: TriggerTest / testProcessingTimeTrigger.
#[test]
fn early_panes_come_as_processing_time_passes() {
    as_written(
        Global::windows().trigger(AtWatermark.early(after_processing_time(minutes(5)))).accumulating(),
        "in 1@1s 2@2s
         clock 12m
         => {1,2} global @end (T,F,EARLY,0,-1)
         in 3@3s
         clock 18m
         => {1,2,3} global @end (F,F,EARLY,1,-1)
         wm max
         => {1,2,3} global @end (F,T,ON_TIME,2,0)
         empty",
    );
}

fn count_or_end(discarding: bool) -> WindowInto<Fixed> {
    let windows = fixed(10, repeatedly(any_of([after_count(2), at_watermark()])), 100)
        .timestamp_combiner(TimestampCombiner::Earliest)
        .closing(Closing::FireAlways);
    if discarding { windows.discarding() } else { windows.accumulating() }
}

/// Beam: ReduceFnRunnerTest.testPaneInfoAllStatesAfterWatermark.
#[test]
fn empty_panes_at_the_end_and_at_expiry_hold_nothing_when_discarding() {
    as_written(
        count_or_end(true),
        "wm 0
         in 1@1 2@2
         => {1,2} [0,10) @1 (T,F,EARLY,0,-1)
         wm 50
         => {} [0,10) @9 (F,F,ON_TIME,1,0)
         wm 150
         => {} [0,10) @9 (F,T,LATE,2,1)
         empty",
    );
}

/// Beam: ReduceFnRunnerTest.testPaneInfoAllStatesAfterWatermarkAccumulating.
#[test]
fn empty_panes_at_the_end_and_at_expiry_repeat_the_content_when_accumulating() {
    as_written(
        count_or_end(false),
        "wm 0
         in 1@1 2@2
         => {1,2} [0,10) @1 (T,F,EARLY,0,-1)
         wm 50
         => {1,2} [0,10) @9 (F,F,ON_TIME,1,0)
         wm 150
         => {1,2} [0,10) @9 (F,T,LATE,2,1)
         empty",
    );
}

/// Beam: ReduceFnRunnerTest.noEmptyPanesFinalIfNonEmpty.
#[test]
fn an_empty_last_pane_comes_only_if_asked_for() {
    as_written(
        count_or_end(false).closing(Closing::FireIfNonEmpty),
        "wm 0
         in 1@1 2@2
         => {1,2} [0,10) @1 (T,F,EARLY,0,-1)
         wm 20
         => {1,2} [0,10) @9 (F,F,ON_TIME,1,0)
         wm 250
         empty",
    );
}

/// Beam: ReduceFnRunnerTest.testPaneInfoFinalAndOnTime.
#[test]
fn a_pane_may_be_on_time_and_the_last() {
    as_written(
        fixed(10, repeatedly(after_count(2)).or_finally(AtWatermark), 100)
            .closing(Closing::FireAlways)
            .discarding(),
        "wm 0
         in 1@1 2@2
         => {1,2} [0,10) @9 (T,F,EARLY,0,-1)
         wm 150
         => {} [0,10) @9 (F,T,ON_TIME,1,0)
         empty",
    );
}

/// Beam: ReduceFnRunnerTest.testOnlyOneOnTimePane.
#[test]
fn a_window_is_on_time_once() {
    as_written(
        Fixed::of(ms(10)).allowed_lateness(ms(100)).accumulating(),
        "wm 0
         in 1@1
         wm 10
         => {1} [0,10) @9 (T,F,ON_TIME,0,0)
         in 3@3
         => {1,3} [0,10) @9 (F,F,LATE,1,1)",
    );
}

fn every_delay_in_100(delay_millis: u64) -> WindowInto<Fixed> {
    fixed(100, repeatedly(delay(delay_millis)), 0)
        .timestamp_combiner(TimestampCombiner::Earliest)
        .accumulating()
}

/// Beam: ReduceFnRunnerTest.testCombiningAccumulatingProcessingTime, ..SeparateBundles, testLateProcessingTimeTimer.
#[test]
fn a_delay_that_ends_as_its_window_expires_makes_no_pane_of_its_own() {
    as_written(
        every_delay_in_100(10),
        "clock 5000
         in 2@2 5@5
         wm 100
         => {2,5} [0,100) @2 (T,T,ON_TIME,0,0)
         clock 5011
         empty",
    );
    as_written(
        every_delay_in_100(10),
        "clock 5000
         in 2@2 5@5
         both 100 5011
         => {2,5} [0,100) @2 (T,T,ON_TIME,0,0)
         empty",
    );
}

/// Beam: ReduceFnRunnerTest.testProcessingTimeTimerDoesNotGc.
#[test]
fn a_delay_does_not_end_its_window() {
    as_written(
        every_delay_in_100(10),
        "clock 5000
         in 2@2 5@5
         clock 10000
         => {2,5} [0,100) @2 (T,F,EARLY,0,-1)
         in 7@7
         clock 10011
         => {2,5,7} [0,100) @7 (F,F,EARLY,1,-1)",
    );
}

/// Beam: ReduceFnRunnerTest.testCombiningAccumulatingEventTime.
#[test]
fn one_jump_past_end_and_expiry_makes_one_pane() {
    as_written(
        fixed(100, repeatedly(at_watermark()), 1)
            .timestamp_combiner(TimestampCombiner::Earliest)
            .accumulating(),
        "in 2@2 5@5
         wm 1000
         => {2,5} [0,100) @2 (T,T,ON_TIME,0,0)
         empty",
    );
}

fn early_every_5_late_every_25() -> WindowInto<Fixed> {
    let trigger = each_of([repeatedly(delay(5)).or_finally(AtWatermark), repeatedly(delay(25))]);
    fixed(10, trigger, 100).timestamp_combiner(TimestampCombiner::Earliest).accumulating()
}

/// Beam: ReduceFnRunnerTest.testProcessingTime.
#[test]
fn one_delay_before_the_end_and_another_after_it() {
    as_written(
        early_every_5_late_every_25(),
        "wm 0
         clock 0
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
         => {1,3,3,3,4,4,5,5,5,7,8,8} [0,10) @9 (F,T,LATE,3,2)
         empty",
    );
}

/// Beam: ReduceFnRunnerTest.testEmptyOnTimeFromOrFinally.
#[test]
fn the_end_of_the_window_makes_a_pane_though_nothing_came_since_the_early_one() {
    as_written(
        early_every_5_late_every_25(),
        "wm 0
         clock 0
         in 1@1 3@3 7@7 5@5
         clock 6
         => {1,3,5,7} [0,10) @1 (T,F,EARLY,0,-1)
         wm 11
         => {1,3,5,7} [0,10) @9 (F,F,ON_TIME,1,0)",
    );
}

/// Beam: ReduceFnRunnerTest.testEmptyOnTimeWithOnTimeBehaviorFireIfNonEmpty.
#[test]
fn an_empty_on_time_pane_can_be_left_out_and_uses_up_no_index() {
    as_written(
        early_every_5_late_every_25().on_time(OnTime::FireIfNonEmpty).closing(Closing::FireAlways),
        "wm 0
         clock 0
         in 1@1 3@3 7@7 5@5
         clock 6
         => {1,3,5,7} [0,10) @1 (T,F,EARLY,0,-1)
         wm 11
         wm 110
         => {1,3,5,7} [0,10) @9 (F,T,LATE,1,0)
         empty",
    );
}

/// Beam: ReduceFnRunnerTest.testEmptyOnTimeWithOnTimeBehaviorFireIfNonEmptyAndLateData.
#[test]
fn late_data_after_an_on_time_pane_that_was_left_out_is_late() {
    as_written(
        early_every_5_late_every_25().on_time(OnTime::FireIfNonEmpty),
        "wm 0
         clock 0
         in 1@1 3@3 7@7 5@5
         clock 6
         => {1,3,5,7} [0,10) @1 (T,F,EARLY,0,-1)
         wm 11
         in 9@9
         clock 32
         => {1,3,5,7,9} [0,10) @9 (F,F,LATE,1,0)",
    );
}

/// Beam: ReduceFnRunnerTest.testEmptyOnTimeWithOnTimeBehaviorBackwardCompatibility.
#[test]
fn the_empty_pane_at_an_end_that_is_also_the_expiry_is_the_last() {
    as_written(
        fixed(10, AtWatermark.early(after_count(1)), 0).accumulating(),
        "wm 0
         in 1@1
         => {1} [0,10) @9 (T,F,EARLY,0,-1)
         wm 11
         => {1} [0,10) @9 (F,T,ON_TIME,1,0)
         empty",
    );
}

/// Beam: ReduceFnRunnerTest.fireNonEmptyOnDrainInGlobalWindow.
#[test]
fn what_is_left_at_the_end_of_the_input_comes_out() {
    let of_three = |pane: i64| {
        let (a, b, c) = (3 * pane, 3 * pane + 1, 3 * pane + 2);
        let first = if pane == 0 { 'T' } else { 'F' };
        format!(
            "in {a}@{a}\nin {b}@{b}\nin {c}@{c}
             => {{{a},{b},{c}}} global @end ({first},F,EARLY,{pane},-1)\n"
        )
    };
    let end = "in 18@18
         in 19@19
         wm max
         => {18,19} global @end (F,T,ON_TIME,6,0)
         empty";
    let script = (0..6).map(of_three).collect::<String>() + end;
    as_written(Global::windows().trigger(repeatedly(after_count(3))).discarding(), &script);
}

/// Beam: ReduceFnRunnerTest.fireEmptyOnDrainInGlobalWindow.
#[test]
fn the_end_of_the_input_makes_an_empty_pane_if_nothing_is_left() {
    // The clock reaches an element's time, which fires the four before it if they are due, and then it comes.
    let element = |at: i64| {
        let fired = if at > 0 && at % 4 == 0 { pane_of_four(at / 4 - 1) } else { String::new() };
        format!("clock {at}\n{fired}in {at}@{at}\n")
    };
    let last = pane_of_four(4);
    let end = format!(
        "clock 24
         {last}wm max
         => {{}} global @end (F,T,ON_TIME,5,0)
         empty"
    );
    let script = (0..20).map(element).collect::<String>() + &end;
    as_written(Global::windows().trigger(repeatedly(delay(3))).discarding(), &script);
}

fn pane_of_four(pane: i64) -> String {
    let (a, b, c, d) = (4 * pane, 4 * pane + 1, 4 * pane + 2, 4 * pane + 3);
    let first = if pane == 0 { 'T' } else { 'F' };
    format!("=> {{{a},{b},{c},{d}}} global @end ({first},F,EARLY,{pane},-1)\n")
}

/// Beam: ReduceFnRunnerTest.testDropDataMultipleWindowsFinishedTrigger.
#[test]
fn elements_of_a_finished_trigger_are_dropped_window_by_window() {
    as_written(
        Sliding::of(ms(100), ms(30)).trigger(AtWatermark).allowed_lateness(ms(1000)).discarding(),
        "in 10@23 12@40
         closed 0
         wm 70
         => {10} [-60,40) @39 (T,T,ON_TIME,0,0)
         => {10,12} [-30,70) @69 (T,T,ON_TIME,0,0)
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
         empty",
    );
}

/// Beam: ReduceFnRunnerTest.testFixedWindowEndOfTimeGarbageCollection.
#[test]
fn a_window_near_the_end_of_time_expires_at_it_whatever_the_lateness() {
    let year = Duration::from_hours(365 * 24);
    however_bundled(
        Fixed::of(ms(10))
            .trigger(AtWatermark.late(never()))
            .allowed_lateness(year)
            .timestamp_combiner(TimestampCombiner::Earliest)
            .discarding(),
        "in k:13@end
         in k:42@end
         wm end
         wm max
         => k:*
         empty",
    );
}

/// Beam: trigger_transcripts.yaml, fixed_drop_late.
#[test]
fn an_expired_window_takes_nothing_and_one_within_lateness_does() {
    as_written(
        fixed(10, AtWatermark.early(after_count(3)).late(after_count(1)), 20).accumulating(),
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
    );
}

/// Beam: trigger_test.py, test_after_count_streaming.
#[test]
fn a_count_without_repeatedly_takes_no_more_once_it_fired() {
    as_written(
        fixed(10, after_count(3), 0).accumulating(),
        "in A:1@1 A:2@2 A:3@3
         => A:{1,2,3} [0,10) @9 (T,T,EARLY,0,-1)
         in A:4@4 A:5@5 A:6@6
         in B:1@1 B:2@2 B:3@3
         => B:{1,2,3} [0,10) @9 (T,T,EARLY,0,-1)
         closed 3
         wm max
         empty",
    );
}

/// Beam: trigger_test.py, test_fixed_watermark_with_early.
#[test]
fn counts_are_of_whole_bundles() {
    let windows = || fixed(10, AtWatermark.early(after_count(2)), 0).accumulating();
    as_written(
        windows(),
        "in 1@1 2@2
         => {1,2} [0,10) @9 (T,F,EARLY,0,-1)
         in 3@3
         wm max
         => {1,2,3} [0,10) @9 (F,T,ON_TIME,1,0)",
    );
    as_written(
        windows(),
        "in 1@1 2@2 3@3
         => {1,2,3} [0,10) @9 (T,F,EARLY,0,-1)
         wm max
         => {1,2,3} [0,10) @9 (F,T,ON_TIME,1,0)",
    );
}

/// Beam: trigger_test.py, test_fixed_watermark_with_early_late.
#[test]
fn early_on_time_and_late_panes_are_disjoint_when_discarding() {
    as_written(
        fixed(100, AtWatermark.early(after_count(3)).late(after_count(2)), 1000).discarding(),
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
    );
}

/// Beam: trigger_test.py, test_repeatedly_after_first.
#[test]
fn the_end_of_the_window_goes_on_counting_as_reached_for_late_data() {
    as_written(
        fixed(100, repeatedly(any_of([after_count(3), at_watermark()])), 1000).accumulating(),
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
    );
}

/// Beam: trigger_transcripts.yaml, discarding_early_fixed.
#[test]
fn each_window_counts_for_itself() {
    as_written(
        fixed(10, AtWatermark.early(after_count(2)), 0).discarding(),
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
         => {} [10,20) @19 (F,T,ON_TIME,1,0)
         empty",
    );
}

/// Beam: trigger_test.py, test_fixed_after_first.
#[test]
fn the_first_of_a_count_and_the_end_fires_once() {
    let windows = |count| fixed(10, any_of([after_count(count), at_watermark()]), 1000).accumulating();
    as_written(
        windows(2),
        "in 1@1
         in 2@2
         => {1,2} [0,10) @9 (T,T,EARLY,0,-1)
         in 3@3
         closed 1
         wm 10",
    );
    however_bundled(
        windows(5),
        "in 1@1 2@2 3@3
         wm 10
         => {1,2,3} [0,10) @9 (T,T,ON_TIME,0,0)
         in 7@1 8@2 9@3
         closed 3",
    );
}

#[test]
fn a_count_and_a_delay_together_wait_for_both() {
    as_written(
        Global::windows().trigger(repeatedly(all_of([after_count(2), delay(5)]))).discarding(),
        "in 1@1
         clock 6
         in 2@2
         => {1,2} global @end (T,F,EARLY,0,-1)
         in 3@3 4@4
         clock 12
         => {3,4} global @end (F,F,EARLY,1,-1)",
    );
}

/// Beam: TriggerTest / testAfterProcessingTimeContinuationTriggerEarly, the second sum.
#[test]
fn downstream_of_a_delay_an_early_pane_passes_at_once() {
    as_written(
        Global::windows()
            .trigger(repeatedly(delay(1)).continuation())
            .on_time(OnTime::FireIfNonEmpty)
            .accumulating(),
        "wm 0
         in 42@0
         => {42} global @end (T,F,EARLY,0,-1)
         wm max
         empty",
    );
}
