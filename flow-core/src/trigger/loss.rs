//! Which triggers stop firing while their window still takes data.

use super::Trigger;

/// When a trigger stops firing, at the earliest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Finishes {
    AnyTime,
    AtEndOfWindow,
    Never,
}

impl Trigger {
    /// Why this trigger may lose data when windows take late data for so many microseconds after their end, in
    /// the user's words; `None` if it cannot.
    pub(crate) fn may_lose_data(&self, lateness: i64) -> Option<String> {
        match self.finishes() {
            Finishes::Never => None,
            Finishes::AtEndOfWindow if lateness == 0 => None,
            Finishes::AtEndOfWindow => Some(format!(
                "the trigger `{self}` does not fire after the end of the window, so the late data that is allowed would be \
                 dropped: add `.late(..)`, or accept the loss with `.finishing_trigger_may_lose_data()`"
            )),
            Finishes::AnyTime => Some(format!(
                "the trigger `{self}` stops firing before its window ends, and what comes after is dropped: wrap \
                 it in `repeatedly(..)`, or accept the loss with `.finishing_trigger_may_lose_data()`"
            )),
        }
    }

    fn finishes(&self) -> Finishes {
        let each = |parts: &[Trigger]| parts.iter().map(Trigger::finishes).collect::<Vec<_>>();
        match self {
            Trigger::AtWatermark { late: None, .. } => Finishes::AtEndOfWindow,
            Trigger::AfterCount(_)
            | Trigger::AfterProcessingTime { .. }
            | Trigger::AfterSynchronizedProcessingTime => Finishes::AnyTime,
            Trigger::Each(parts) => each(parts).into_iter().max().unwrap_or(Finishes::AnyTime),
            Trigger::All(parts) => parts.iter().map(Trigger::fires).max().unwrap_or(Finishes::AnyTime),
            Trigger::Any(parts) => parts.iter().map(Trigger::fires).min().unwrap_or(Finishes::Never),
            Trigger::OrFinally(main, until) => main.finishes().min(until.fires()),
            Trigger::Default
            | Trigger::AtWatermark { late: Some(_), .. }
            | Trigger::Repeatedly(_)
            | Trigger::Always
            | Trigger::Never => Finishes::Never,
        }
    }

    /// When it first fires, at the earliest: what finishes a trigger that fires once.
    fn fires(&self) -> Finishes {
        match self {
            Trigger::Default | Trigger::AtWatermark { early: None, .. } => Finishes::AtEndOfWindow,
            Trigger::AtWatermark { early: Some(early), .. } => early.fires().min(Finishes::AtEndOfWindow),
            Trigger::Repeatedly(inner) => inner.fires(),
            Trigger::Each(parts) => parts.first().map_or(Finishes::Never, Trigger::fires),
            Trigger::OrFinally(main, until) => main.fires().min(until.fires()),
            Trigger::Always => Finishes::AnyTime,
            Trigger::Never => Finishes::Never,
            _ => self.finishes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::trigger::{
        AtWatermark, after_count, after_processing_time, all_of, any_of, each_of, repeatedly,
    };

    fn at_watermark() -> Trigger {
        AtWatermark.into()
    }

    /// Beam: GroupByKeyTest, the checks of unsafe triggers.
    #[test]
    fn only_triggers_that_stop_while_data_may_come_lose_data() {
        let minute = 60_000_000;
        let table: [(Trigger, i64, bool); 14] = [
            (Trigger::Default, minute, false),
            (after_count(1), 0, true),
            (after_processing_time(Duration::from_secs(1)), 0, true),
            (repeatedly(after_count(1)), minute, false),
            (at_watermark(), 0, false),
            (at_watermark(), minute, true),
            (Trigger::from(AtWatermark.early(after_count(1))), 0, false),
            (Trigger::from(AtWatermark.early(after_count(1))), minute, true),
            (Trigger::from(AtWatermark.late(after_count(1))), minute, false),
            (repeatedly(after_count(2)).or_finally(AtWatermark), 0, false),
            (repeatedly(after_count(2)).or_finally(after_count(9)), 0, true),
            (each_of([after_count(1), repeatedly(after_count(5))]), minute, false),
            (all_of([after_count(5), at_watermark()]), 0, false),
            (any_of([after_count(5), at_watermark()]), 0, true),
        ];
        for (trigger, lateness, loses) in table {
            assert_eq!(
                trigger.may_lose_data(lateness).is_some(),
                loses,
                "{trigger} with lateness {lateness}"
            );
        }
    }

    #[test]
    fn the_reason_says_what_to_do() {
        assert_eq!(
            after_count(1).may_lose_data(0).unwrap(),
            "the trigger `after count 1` stops firing before its window ends, and what comes after is dropped: \
             wrap it in `repeatedly(..)`, or accept the loss with `.finishing_trigger_may_lose_data()`"
        );
        assert!(at_watermark().may_lose_data(1).unwrap().contains("add `.late(..)`"));
    }
}
