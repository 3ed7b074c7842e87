use std::time::Duration;

use super::decoded;
use crate::Timestamp;
use crate::trigger::{
    AtWatermark, Moment, Trigger, TriggerState, after_count, after_processing_time, all_of, any_of, each_of,
    repeatedly,
};

/// The states of triggers that were stored and damaged, even of another trigger, are refused or go on. The first byte
/// chooses the trigger, the second how things stand.
pub fn triggers(data: &[u8]) {
    let &[choice, how, ref data @ ..] = data else { return };
    let Some((state, rest)) = decoded::<TriggerState>(data) else { return };
    let other = decoded(rest).map_or_else(TriggerState::default, |(other, _)| other);
    let trigger = trigger(choice);
    let at = Moment { past_end: how & 1 == 1, now: Timestamp::from_secs(i64::from(how)) };

    let mut merged = trigger.on_merge(&[&state, &other], at);
    trigger.on_fire(&mut merged, at);
    let mut alone = state;
    for _ in 0..3 {
        trigger.on_elements(&mut alone, 2, at.now);
        let _ = trigger.deadline(&alone, at.now);
        if trigger.should_fire(&alone, at) {
            trigger.on_fire(&mut alone, at);
        }
    }
}

fn trigger(choice: u8) -> Trigger {
    let count = || after_count(3);
    let delay = || after_processing_time(Duration::from_secs(2));
    match choice % 9 {
        0 => AtWatermark.into(),
        1 => AtWatermark.early(count()).late(delay()).into(),
        2 => count(),
        3 => delay(),
        4 => repeatedly(any_of([count(), delay()])),
        5 => each_of([count(), delay(), AtWatermark.into()]),
        6 => all_of([count(), each_of([delay(), count()])]),
        7 => AtWatermark.early(repeatedly(delay())).or_finally(count()),
        _ => any_of([all_of([count(), delay()]), AtWatermark.late(count()).into()]),
    }
}
