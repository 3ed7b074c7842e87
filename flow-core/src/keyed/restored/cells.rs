//! State and timers.

use std::time::Duration;

use proptest::prelude::*;

use super::{Break, Pair, breaks, breaks_of};
use crate::BoxError;
use crate::group::tests::properties::{Settings, Step, Windows, script, settings, windowing, windows};
use crate::keyed::cells::Cells;
use crate::keyed::{StatefulCx, StatefulFn};
use crate::state::{Bag, Merge};

/// Collects values, and does with them what they ask for.
#[derive(Clone)]
struct Remembering {
    silent: bool,
}

/// Timers of both times, with output and without, aligned and not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
enum Timer {
    Event(i64),
    Clock(i64),
    Silent,
}

type Out = (u8, String, Vec<i64>);
type Cx<'a> = StatefulCx<'a, Timer, Out>;

impl StatefulFn<u8, i64, Out> for Remembering {
    type State = Bag<i64>;
    type Timer = Timer;

    fn process(&self, key: &u8, value: i64, values: &mut Bag<i64>, cx: &mut Cx<'_>) -> Result<(), BoxError> {
        values.add(value);
        let delay = Duration::from_millis(value.unsigned_abs() % 13);
        match value % 7 {
            0 => cx.timer(Timer::Event(value % 3)).after(delay),
            1 => cx.timer(Timer::Clock(value % 3)).after_processing_time(delay),
            2 if self.silent => cx.timer(Timer::Silent).without_output().after_processing_time(delay),
            3 => cx.timer(Timer::Event(0)).clear(),
            4 => cx.emit((*key, "so far".into(), values.read().to_vec())),
            5 => cx.forget(),
            _ => {}
        }
        Ok(())
    }

    fn on_timer(
        &self,
        key: &u8,
        timer: Timer,
        values: &mut Bag<i64>,
        cx: &mut Cx<'_>,
    ) -> Result<(), BoxError> {
        match timer {
            // What a silent timer sets starts from where the watermark is.
            Timer::Silent => cx.timer(Timer::Event(9)).after_processing_time(Duration::from_millis(3)),
            timer => cx.emit((*key, format!("{timer:?}"), values.take())),
        }
        Ok(())
    }

    fn on_window_expiration(&self, key: &u8, values: &mut Bag<i64>, cx: &mut Cx<'_>) -> Result<(), BoxError> {
        cx.emit((*key, "the end".into(), values.take()));
        Ok(())
    }

    fn merging(&self) -> Option<fn(&mut Bag<i64>, Bag<i64>)> {
        Some(Merge::merge)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn state_and_timers_go_on(
        windows in windows(), settings in settings(), script in script(), breaks in breaks()
    ) {
        // What a timer without output sets depends on how far the watermark of the worker is.
        goes_on(Remembering { silent: false }, &windows, &settings, &script, &breaks)?;
    }

    #[test]
    fn state_and_timers_without_output_go_on_on_one_worker(
        windows in windows(), settings in settings(), script in script(), breaks in breaks_of(1..2)
    ) {
        goes_on(Remembering { silent: true }, &windows, &settings, &script, &breaks)?;
    }
}

fn goes_on(
    f: Remembering,
    windows: &Windows,
    settings: &Settings,
    script: &[Step],
    breaks: &[Break],
) -> Result<(), TestCaseError> {
    let windowing = windowing(windows, settings);
    let pair: Pair<i64, Out, Cells<u8, i64, Out, Remembering>> =
        Pair::new(move |_, _| Cells::new(f.clone(), &windowing));
    pair.run(windows, script, breaks, |value| value)
}
