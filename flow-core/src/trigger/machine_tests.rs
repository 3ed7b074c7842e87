//! Tables of what triggers do, without windows, keys or elements.

use std::time::Duration;

use super::*;
use crate::trigger::{
    AtWatermark, after_count, after_processing_time, all_of, always, any_of, each_of, never, repeatedly,
};

/// What happens to a trigger, and what is wanted of it.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// So many elements come, in one bundle.
    Elements(u64),
    /// Processing time is so many milliseconds.
    Clock(i64),
    /// The watermark passes the end of the window.
    PastEnd,
    /// It is ready, and is fired.
    Fires,
    /// It is not ready.
    Waits,
    /// It is finished.
    Finished,
    /// The next deadline, in milliseconds.
    Deadline(Option<i64>),
}
use Step::{Clock, Deadline, Elements, Finished, Fires, PastEnd, Waits};

fn at_watermark() -> Trigger {
    AtWatermark.into()
}

fn delay(millis: u64) -> Trigger {
    after_processing_time(Duration::from_millis(millis))
}

const BEFORE_END: Moment = Moment { past_end: false, now: Timestamp::from_millis(0) };
const PAST_END: Moment = Moment { past_end: true, now: Timestamp::from_millis(0) };

#[track_caller]
fn check(trigger: &Trigger, steps: &[Step]) {
    let mut at = BEFORE_END;
    let mut state = trigger.start();
    for (number, step) in steps.iter().enumerate() {
        let fires = trigger.should_fire(&state, at);
        let context = format!("{trigger}: step {number}, {step:?}, in {state:?}");
        match step {
            Elements(n) => trigger.on_elements(&mut state, *n, at.now),
            Clock(millis) => at.now = Timestamp::from_millis(*millis),
            PastEnd => at.past_end = true,
            Fires => {
                assert!(fires, "should fire: {context}");
                trigger.on_fire(&mut state, at);
            }
            Waits => assert!(!fires, "should wait: {context}"),
            Finished => assert!(state.is_finished(), "should be finished: {context}"),
            Deadline(wanted) => {
                let got = trigger.deadline(&state, at.now).map(Timestamp::millis);
                assert_eq!(got, *wanted, "{context}");
            }
        }
    }
    let wanted = steps.iter().any(|step| matches!(step, Finished));
    assert_eq!(state.is_finished(), wanted, "{trigger} at the end, in {state:?}");
}

#[test]
fn the_default_fires_at_the_end_and_for_everything_late() {
    check(&Trigger::Default, &[Elements(9), Waits, PastEnd, Fires, Elements(1), Fires]);
}

#[test]
fn the_watermark_alone_fires_once() {
    check(&at_watermark(), &[Elements(1), Waits, PastEnd, Fires, Finished, Elements(1), Waits]);
}

#[test]
fn a_count_is_of_at_least_so_many_and_fires_once() {
    check(&after_count(3), &[Elements(2), Waits, Elements(2), Fires, Finished, Elements(5), Waits]);
    check(&after_count(0), &[Waits, Elements(1), Fires, Finished]);
}

#[test]
fn a_delay_runs_from_the_first_element_and_ends_after_its_last_moment() {
    check(
        &delay(5),
        &[
            Clock(10),
            Deadline(None),
            Elements(1),
            Deadline(Some(15)),
            Clock(12),
            Elements(1),
            Deadline(Some(15)),
            Clock(15),
            Waits,
            Clock(16),
            Deadline(None),
            Fires,
            Finished,
        ],
    );
}

#[test]
fn an_aligned_delay_ends_at_a_multiple() {
    let aligned = delay(5).aligned_to(Duration::from_millis(60), Duration::ZERO);
    check(&aligned, &[Clock(61), Elements(1), Deadline(Some(120))]);
    check(&aligned, &[Clock(55), Elements(1), Deadline(Some(60))]);
    check(&aligned, &[Clock(56), Elements(1), Deadline(Some(120))]);
    let shifted = delay(5).aligned_to(Duration::from_millis(60), Duration::from_millis(130));
    check(&shifted, &[Clock(55), Elements(1), Deadline(Some(70))]);
    check(&shifted, &[Clock(65), Elements(1), Deadline(Some(70))]);
    check(&shifted, &[Clock(66), Elements(1), Deadline(Some(130))]);
}

#[test]
fn every_delay_inside_a_trigger_is_aligned() {
    let trigger = Trigger::from(AtWatermark.early(repeatedly(delay(5))))
        .aligned_to(Duration::from_millis(60), Duration::ZERO);
    check(&trigger, &[Clock(61), Elements(1), Deadline(Some(120))]);
}

/// Beam: the triggers' testContinuation.
#[test]
fn continuations_pass_panes_on_as_they_come() {
    let count = || after_count(1);
    let passed = || Trigger::AfterSynchronizedProcessingTime;
    let table: [(Trigger, Trigger); 9] = [
        (after_count(9), count()),
        (delay(5), passed()),
        (repeatedly(delay(5)), repeatedly(passed())),
        (
            Trigger::from(AtWatermark.early(after_count(9)).late(delay(5))),
            Trigger::from(AtWatermark.early(count()).late(passed())),
        ),
        (each_of([after_count(9), at_watermark()]), repeatedly(any_of([count(), at_watermark()]))),
        (all_of([after_count(9), delay(5)]), all_of([count(), passed()])),
        (any_of([after_count(9), delay(5)]), any_of([count(), passed()])),
        (
            repeatedly(delay(5)).or_finally(after_count(9)),
            repeatedly(repeatedly(passed()).or_finally(count())),
        ),
        (never(), never()),
    ];
    for (trigger, continuation) in table {
        assert_eq!(trigger.continuation(), continuation, "{trigger}");
    }
}

#[test]
fn downstream_of_a_delay_panes_pass_as_they_come() {
    let trigger = repeatedly(delay(5)).continuation();
    check(&trigger, &[Waits, Elements(1), Fires, Waits, Elements(1), Fires]);
}

#[test]
fn repeatedly_starts_over() {
    check(&repeatedly(after_count(2)), &[Elements(3), Fires, Elements(1), Waits, Elements(1), Fires]);
    let twice = repeatedly(each_of([after_count(1), after_count(2)]));
    check(&twice, &[Elements(1), Fires, Elements(1), Waits, Elements(1), Fires, Elements(1), Fires]);
}

#[test]
fn each_in_turn_with_a_fresh_count() {
    let trigger = each_of([after_count(2), after_count(3)]);
    check(&trigger, &[Elements(2), Fires, Elements(2), Waits, Elements(1), Fires, Finished]);
}

#[test]
fn a_delay_that_waits_for_its_turn_has_no_deadline() {
    let trigger = each_of([after_count(2), delay(5)]);
    check(
        &trigger,
        &[Elements(1), Deadline(None), Elements(1), Fires, Clock(7), Elements(1), Deadline(Some(12))],
    );
}

#[test]
fn all_waits_for_the_last() {
    let trigger = all_of([after_count(5), at_watermark()]);
    check(&trigger, &[Elements(3), PastEnd, Waits, Elements(2), Fires, Finished]);
    check(&trigger, &[Elements(5), Waits, PastEnd, Fires, Finished]);
    let with_delay = all_of([delay(5), at_watermark()]);
    check(&with_delay, &[Elements(1), Clock(6), Deadline(None), Waits, PastEnd, Fires, Finished]);
}

#[test]
fn any_fires_with_the_first_and_forgets_the_others_progress() {
    let trigger = repeatedly(any_of([after_count(3), delay(5)]));
    check(
        &trigger,
        &[
            Elements(2),
            Clock(6),
            Fires,
            Elements(2),
            Waits,
            Deadline(Some(11)),
            Elements(1),
            Fires,
            Deadline(None),
        ],
    );
}

#[test]
fn or_finally_counts_across_panes_and_ends_it() {
    let trigger = repeatedly(after_count(2)).or_finally(after_count(5));
    check(
        &trigger,
        &[Elements(2), Fires, Elements(2), Fires, Elements(1), Fires, Finished, Elements(9), Waits],
    );
}

#[test]
fn early_then_on_time_then_late() {
    let trigger = Trigger::from(AtWatermark.early(after_count(2)).late(after_count(3)));
    check(
        &trigger,
        &[
            Elements(2),
            Fires,
            Elements(1),
            Waits,
            PastEnd,
            Fires,
            Elements(2),
            Waits,
            Elements(1),
            Fires,
            Elements(3),
            Fires,
        ],
    );
}

#[test]
fn without_a_late_part_the_on_time_firing_is_the_last() {
    check(
        &Trigger::from(AtWatermark.early(after_count(2))),
        &[Elements(2), Fires, Waits, PastEnd, Fires, Finished, Elements(2), Waits],
    );
}

#[test]
fn the_early_delay_does_not_wake_after_the_end() {
    let trigger = Trigger::from(AtWatermark.early(delay(5)).late(after_count(1)));
    check(&trigger, &[Elements(1), Deadline(Some(5)), PastEnd, Fires, Deadline(None), Elements(1), Fires]);
}

#[test]
fn always_and_never() {
    check(&always(), &[Fires, Elements(1), Fires]);
    check(&never(), &[Elements(9), PastEnd, Waits]);
    check(&Trigger::from(AtWatermark.late(never())), &[Elements(1), PastEnd, Fires, Elements(1), Waits]);
}

fn fired(trigger: &Trigger, elements: u64, at: Moment) -> TriggerState {
    let mut state = pending(trigger, elements);
    assert!(trigger.should_fire(&state, at), "{trigger}");
    trigger.on_fire(&mut state, at);
    state
}

fn pending(trigger: &Trigger, elements: u64) -> TriggerState {
    let mut state = trigger.start();
    trigger.on_elements(&mut state, elements, Timestamp::from_millis(0));
    state
}

#[test]
fn counts_of_merged_windows_add() {
    let trigger = after_count(5);
    let merged = trigger.on_merge(&[&pending(&trigger, 2), &pending(&trigger, 3)], BEFORE_END);
    assert!(trigger.should_fire(&merged, BEFORE_END));
    let too_few = trigger.on_merge(&[&pending(&trigger, 2), &pending(&trigger, 2)], BEFORE_END);
    assert!(!trigger.should_fire(&too_few, BEFORE_END));
}

#[test]
fn the_earliest_delay_of_merged_windows_counts() {
    let trigger = delay(5);
    let mut later = trigger.start();
    trigger.on_elements(&mut later, 1, Timestamp::from_millis(3));
    let merged = trigger.on_merge(&[&later, &pending(&trigger, 1)], BEFORE_END);
    assert_eq!(trigger.deadline(&merged, Timestamp::from_millis(0)), Some(Timestamp::from_millis(5)));
}

/// Beam: AfterWatermarkStateMachineTest.testOnMergeRewinds.
#[test]
fn a_merge_with_a_window_that_has_not_ended_goes_back_before_the_watermark() {
    let trigger = each_of([at_watermark(), repeatedly(after_count(1))]);
    let (ended, open) = (fired(&trigger, 1, PAST_END), pending(&trigger, 1));
    let mut merged = trigger.on_merge(&[&ended, &open], BEFORE_END);
    trigger.on_elements(&mut merged, 1, Timestamp::from_millis(0));
    assert!(!trigger.should_fire(&merged, BEFORE_END));
    assert!(trigger.should_fire(&merged, PAST_END));
}

/// Beam: AfterWatermarkStateMachineTest.testOnMergeAlreadyFinished.
#[test]
fn a_merge_of_windows_that_have_all_ended_stays_past_the_watermark() {
    let trigger = each_of([at_watermark(), repeatedly(after_count(1))]);
    let (left, right) = (fired(&trigger, 1, PAST_END), fired(&trigger, 1, PAST_END));
    let mut merged = trigger.on_merge(&[&left, &right], PAST_END);
    assert!(!trigger.should_fire(&merged, PAST_END));
    trigger.on_elements(&mut merged, 1, Timestamp::from_millis(0));
    assert!(trigger.should_fire(&merged, PAST_END));
}

#[test]
fn a_merge_into_a_window_that_ends_later_goes_back_to_early_firings() {
    let trigger = Trigger::from(AtWatermark.early(after_count(2)).late(after_count(1)));
    let ended = fired(&trigger, 1, PAST_END);
    let merged = trigger.on_merge(&[&ended, &pending(&trigger, 1)], BEFORE_END);
    assert!(!trigger.should_fire(&merged, BEFORE_END));
    let with_more = trigger.on_merge(&[&merged, &pending(&trigger, 1)], BEFORE_END);
    assert!(trigger.should_fire(&with_more, BEFORE_END));
}

#[test]
fn elements_of_late_panes_do_not_count_as_early_after_a_merge() {
    let trigger = Trigger::from(AtWatermark.early(after_count(2)).late(after_count(1)));
    let mut ended = fired(&trigger, 1, PAST_END);
    trigger.on_elements(&mut ended, 1, Timestamp::from_millis(0));
    trigger.on_fire(&mut ended, PAST_END);
    let merged = trigger.on_merge(&[&ended, &pending(&trigger, 1)], BEFORE_END);
    assert!(!trigger.should_fire(&merged, BEFORE_END));
}

#[test]
fn a_merge_of_late_windows_keeps_late_firings() {
    let trigger = Trigger::from(AtWatermark.early(after_count(9)).late(after_count(2)));
    let (left, right) = (fired(&trigger, 1, PAST_END), fired(&trigger, 1, PAST_END));
    let mut merged = trigger.on_merge(&[&left, &right], PAST_END);
    trigger.on_elements(&mut merged, 1, Timestamp::from_millis(0));
    assert!(!trigger.should_fire(&merged, PAST_END));
    trigger.on_elements(&mut merged, 1, Timestamp::from_millis(0));
    assert!(trigger.should_fire(&merged, PAST_END));
}

#[test]
fn a_state_survives_being_stored() {
    let trigger = each_of([
        Trigger::from(AtWatermark.early(delay(5)).late(after_count(2))),
        repeatedly(after_count(3)),
    ]);
    let state = fired(&trigger, 1, PAST_END);
    let bytes = postcard::to_stdvec(&state).unwrap();
    assert_eq!(postcard::from_bytes::<TriggerState>(&bytes).unwrap(), state);
}

#[test]
fn triggers_after_one_that_a_merge_sent_back_have_not_begun() {
    let trigger = each_of([at_watermark(), after_count(2), repeatedly(after_count(1))]);
    let mut ended = fired(&trigger, 1, PAST_END);
    trigger.on_elements(&mut ended, 2, Timestamp::from_millis(0));
    trigger.on_fire(&mut ended, PAST_END);
    let mut merged = trigger.on_merge(&[&ended, &pending(&trigger, 1)], BEFORE_END);
    trigger.on_fire(&mut merged, PAST_END);
    trigger.on_elements(&mut merged, 1, Timestamp::from_millis(0));
    assert!(!trigger.should_fire(&merged, PAST_END));
    trigger.on_elements(&mut merged, 1, Timestamp::from_millis(0));
    assert!(trigger.should_fire(&merged, PAST_END));
}
