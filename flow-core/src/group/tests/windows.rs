//! How elements meet in windows, under the default trigger.

use std::time::Duration;

use super::script::{as_written, however_bundled};
use crate::Timestamp;
use crate::trigger::{AtWatermark, after_count, repeatedly};
use crate::window::{Fixed, Global, Merged, Sessions, Sliding, Window, WindowFn, WindowInto};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Beam: FixedWindowsTest, with an offset.
#[test]
fn fixed_windows_may_start_off_the_epoch() {
    however_bundled(
        Fixed::of(ms(10)).offset(ms(5)),
        "in 1@1 2@2 5@5 9@9 10@10 11@11 100@100
         wm max
         => {1,2} [-5,5) @4 (T,T,ON_TIME,0,0)
         => {5,9,10,11} [5,15) @14 (T,T,ON_TIME,0,0)
         => {100} [95,105) @104 (T,T,ON_TIME,0,0)
         empty",
    );
}

/// Beam: SlidingWindowsTest.testOffset.
#[test]
fn an_element_is_in_every_sliding_window_over_it() {
    however_bundled(
        Sliding::of(ms(10), ms(5)).offset(ms(2)),
        "in 1@1 2@2 5@5 9@9 10@10 11@11
         wm max
         => {1} [-8,2) @1 (T,T,ON_TIME,0,0)
         => {1,2,5} [-3,7) @6 (T,T,ON_TIME,0,0)
         => {2,5,9,10,11} [2,12) @11 (T,T,ON_TIME,0,0)
         => {9,10,11} [7,17) @16 (T,T,ON_TIME,0,0)
         empty",
    );
}

/// Beam: SlidingWindowsTest.testElidings.
#[test]
fn elements_between_sliding_windows_are_in_none() {
    however_bundled(
        Sliding::of(ms(3), ms(10)),
        "in 1@1 2@2 3@3 5@5 9@9 10@10 11@11 100@100
         wm max
         => {1,2} [0,3) @2 (T,T,ON_TIME,0,0)
         => {10,11} [10,13) @12 (T,T,ON_TIME,0,0)
         => {100} [100,103) @102 (T,T,ON_TIME,0,0)
         late 0
         closed 0",
    );
}

/// Beam: SessionsTest.testSimple.
#[test]
fn sessions_that_touch_stay_apart() {
    however_bundled(
        Sessions::with_gap(ms(10)),
        "in 0@0 10@10 101@101
         wm max
         => {0} [0,10) @9 (T,T,ON_TIME,0,0)
         => {10} [10,20) @19 (T,T,ON_TIME,0,0)
         => {101} [101,111) @110 (T,T,ON_TIME,0,0)",
    );
}

/// Beam: SessionsTest.testMerging.
#[test]
fn sessions_that_overlap_become_one() {
    however_bundled(
        Sessions::with_gap(ms(10)),
        "in 1@1 15@15 30@30 100@100 101@101 95@95 22@22 10@10
         wm max
         => {1,10,15,22,30} [1,40) @39 (T,T,ON_TIME,0,0)
         => {95,100,101} [95,111) @110 (T,T,ON_TIME,0,0)
         empty",
    );
}

/// Beam: GroupByKeyTest, with sessions.
#[test]
fn sessions_are_of_one_key() {
    however_bundled(
        Sessions::with_gap(ms(4)),
        "in foo:1@1 foo:4@4 bar:3@3 foo:9@9
         wm max
         => foo:{1,4} [1,8) @7 (T,T,ON_TIME,0,0)
         => bar:{3} [3,7) @6 (T,T,ON_TIME,0,0)
         => foo:{9} [9,13) @12 (T,T,ON_TIME,0,0)",
    );
}

/// Beam: GroupByKeyTest and CombineTest.testSessionsCombine.
#[test]
fn sessions_across_keys_merge_when_the_keys_are_dropped() {
    let globally = "in 1@0 1@4 4@7 1@10 13@16
         wm max
         => {1,1,1,4} [0,15) @14 (T,T,ON_TIME,0,0)
         => {13} [16,21) @20 (T,T,ON_TIME,0,0)";
    however_bundled(Sessions::with_gap(ms(5)), globally);
    let per_key = "in a:1@0 a:1@4 a:4@7 b:1@10 b:13@16
         wm max
         => a:{1,1,4} [0,12) @11 (T,T,ON_TIME,0,0)
         => b:{1} [10,15) @14 (T,T,ON_TIME,0,0)
         => b:{13} [16,21) @20 (T,T,ON_TIME,0,0)";
    however_bundled(Sessions::with_gap(ms(5)), per_key);
}

/// A window of 30 s for the value 100 absorbs the windows of 5 s that it contains.
#[derive(Clone, Debug)]
struct BigAbsorbsSmall;

impl BigAbsorbsSmall {
    fn is_big(window: Window) -> bool {
        window.end == window.start + Duration::from_secs(30)
    }
}

impl WindowFn<i64> for BigAbsorbsSmall {
    fn assign(&self, value: &i64, at: Timestamp, mut emit: impl FnMut(Window)) {
        let seconds = if *value == 100 { 30 } else { 5 };
        emit(Window::new(at, at + Duration::from_secs(seconds)));
    }

    fn is_merging(&self) -> bool {
        true
    }

    fn merge(&self, windows: &[Window]) -> Vec<Merged> {
        let contains = |big: Window, small: Window| big.start <= small.start && small.end <= big.end;
        let big = windows.iter().filter(|window| Self::is_big(**window));
        let merged = big.map(|big| Merged {
            into: *big,
            from: windows.iter().copied().filter(|window| contains(*big, *window)).collect(),
        });
        merged.filter(|merged| merged.from.len() > 1).collect()
    }
}

/// Beam: WindowTest.testMergingCustomWindows.
#[test]
fn windows_merge_as_their_own_function_says() {
    however_bundled(
        WindowInto::by(BigAbsorbsSmall),
        "in 100@10s 1@20s 2@39s
         wm max
         => {1,100} [10000,40000) @39999 (T,T,ON_TIME,0,0)
         => {2} [39000,44000) @43999 (T,T,ON_TIME,0,0)
         empty",
    );
}

/// Windows of 10 ms stay apart until the value 7 comes: then all of a key become the first, shortened to `length`.
#[derive(Clone, Debug)]
struct Bridge {
    length: u64,
}

impl WindowFn<i64> for Bridge {
    fn assign(&self, value: &i64, at: Timestamp, mut emit: impl FnMut(Window)) {
        emit(Window::new(at, at + ms(if *value == 7 { 100 } else { 10 })));
    }

    fn is_merging(&self) -> bool {
        true
    }

    fn merge(&self, windows: &[Window]) -> Vec<Merged> {
        let has_bridge = windows.iter().any(|window| window.end == window.start + ms(100));
        let Some((first, others)) = windows.split_first().filter(|_| has_bridge) else { return Vec::new() };
        let into = Window::new(first.start, first.start + ms(self.length));
        let from = if into == *first { others.to_vec() } else { windows.to_vec() };
        vec![Merged { into, from }]
    }
}

fn bridge(length: u64) -> WindowInto<Bridge> {
    WindowInto::by(Bridge { length })
        .trigger(AtWatermark.early(repeatedly(after_count(1))))
        .allowed_lateness(ms(0))
}

#[test]
fn a_window_that_absorbs_others_goes_on_counting_its_panes() {
    as_written(
        bridge(10).discarding(),
        "in 1@1
         => {1} [1,11) @10 (T,F,EARLY,0,-1)
         in 30@30
         => {30} [30,40) @39 (T,F,EARLY,0,-1)
         in 7@20
         => {7} [1,11) @10 (F,F,EARLY,1,-1)
         wm max
         => {} [1,11) @10 (F,T,ON_TIME,2,0)
         empty",
    );
}

#[test]
fn a_merge_into_a_window_that_is_over_emits_it_and_does_not_turn_back_the_watermark() {
    as_written(
        bridge(5).accumulating(),
        "in 1@1
         => {1} [1,11) @10 (T,F,EARLY,0,-1)
         wm 8
         output 8
         in 7@20
         => {1,7} [1,6) @5 (T,T,LATE,0,0)
         output 8
         empty",
    );
}

/// Beam: FixedWindowsTest.testEndOfTime.
#[test]
fn a_window_across_the_end_of_time_is_complete_at_it() {
    let mut last = Window::GLOBAL;
    let (fixed, _) =
        Fixed::of(Duration::from_hours(1)).resolve::<i64>(&crate::window::Windowing::default()).unwrap();
    fixed.assign(&0, Timestamp::END_OF_GLOBAL_WINDOW - ms(1), |window| last = window);
    assert!(last.end > Timestamp::END_OF_GLOBAL_WINDOW);
    assert_eq!(last.max_timestamp(), Timestamp::END_OF_GLOBAL_WINDOW);
}

/// Beam: TestStreamTest, elements at the end of the global window.
#[test]
fn elements_at_the_end_of_time_are_in_the_last_window() {
    however_bundled(
        Fixed::of(Duration::from_hours(6)),
        "in a:1@end a:2@end
         wm max
         => a:*
         empty",
    );
}

#[test]
fn the_global_window_ends_with_the_input_alone() {
    however_bundled(
        Global::windows(),
        "in 1@1 2@2
         wm end
         output end
         in 3@3
         late 0
         wm max
         => {1,2,3} global @end (T,T,ON_TIME,0,0)
         output max
         empty",
    );
}
