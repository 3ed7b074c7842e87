use std::time::Duration;

use proptest::prelude::*;

use super::super::properties::{
    Settings, Step, Windows, assigned, script, settings, windowing, windows_apart,
};
use super::{Element, Emitted, Model};
use crate::group::{Collect, Groups};
use crate::trigger::{AtWatermark, Trigger, after_count, after_processing_time, repeatedly};
use crate::{Bundle, Meta, Pane, Timestamp};

/// Both, side by side.
struct Both {
    groups: Groups<u8, i64, Collect<i64>>,
    model: Model,
    input: Timestamp,
    now: Timestamp,
    late: u64,
    closed: u64,
}

impl Both {
    fn add(&mut self, elements: &[Element]) {
        let meta = |time, window| Meta { time, window, pane: Pane::default() };
        let elements_of =
            elements.iter().map(|(key, value, at, window)| ((*key, *value), meta(*at, *window)));
        let mut bundle: Bundle<(u8, i64)> = elements_of.collect();
        let dropped = self.groups.add(&mut bundle, 1);
        self.late += dropped.late;
        self.closed += dropped.closed;
        self.model.add(elements);
    }

    fn advance(&mut self) {
        self.groups.advance(self.input, self.now);
        self.model.advance(self.input, self.now);
    }

    /// Compares what came of a step.
    fn agree(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let mut out = Bundle::default();
        while self.groups.poll(&mut out) {}
        let got: Vec<Emitted> =
            out.drain().map(|((key, values), meta)| (key, values.iter().collect(), meta)).collect();
        let wanted = std::mem::take(&mut self.model.panes);
        prop_assert_eq!(in_order(got), in_order(wanted), "after {:?}", step);
        prop_assert_eq!(
            (self.late, self.closed),
            (self.model.late, self.model.closed),
            "drops after {:?}",
            step
        );
        prop_assert_eq!(self.groups.output_watermark(), self.model.output(), "output after {:?}", step);
        Ok(())
    }
}

/// By key, window and number; the values of a pane in any order.
fn in_order(mut panes: Vec<Emitted>) -> Vec<Emitted> {
    for (_, values, _) in &mut panes {
        values.sort_unstable();
    }
    panes.sort_by_key(|(key, _, meta)| (*key, meta.window, meta.pane.index, meta.pane.last));
    panes
}

fn compare(windows: &Windows, settings: &Settings, script: &[Step]) -> Result<(), TestCaseError> {
    let windowing = windowing(windows, settings);
    let (input, now) = (Timestamp::MIN, Timestamp::from_micros(0));
    let groups = Groups::new(Collect::new(), windowing.clone());
    let mut both = Both { groups, model: Model::new(windowing), input, now, late: 0, closed: 0 };
    both.advance();
    let mut value = 0;
    for step in script.iter().chain(&[Step::Watermark(i64::MAX)]) {
        match step {
            Step::Elements(elements) => {
                let mut bundle = Vec::new();
                for (key, at) in elements {
                    value += 1;
                    let at = Timestamp::from_millis(*at);
                    bundle.extend(assigned(windows, at).into_iter().map(|window| (*key, value, at, window)));
                }
                both.add(&bundle);
            }
            Step::Watermark(i64::MAX) => both.input = Timestamp::MAX,
            Step::Watermark(by) => {
                both.input =
                    both.input.max(Timestamp::from_millis(0)) + Duration::from_micros(by.unsigned_abs());
            }
            Step::Clock(by) => both.now = both.now + Duration::from_micros(by.unsigned_abs()),
        }
        both.advance();
        both.agree(step)?;
    }
    prop_assert!(both.groups.is_empty() && both.model.is_empty());
    Ok(())
}

/// Triggers whose state after a merge can be said in a sentence: what is pending, and whether all had ended.
fn trigger_of_sessions() -> impl Strategy<Value = Trigger> {
    let delay = |n: u64| after_processing_time(Duration::from_millis(n));
    prop_oneof![
        Just(Trigger::Default),
        Just(AtWatermark.into()),
        (1..4_u64).prop_map(|n| repeatedly(after_count(n))),
        (0..20_u64).prop_map(move |n| repeatedly(delay(n))),
        (1..4_u64).prop_map(|n| Trigger::from(AtWatermark.early(after_count(n)))),
        (1..4_u64, 1..4_u64).prop_map(|(early, late)| Trigger::from(
            AtWatermark.early(after_count(early)).late(after_count(late))
        )),
        (0..20_u64, 0..20_u64)
            .prop_map(move |(early, late)| Trigger::from(AtWatermark.early(delay(early)).late(delay(late)))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn windows_that_stay_apart_are_as_the_model_says(
        windows in windows_apart(), settings in settings(), script in script()
    ) {
        compare(&windows, &settings, &script)?;
    }

    #[test]
    fn sessions_are_as_the_model_says(
        mut settings in settings(), trigger in trigger_of_sessions(), mut script in script()
    ) {
        settings.trigger = trigger;
        // The order in which several keys are looked at after a bundle is nobody's promise.
        for step in &mut script {
            if let Step::Elements(elements) = step {
                for (key, _) in elements {
                    *key = 0;
                }
            }
        }
        compare(&Windows::Sessions, &settings, &script)?;
    }
}
