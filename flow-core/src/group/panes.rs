use serde::{Deserialize, Serialize};

use super::holds::Watermarks;
use crate::window::{Closing, OnTime, Window, Windowing};
use crate::{Pane, Timing};

/// The panes that a key and window has emitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Panes {
    emitted: u32,
    /// Of these, the ones that were not early.
    not_early: u32,
}

impl Panes {
    /// What the next pane says of itself. It uses up its index only once [`record`](Panes::record)ed.
    pub(super) fn next(self, window: Window, marks: Watermarks, last: bool) -> Pane {
        let timing = self.timing(window, marks);
        Pane {
            first: self.emitted == 0,
            last,
            timing,
            index: self.emitted,
            on_time_index: (timing != Timing::Early).then_some(self.not_early),
        }
    }

    pub(super) fn record(&mut self, pane: Pane) {
        self.emitted += 1;
        self.not_early += u32::from(pane.timing != Timing::Early);
    }

    /// Early, then at most once on time, then late. Once the output watermark has passed the window, a pane is late
    /// for whoever reads it, whatever the input watermark says.
    fn timing(self, window: Window, marks: Watermarks) -> Timing {
        let end = window.max_timestamp();
        if marks.output > end || self.not_early > 0 {
            Timing::Late
        } else if marks.input <= end {
            Timing::Early
        } else {
            Timing::OnTime
        }
    }
}

/// Whether a pane is emitted; empty is one without a new element since the pane before.
pub(super) fn is_wanted(pane: Pane, empty: bool, windowing: &Windowing) -> bool {
    let on_time = pane.timing == Timing::OnTime && windowing.on_time == OnTime::FireAlways;
    let closing = pane.last && windowing.closing == Closing::FireAlways;
    !empty || on_time || closing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    const WINDOW: Window = Window::new(Timestamp::from_millis(0), Timestamp::from_millis(10));

    fn marks(input: i64, output: i64) -> Watermarks {
        Watermarks { input: Timestamp::from_millis(input), output: Timestamp::from_millis(output) }
    }

    /// Beam: ReduceFnRunnerTest.testPaneInfoAllStates.
    #[test]
    fn panes_are_early_then_on_time_once_then_late() {
        let mut panes = Panes::default();
        let table = [
            (marks(0, 0), Timing::Early, None),
            (marks(5, 5), Timing::Early, None),
            (marks(15, 5), Timing::OnTime, Some(0)),
            (marks(15, 5), Timing::Late, Some(1)),
            (marks(15, 15), Timing::Late, Some(2)),
        ];
        for (index, (marks, timing, on_time_index)) in table.into_iter().enumerate() {
            let pane = panes.next(WINDOW, marks, false);
            let first = index == 0;
            let index = u32::try_from(index).unwrap();
            assert_eq!(pane, Pane { first, last: false, timing, index, on_time_index });
            panes.record(pane);
        }
    }

    /// Beam: ReduceFnRunnerTest.testPaneInfoSkipToNonSpeculativeAndFinish.
    #[test]
    fn a_first_pane_behind_the_output_watermark_is_late() {
        let pane = Panes::default().next(WINDOW, marks(15, 15), true);
        assert_eq!((pane.timing, pane.first, pane.on_time_index), (Timing::Late, true, Some(0)));
    }

    #[test]
    fn the_window_has_ended_only_when_the_watermark_is_past_its_last_moment() {
        let last_moment = WINDOW.max_timestamp();
        let at = |input| Panes::default().next(WINDOW, Watermarks { input, output: Timestamp::MIN }, false);
        assert_eq!(at(last_moment).timing, Timing::Early);
        assert_eq!(at(WINDOW.end).timing, Timing::OnTime);
    }
}
