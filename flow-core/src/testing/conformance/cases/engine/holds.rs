//! How far the output watermark may go, and what a pane is called for it.

use std::time::Duration;

use super::ms;
use crate::testing::conformance::cases::Bundling::{AsWritten, Of};
use crate::testing::conformance::cases::{Case, Holds::Always, Holds::For, windowed};
use crate::trigger::{AtWatermark, Trigger, after_count, after_processing_time, each_of, never, repeatedly};
use crate::window::{Closing, Fixed, TimestampCombiner, WindowInto};

/// Fires for the first three elements, the next four, and the watermark.
fn by_hand() -> Trigger {
    each_of([after_count(3), after_count(4), AtWatermark.into(), never()])
}

fn earliest_within(lateness: u64, trigger: Trigger) -> WindowInto<Fixed> {
    let windows = Fixed::of(ms(10)).trigger(trigger).allowed_lateness(ms(lateness));
    windows.timestamp_combiner(TimestampCombiner::Earliest)
}

pub(super) const CASES: &[Case] = &[
    Case::engine(
        "elements behind the watermark hold nothing before the end of their window",
        "trigger_transcripts.yaml known_late_data_watermark",
        "Timestamp control",
        || windowed(Fixed::of(ms(10)).timestamp_combiner(TimestampCombiner::Earliest)),
        Always,
        "wm 5
         in 2@2 3@3 7@7 8@8
         hold 7
         output 5
         wm 8
         output 7
         wm 11
         => {2,3,7,8} [0,10) @7 (T,T,ON_TIME,0,0)
         output 11",
    ),
    Case::engine(
        "the earliest element holds the watermark until its pane is out",
        "TimestampCombiner.EARLIEST",
        "Timestamp control",
        || windowed(Fixed::of(ms(10)).timestamp_combiner(TimestampCombiner::Earliest)),
        Always,
        "in 3@3 6@6
         wm 8
         output 3
         wm 10
         => {3,6} [0,10) @3 (T,T,ON_TIME,0,0)
         output 10",
    ),
    Case::engine(
        "the latest element holds the watermark until its pane is out",
        "TimestampCombiner.LATEST",
        "Timestamp control",
        || windowed(Fixed::of(ms(10)).timestamp_combiner(TimestampCombiner::Latest)),
        Always,
        "in 3@3 6@6
         wm 8
         output 6
         wm 10
         => {3,6} [0,10) @6 (T,T,ON_TIME,0,0)
         output 10",
    ),
    Case::engine(
        "the end of the window does not hold the watermark before it",
        "TimestampCombiner.END_OF_WINDOW",
        "Timestamp control",
        || windowed(Fixed::of(ms(10))),
        Always,
        "in 3@3 6@6
         wm 8
         output 8
         hold 9",
    ),
    Case::engine(
        "late elements of a key hold nothing and are late, though another key holds the watermark behind them",
        "a rule of ours: the panes of a key do not depend on which other keys are on its worker",
        "Timestamp control",
        || windowed(earliest_within(100, repeatedly(after_count(2))).discarding()),
        For(&[AsWritten, Of(2), Of(3)]),
        "in a:3@3
         wm 20
         output 3
         in b:5@5 b:6@6
         => b:{5,6} [0,10) @9 (T,F,LATE,0,0)
         wm max
         => a:{3} [0,10) @3 (T,T,ON_TIME,0,0)
         empty",
    ),
    Case::engine(
        "late elements hold the watermark at the expiry, and others at their time",
        "ReduceFnRunnerTest.testWatermarkHoldAndLateData",
        "Timestamp control",
        || windowed(earliest_within(10, by_hand()).accumulating()),
        Always,
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
         outside 8
         wm 10
         => {1,2,2,3,3,4,4,5,5,6} [0,10) @9 (F,F,ON_TIME,2,0)
         outside max
         in 8@8
         late 0
         closed 0
         wm 50
         => {1,2,2,3,3,4,4,5,5,6,8} [0,10) @9 (F,T,LATE,3,1)
         output 50
         hold none
         finished none
         empty",
    ),
    Case::engine(
        "a pane is on time while the watermark behind it is held back, and late once it has passed",
        "ReduceFnRunnerTest.testPaneInfoAllStates",
        "Event-time triggers",
        || {
            windowed(
                Fixed::of(ms(10)).trigger(repeatedly(after_count(1))).allowed_lateness(ms(100)).discarding(),
            )
        },
        Always,
        "wm 0
         in 1@1
         => {1} [0,10) @9 (T,F,EARLY,0,-1)
         in 2@2
         => {2} [0,10) @9 (F,F,EARLY,1,-1)
         outside 0
         wm 15
         in 3@3
         => {3} [0,10) @9 (F,F,ON_TIME,2,0)
         outside max
         in 4@4
         => {4} [0,10) @9 (F,F,LATE,3,1)
         in 5@5
         => {5} [0,10) @9 (F,F,LATE,4,2)",
    ),
    Case::engine(
        "a trigger that does not look at the watermark does not hold it",
        "ReduceFnRunnerTest.testNoWatermarkTriggerNoHold",
        "Timestamp control",
        || {
            let windows =
                Fixed::of(ms(10)).trigger(repeatedly(after_processing_time(Duration::from_secs(5))));
            windowed(windows.allowed_lateness(Duration::from_hours(24)).discarding())
        },
        Always,
        "wm 0
         clock 0
         in 1@1
         hold 9
         clock 6000
         => {1} [0,10) @9 (T,F,EARLY,0,-1)
         hold none
         wm 3600009
         output 3600009
         in 3@3
         hold 86400009",
    ),
    Case::engine(
        "a last pane that always comes holds the watermark at the expiry",
        "ReduceFnRunnerTest.dontSetHoldIfTooLateForEndOfWindowTimer, the hold for a last pane",
        "Timestamp control",
        || {
            let windows = Fixed::of(ms(10)).allowed_lateness(ms(10)).closing(Closing::FireAlways);
            windowed(windows.timestamp_combiner(TimestampCombiner::Earliest).accumulating())
        },
        Always,
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
    ),
];
