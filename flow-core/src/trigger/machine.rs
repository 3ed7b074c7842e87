//! Triggers as pure state machines, one [`TriggerState`] for each key and window.
//!
//! Parts that wait for their turn (the later ones of `Each`, the late part of `AtWatermark`) see elements too, and
//! forget them when a pane is fired: a merge of windows may send a trigger back to an earlier part, which then has
//! to know what is pending.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Trigger;
use super::stored::Node;
use crate::Timestamp;
use crate::time::micros;

/// What a trigger remembers of one key and window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<Node>", try_from = "Vec<Node>")]
pub(crate) struct TriggerState {
    pub(super) finished: bool,
    /// The watermark's own firing has been: an `AtWatermark` is in its late part.
    pub(super) passed: bool,
    /// Elements since the last firing.
    pub(super) count: u64,
    /// When a delay ends that an element started.
    pub(super) due: Option<Timestamp>,
    pub(super) parts: Vec<TriggerState>,
}

impl TriggerState {
    /// The trigger never fires again: its window takes nothing more.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }
}

/// How things stand when a trigger is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// The input watermark has passed the end of the window.
    pub(crate) past_end: bool,
    /// Processing time.
    pub(crate) now: Timestamp,
}

/// Stands for an absent early or late part.
const NEVER: &Trigger = &Trigger::Never;

impl Trigger {
    /// The state of a new window.
    pub(crate) fn start(&self) -> TriggerState {
        TriggerState { parts: self.parts().map(Trigger::start).collect(), ..TriggerState::default() }
    }

    /// Takes note of the elements of one bundle.
    pub(crate) fn on_elements(&self, state: &mut TriggerState, elements: u64, now: Timestamp) {
        match self {
            Trigger::AfterCount(_) | Trigger::AfterSynchronizedProcessingTime => {
                state.count = state.count.saturating_add(elements);
            }
            Trigger::AfterProcessingTime { delay, align, offset } => {
                state.due.get_or_insert_with(|| aligned(now + *delay, *align, *offset));
            }
            _ => {
                for (part, state) in self.parts().zip(&mut state.parts) {
                    part.on_elements(state, elements, now);
                }
            }
        }
    }

    /// Whether what the window holds is to be emitted.
    pub(crate) fn should_fire(&self, state: &TriggerState, at: Moment) -> bool {
        let ready = |(part, state): (&Trigger, &TriggerState)| part.should_fire(state, at);
        let mut parts = self.parts().zip(&state.parts);
        match self {
            _ if state.finished => false,
            Trigger::Default | Trigger::AtWatermark { early: None, late: None } => at.past_end,
            Trigger::AtWatermark { .. } if state.passed => parts.nth(1).is_some_and(ready),
            Trigger::AtWatermark { .. } => at.past_end || parts.next().is_some_and(ready),
            Trigger::AfterCount(n) => state.count >= (*n).max(1),
            Trigger::AfterProcessingTime { .. } => state.due.is_some_and(|due| at.now > due),
            Trigger::AfterSynchronizedProcessingTime => state.count > 0,
            Trigger::Each(_) => parts.find(|(_, state)| !state.finished).is_some_and(ready),
            Trigger::All(_) => parts.all(|(part, state)| state.finished || part.should_fire(state, at)),
            Trigger::Repeatedly(_) | Trigger::Any(_) | Trigger::OrFinally(..) => parts.any(ready),
            Trigger::Always => true,
            Trigger::Never => false,
        }
    }

    /// Takes note that the window was fired, for which [`should_fire`](Trigger::should_fire) must have said yes.
    pub(crate) fn on_fire(&self, state: &mut TriggerState, at: Moment) {
        match self {
            Trigger::Default | Trigger::Always | Trigger::Never => {}
            Trigger::AtWatermark { early, late } => {
                fire_at_watermark(early.as_deref(), late.as_deref(), state, at);
            }
            Trigger::AfterCount(_)
            | Trigger::AfterProcessingTime { .. }
            | Trigger::AfterSynchronizedProcessingTime => {
                state.forget();
                state.finished = true;
            }
            Trigger::Repeatedly(inner) => {
                state.parts.iter_mut().for_each(|part| fire_and_restart(inner, part, at));
            }
            Trigger::Each(parts) => fire_first_unfinished(parts, state, at),
            Trigger::All(_) | Trigger::Any(_) => {
                fire_ready(self, state, at);
                state.finished = true;
            }
            Trigger::OrFinally(main, until) => fire_or_finish(main, until, state, at),
        }
    }

    /// The state of a window that replaces others, from theirs; `at` is asked of the new window.
    pub(crate) fn on_merge(&self, states: &[&TriggerState], at: Moment) -> TriggerState {
        let mut merged = self.start();
        let finished_in_all = states.iter().all(|s| s.finished);
        let finished_in_any = states.iter().any(|s| s.finished);
        match self {
            Trigger::Default | Trigger::Always | Trigger::Never => {}
            // Pending elements of a window that had not fired yet must not be lost, and a window that now ends
            // later has not ended: only if all were done, the new one is.
            Trigger::AtWatermark { early: None, late: None } => {
                merged.finished = at.past_end && finished_in_all;
            }
            Trigger::AtWatermark { late, .. } => {
                self.merge_parts(&mut merged, states, at);
                merged.passed = at.past_end && states.iter().all(|s| s.passed);
                merged.finished = merged.passed && late.is_none();
            }
            Trigger::AfterCount(_)
            | Trigger::AfterProcessingTime { .. }
            | Trigger::AfterSynchronizedProcessingTime => {
                merged.finished = finished_in_any;
                if !finished_in_any {
                    merged.count = states.iter().fold(0, |sum, s| s.count.saturating_add(sum));
                    merged.due = states.iter().filter_map(|s| s.due).min();
                }
            }
            Trigger::Repeatedly(_) => self.merge_parts(&mut merged, states, at),
            Trigger::Each(_) => self.merge_each(&mut merged, states, at),
            Trigger::All(_) => {
                self.merge_parts(&mut merged, states, at);
                merged.finished = merged.parts.iter().all(|s| s.finished);
            }
            Trigger::Any(_) | Trigger::OrFinally(..) => {
                self.merge_parts(&mut merged, states, at);
                merged.finished = merged.parts.iter().any(|s| s.finished);
            }
        }
        merged
    }

    /// The next processing time after which the trigger may be ready; none that has passed already, as then the
    /// trigger waits for something else.
    pub(crate) fn deadline(&self, state: &TriggerState, now: Timestamp) -> Option<Timestamp> {
        let mut parts = self.parts().zip(&state.parts);
        let deadline = |(part, state): (&Trigger, &TriggerState)| part.deadline(state, now);
        match self {
            _ if state.finished => None,
            Trigger::AfterProcessingTime { .. } => state.due.filter(|due| *due >= now),
            Trigger::AtWatermark { .. } => parts.nth(usize::from(state.passed)).and_then(deadline),
            Trigger::Each(_) => parts.find(|(_, state)| !state.finished).and_then(deadline),
            _ => parts.filter_map(deadline).min(),
        }
    }

    /// What this trigger is composed of, in the order of its state's parts.
    fn parts(&self) -> impl Iterator<Item = &Trigger> {
        let (pair, list): ([Option<&Trigger>; 2], &[Trigger]) = match self {
            Trigger::AtWatermark { early: None, late: None } => ([None, None], &[]),
            Trigger::AtWatermark { early, late } => {
                ([early, late].map(|part| Some(part.as_deref().unwrap_or(NEVER))), &[])
            }
            Trigger::Repeatedly(inner) => ([Some(inner.as_ref()), None], &[]),
            Trigger::OrFinally(main, until) => ([Some(main.as_ref()), Some(until.as_ref())], &[]),
            Trigger::Each(parts) | Trigger::All(parts) | Trigger::Any(parts) => ([None, None], parts),
            _ => ([None, None], &[]),
        };
        pair.into_iter().flatten().chain(list)
    }

    fn merge_parts(&self, merged: &mut TriggerState, states: &[&TriggerState], at: Moment) {
        for (index, (part, into)) in self.parts().zip(&mut merged.parts).enumerate() {
            let of_part: Vec<&TriggerState> = states.iter().filter_map(|s| s.parts.get(index)).collect();
            *into = part.on_merge(&of_part, at);
        }
    }

    /// What comes after the first part that is not finished has not begun.
    fn merge_each(&self, merged: &mut TriggerState, states: &[&TriggerState], at: Moment) {
        self.merge_parts(merged, states, at);
        let mut finished = true;
        for (part, state) in self.parts().zip(&mut merged.parts) {
            if !finished {
                *state = part.start();
            }
            finished = finished && state.finished;
        }
        merged.finished = finished;
    }
}

impl TriggerState {
    /// Forgets the elements of a pane that was fired, but not what is finished.
    fn forget(&mut self) {
        self.count = 0;
        self.due = None;
        self.parts.iter_mut().for_each(TriggerState::forget);
    }
}

fn fire_and_restart(part: &Trigger, state: &mut TriggerState, at: Moment) {
    part.on_fire(state, at);
    if state.finished {
        *state = part.start();
    }
}

fn fire_at_watermark(early: Option<&Trigger>, late: Option<&Trigger>, state: &mut TriggerState, at: Moment) {
    let is_last = late.is_none();
    let (early, late) = (early.unwrap_or(NEVER), late.unwrap_or(NEVER));
    if let [early_state, late_state] = state.parts.as_mut_slice() {
        if state.passed {
            fire_and_restart(late, late_state, at);
            early_state.forget();
            return;
        }
        if !at.past_end {
            fire_and_restart(early, early_state, at);
            return;
        }
        *early_state = early.start();
        *late_state = late.start();
    }
    state.passed = true;
    state.finished = is_last;
}

fn fire_first_unfinished(parts: &[Trigger], state: &mut TriggerState, at: Moment) {
    let current = state.parts.iter().position(|s| !s.finished);
    for (index, (part, state)) in parts.iter().zip(&mut state.parts).enumerate() {
        if Some(index) == current {
            part.on_fire(state, at);
        } else {
            state.forget();
        }
    }
    state.finished = state.parts.iter().all(|s| s.finished);
}

/// The pane that the others were waiting with is gone, so they forget it.
fn fire_ready(trigger: &Trigger, state: &mut TriggerState, at: Moment) {
    for (part, state) in trigger.parts().zip(&mut state.parts) {
        if part.should_fire(state, at) {
            part.on_fire(state, at);
        } else {
            state.forget();
        }
    }
}

/// What finishes the trigger looks at the whole window: it does not forget with every pane.
fn fire_or_finish(main: &Trigger, until: &Trigger, state: &mut TriggerState, at: Moment) {
    let [main_state, until_state] = state.parts.as_mut_slice() else { return };
    if until.should_fire(until_state, at) {
        until.on_fire(until_state, at);
        main_state.forget();
        state.finished = true;
    } else {
        main.on_fire(main_state, at);
        state.finished = main_state.finished;
    }
}

/// The first multiple of `align`, shifted by `offset`, at or after a moment.
fn aligned(at: Timestamp, align: Duration, offset: Duration) -> Timestamp {
    let align = micros(align);
    if align == 0 {
        return at;
    }
    at.offset_micros(micros(offset).saturating_sub(at.micros()).rem_euclid(align))
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
