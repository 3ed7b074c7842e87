//! Window assignment and merging, under the default trigger.

use std::time::Duration;

use super::{Case, Holds::Always, windowed};
use crate::Timestamp;
use crate::testing::{assert_that, stream};
use crate::trigger::{AtWatermark, after_count, repeatedly};
use crate::window::{Calendar, Fixed, Global, Merged, Sessions, Sliding, Window, WindowFn, WindowInto};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) const CASES: &[Case] = &[
    Case::panes(
        "fixed windows may start off the epoch",
        "FixedWindowsTest",
        "Fixed windows",
        || windowed(Fixed::of(ms(10)).offset(ms(5))),
        Always,
        "in 1@1 2@2 5@5 9@9 10@10 11@11 100@100
         => {1,2} [-5,5) @4 (T,T,ON_TIME,0,0)
         => {5,9,10,11} [5,15) @14 (T,T,ON_TIME,0,0)
         => {100} [95,105) @104 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "an element is in every sliding window over it",
        "SlidingWindowsTest.testOffset",
        "Sliding windows",
        || windowed(Sliding::of(ms(10), ms(5)).offset(ms(2))),
        Always,
        "in 1@1 2@2 5@5 9@9 10@10 11@11
         => {1} [-8,2) @1 (T,T,ON_TIME,0,0)
         => {1,2,5} [-3,7) @6 (T,T,ON_TIME,0,0)
         => {2,5,9,10,11} [2,12) @11 (T,T,ON_TIME,0,0)
         => {9,10,11} [7,17) @16 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "elements between sliding windows are in none",
        "SlidingWindowsTest.testElidings",
        "Sliding windows",
        || windowed(Sliding::of(ms(3), ms(10))),
        Always,
        "in 1@1 2@2 3@3 5@5 9@9 10@10 11@11 100@100
         => {1,2} [0,3) @2 (T,T,ON_TIME,0,0)
         => {10,11} [10,13) @12 (T,T,ON_TIME,0,0)
         => {100} [100,103) @102 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "values are combined in each sliding window for itself",
        "CombineTest, sliding windows",
        "Combine",
        || windowed(Sliding::of(ms(3), ms(1))),
        Always,
        "in 1@1 2@2 4@3
         => {1} [-1,2) @1 (T,T,ON_TIME,0,0)
         => {1,2} [0,3) @2 (T,T,ON_TIME,0,0)
         => {1,2,4} [1,4) @3 (T,T,ON_TIME,0,0)
         => {2,4} [2,5) @4 (T,T,ON_TIME,0,0)
         => {4} [3,6) @5 (T,T,ON_TIME,0,0)",
    ),
    Case::holds(
        "what a window accumulates does not leak into another",
        "CombineTest, sliding windows with accumulators that merging changes",
        "Combine",
        |p, bundling| {
            let at = Timestamp::from_millis;
            let elements = ["a", "b", "c"].into_iter().zip(1..).map(|(text, n)| (text.to_string(), at(n)));
            let windowed =
                bundling.of(stream().add(elements)).collection(p).window(Sliding::of(ms(3), ms(1)));
            let wanted = ["a", "ba", "cba", "cb", "c"].map(String::from);
            assert_that(&windowed.top(9).map(|top| top.concat())).contains_in_any_order(wanted);
        },
    ),
    Case::panes(
        "a day of a calendar begins at midnight where it is",
        "CalendarWindowsTest.testTimeZone",
        "Custom windows",
        || windowed(Calendar::days(1).time_zone("America/Los_Angeles")),
        Always,
        "in 1@2014-01-01T08:00:00Z 2@2014-01-02T07:59:00Z 3@2014-01-02T08:00:00Z 4@2014-01-03T07:59:00Z
         => {1,2} [1388563200000,1388649600000) @1388649599999 (T,T,ON_TIME,0,0)
         => {3,4} [1388649600000,1388736000000) @1388735999999 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "months of a calendar are as long as they are",
        "CalendarWindowsTest.testMonths",
        "Custom windows",
        || windowed(Calendar::months(1)),
        Always,
        "in 1@2024-01-31T23:59:59Z 2@2024-02-01T00:00:00Z 3@2024-02-29T23:59:59Z 4@2024-03-01T00:00:00Z
         => {1} [1704067200000,1706745600000) @1706745599999 (T,T,ON_TIME,0,0)
         => {2,3} [1706745600000,1709251200000) @1709251199999 (T,T,ON_TIME,0,0)
         => {4} [1709251200000,1711929600000) @1711929599999 (T,T,ON_TIME,0,0)",
    ),
    Case::holds(
        "an hour sees the view of its day, where that is",
        "PartitioningWindowFn.getDefaultWindowMappingFn, of CalendarWindows",
        "Custom windows",
        |p, bundling| {
            let at = |time: &str| time.parse::<Timestamp>().expect("a time");
            let (evening, night) = (at("2014-01-02T07:59:00Z"), at("2014-01-02T08:00:00Z"));
            let days = Calendar::days(1).time_zone("America/Los_Angeles");
            let numbers = bundling.of(stream().add([(10, evening), (20, night)])).collection(p);
            let number = numbers.window(days).as_single();
            let hours = bundling.of(stream().add([(1, evening), (2, night)])).collection(p);
            let seen =
                hours.window(Fixed::of(Duration::from_hours(1))).with(&number).map(|n, number| (n, *number));
            assert_that(&seen).contains_in_any_order([(1, 10), (2, 20)]);
        },
    ),
    Case::panes(
        "sessions that touch stay apart",
        "SessionsTest.testSimple",
        "Session windows",
        || windowed(Sessions::with_gap(ms(10))),
        Always,
        "in 0@0 10@10 101@101
         => {0} [0,10) @9 (T,T,ON_TIME,0,0)
         => {10} [10,20) @19 (T,T,ON_TIME,0,0)
         => {101} [101,111) @110 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "sessions that overlap become one",
        "SessionsTest.testMerging",
        "Session windows",
        || windowed(Sessions::with_gap(ms(10))),
        Always,
        "in 1@1 15@15 30@30 100@100 101@101 95@95 22@22 10@10
         => {1,10,15,22,30} [1,40) @39 (T,T,ON_TIME,0,0)
         => {95,100,101} [95,111) @110 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "sessions are of one key",
        "GroupByKeyTest",
        "Session windows",
        || windowed(Sessions::with_gap(ms(4))),
        Always,
        "in foo:1@1 foo:4@4 bar:3@3 foo:9@9
         => foo:{1,4} [1,8) @7 (T,T,ON_TIME,0,0)
         => bar:{3} [3,7) @6 (T,T,ON_TIME,0,0)
         => foo:{9} [9,13) @12 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "sessions of one key merge, those of others stay",
        "CombineTest.testSessionsCombine",
        "Session windows",
        || windowed(Sessions::with_gap(ms(5))),
        Always,
        "in a:1@0 a:1@4 a:4@7 b:1@10 b:13@16
         => a:{1,1,4} [0,12) @11 (T,T,ON_TIME,0,0)
         => b:{1} [10,15) @14 (T,T,ON_TIME,0,0)
         => b:{13} [16,21) @20 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "windows merge as their own function says",
        "WindowTest.testMergingCustomWindows",
        "Custom merging windows",
        || windowed(WindowInto::by(BigAbsorbsSmall)),
        Always,
        "in 100@10s 1@20s 2@39s
         => {1,100} [10000,40000) @39999 (T,T,ON_TIME,0,0)
         => {2} [39000,44000) @43999 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "a window across the end of time is complete at it",
        "FixedWindowsTest.testEndOfTime",
        "Fixed windows",
        || windowed(Fixed::of(Duration::from_hours(1))),
        Always,
        "in 1@9223371950454774
         => {1} * @end (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "elements at the end of time are in the last window",
        "TestStreamTest, elements at the end of the global window",
        "Fixed windows",
        || windowed(Fixed::of(Duration::from_hours(6))),
        Always,
        "in 1@end 2@end
         wm max
         => {1,2} * @end (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "the global window ends with the stream alone",
        "GlobalWindow: its last moment is a day before the end of time",
        "Global windows",
        || windowed(Global::windows().trigger(AtWatermark).discarding()),
        Always,
        "in 1@1 2@2
         wm end
         in 3@3
         wm max
         => {1,2,3} global @end (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "sessions across keys merge when the keys are dropped",
        "CombineTest.testSessionsCombine",
        "Session windows",
        || windowed(Sessions::with_gap(ms(5))),
        Always,
        "in 1@0 1@4 4@7 1@10 13@16
         => {1,1,1,4} [0,15) @14 (T,T,ON_TIME,0,0)
         => {13} [16,21) @20 (T,T,ON_TIME,0,0)",
    ),
    Case::panes(
        "windows are as their own function says",
        "WindowTest, custom windows that do not merge",
        "Custom windows",
        || windowed(WindowInto::by(ByValue).allowed_lateness(ms(0)).discarding()),
        Always,
        "in 1@5 2@5 1@9 7@5
         wm 10
         => {1,1} [0,10) @9 (T,T,ON_TIME,0,0)
         => {2} [5,25) @24 (T,T,ON_TIME,0,0)
         in 1@3
         late 1",
    ),
    Case::panes(
        "a custom window that absorbs others goes on counting its panes",
        "a rule of ours: only a window that was there before has had panes",
        "Custom merging windows",
        || windowed(bridge(10).discarding()),
        Always,
        "in 1@1
         => {1} [1,11) @10 (T,F,EARLY,0,-1)
         in 30@30
         => {30} [30,40) @39 (T,F,EARLY,0,-1)
         in 7@20
         => {7} [1,11) @10 (F,F,EARLY,1,-1)
         wm max
         => {} [1,11) @10 (F,T,ON_TIME,2,0)",
    ),
];

/// A window of 30 s for the value 100 absorbs the windows of 5 s that it contains.
#[derive(Clone, Debug)]
pub(super) struct BigAbsorbsSmall;

impl BigAbsorbsSmall {
    fn is_big(window: Window) -> bool {
        window.end == window.start + Duration::from_secs(30)
    }
}

impl WindowFn<(String, i64)> for BigAbsorbsSmall {
    fn assign(&self, (_, value): &(String, i64), at: Timestamp, mut emit: impl FnMut(Window)) {
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

/// Windows of 10 ms on multiples of it for the value 1, of 20 ms from the element for 2, and none for others.
#[derive(Clone, Debug)]
struct ByValue;

impl WindowFn<(String, i64)> for ByValue {
    fn assign(&self, (_, value): &(String, i64), at: Timestamp, mut emit: impl FnMut(Window)) {
        let start = Timestamp::from_millis(at.millis() / 10 * 10);
        match value {
            1 => emit(Window::new(start, start + ms(10))),
            2 => emit(Window::new(at, at + ms(20))),
            _ => {}
        }
    }
}

/// Windows of 10 ms stay apart until the value 7 comes: then all of a key become the first, of this length.
#[derive(Clone, Debug)]
pub(super) struct Bridge {
    length: u64,
}

pub(super) fn bridge(length: u64) -> WindowInto<Bridge> {
    let windows = WindowInto::by(Bridge { length }).trigger(AtWatermark.early(repeatedly(after_count(1))));
    windows.allowed_lateness(ms(0))
}

impl WindowFn<(String, i64)> for Bridge {
    fn assign(&self, (_, value): &(String, i64), at: Timestamp, mut emit: impl FnMut(Window)) {
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
