//! Every standard window function keeps the laws of a `WindowFn`, and the suite catches those that do not.

use std::time::Duration;

use flow_core::Timestamp;
use flow_core::testing::conformance::window_fn;
use flow_core::window::{Fixed, Global, Merged, Sessions, Sliding, Window, WindowFn, merge_overlapping};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// On bounds of windows of ten seconds, around them, around zero, and at the ends of time.
fn moments() -> Vec<(u64, Timestamp)> {
    let near = [-11, -10, -1, 0, 1, 4, 9, 10, 11, 19, 20, 45].map(at);
    let ends = [Timestamp::MIN, Timestamp::MIN + seconds(5), Timestamp::END_OF_GLOBAL_WINDOW];
    near.into_iter().chain(ends).enumerate().map(|(n, at)| (n as u64, at)).collect()
}

#[test]
fn global_and_fixed_windows() {
    window_fn(&Global, &moments());
    window_fn(Fixed::of(seconds(10)).function(), &moments());
    window_fn(Fixed::of(seconds(10)).offset(seconds(3)).function(), &moments());
    window_fn(Fixed::of(Duration::ZERO).function(), &moments());
}

#[test]
fn sliding_windows_with_overlaps_and_with_gaps() {
    window_fn(Sliding::of(seconds(10), seconds(3)).function(), &moments());
    window_fn(Sliding::of(seconds(3), seconds(10)).offset(seconds(1)).function(), &moments());
}

fn windows_of(function: &impl WindowFn<()>, at: Timestamp) -> Vec<Window> {
    let mut windows = Vec::new();
    function.assign(&(), at, |window| windows.push(window));
    windows
}

#[test]
fn the_first_moments_of_time_are_in_one_window_whatever_its_offset() {
    let next = Timestamp::MIN.offset_micros(1);
    let hours = Fixed::of(seconds(3600)).offset(seconds(1000));
    assert_eq!(windows_of(hours.function(), Timestamp::MIN), windows_of(hours.function(), next));
    let hours = Sliding::of(seconds(3600), seconds(3600)).offset(seconds(1000));
    assert_eq!(windows_of(hours.function(), Timestamp::MIN), windows_of(hours.function(), next));
}

#[test]
fn an_element_at_the_end_of_time_is_in_a_window() {
    let sliding = Sliding::of(seconds(20), seconds(10));
    assert_eq!(windows_of(sliding.function(), Timestamp::MAX).len(), 2);
    assert_eq!(windows_of(Fixed::of(seconds(10)).function(), Timestamp::MAX).len(), 1);
}

#[test]
fn sessions() {
    window_fn(Sessions::with_gap(seconds(5)).function(), &moments());
    window_fn(Sessions::with_gap(Duration::ZERO).function(), &moments());
}

/// A window function for the tests: how it assigns and how it merges.
#[derive(Clone)]
struct Custom {
    assign: fn(u64, Timestamp) -> Window,
    merge: Option<fn(&[Window]) -> Vec<Merged>>,
    partition: bool,
    side: fn(Window) -> Option<Window>,
}

impl std::fmt::Debug for Custom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Custom")
    }
}

impl WindowFn<u64> for Custom {
    fn assign(&self, element: &u64, at: Timestamp, mut emit: impl FnMut(Window)) {
        emit((self.assign)(*element, at));
    }
    fn is_partition(&self) -> bool {
        self.partition
    }
    fn is_merging(&self) -> bool {
        self.merge.is_some()
    }
    fn merge(&self, windows: &[Window]) -> Vec<Merged> {
        self.merge.map_or_else(Vec::new, |merge| merge(windows))
    }
    fn side_window(&self, main: Window) -> Option<Window> {
        (self.side)(main)
    }
}

/// Elements stay in sight as many seconds as they say.
const BY_ELEMENT: Custom = Custom {
    assign: |element, at| Window::new(at, at + seconds(element + 1)),
    merge: Some(merge_overlapping),
    partition: false,
    side: |_| None,
};

#[test]
fn a_custom_function_with_a_gap_of_each_element() {
    window_fn(&BY_ELEMENT, &moments());
    window_fn(&Custom { merge: None, ..BY_ELEMENT }, &moments());
}

#[test]
#[should_panic(expected = "a window is empty")]
fn an_empty_window_is_caught() {
    window_fn(&Custom { assign: |_, at| Window::new(at, at), ..BY_ELEMENT }, &moments());
}

#[test]
#[should_panic(expected = "a partition's window does not contain the timestamp")]
fn a_partition_that_misses_the_element_is_caught() {
    let after = |_, at| Window::new(at + seconds(1), at + seconds(2));
    window_fn(&Custom { assign: after, partition: true, ..BY_ELEMENT }, &moments());
}

#[test]
#[should_panic(expected = "a partition depends on the element")]
fn a_partition_that_looks_at_the_element_is_caught() {
    window_fn(&Custom { partition: true, merge: None, ..BY_ELEMENT }, &moments());
}

#[test]
#[should_panic(expected = "a partition does not give one window")]
fn a_partition_into_several_windows_is_caught() {
    #[derive(Debug)]
    struct Twice;
    impl WindowFn<u64> for Twice {
        fn assign(&self, _: &u64, at: Timestamp, mut emit: impl FnMut(Window)) {
            emit(Window::new(at, at + seconds(1)));
            emit(Window::new(at, at + seconds(2)));
        }
        fn is_partition(&self) -> bool {
            true
        }
    }
    window_fn(&Twice, &moments());
}

#[test]
#[should_panic(expected = "does not contain its last moment")]
fn a_side_window_elsewhere_is_caught() {
    let elsewhere = |main: Window| Some(Window::new(main.end, main.end + seconds(1)));
    window_fn(&Custom { side: elsewhere, ..BY_ELEMENT }, &moments());
}

/// Merges the first two windows that overlap, and no more.
fn merge_one_pair(windows: &[Window]) -> Vec<Merged> {
    let pair = windows.windows(2).find(|pair| pair[0].overlaps(pair[1]));
    pair.map(|pair| Merged { into: pair[0].span(pair[1]), from: pair.to_vec() }).into_iter().collect()
}

#[test]
#[should_panic(expected = "merging is not idempotent")]
fn merging_that_stops_halfway_is_caught() {
    window_fn(&Custom { merge: Some(merge_one_pair), ..BY_ELEMENT }, &moments());
}

/// Merges what starts within three seconds of the first of a run: where runs begin depends on what has come.
fn merge_near_the_first(windows: &[Window]) -> Vec<Merged> {
    let mut runs: Vec<Merged> = Vec::new();
    for &window in windows {
        match runs.last_mut() {
            Some(run) if window.start <= run.from[0].start + seconds(3) => {
                run.into = run.into.span(window);
                run.from.push(window);
            }
            _ => runs.push(Merged { into: window, from: vec![window] }),
        }
    }
    runs.retain(|run| run.from.len() > 1);
    runs
}

#[test]
#[should_panic(expected = "merging is not commutative")]
fn merging_that_depends_on_arrival_is_caught() {
    let windows = [0, 2, 4, 6].map(|second| (0, at(second)));
    window_fn(&Custom { merge: Some(merge_near_the_first), ..BY_ELEMENT }, &windows);
}

#[test]
#[should_panic(expected = "merging takes a window twice, or one it was not given")]
fn merging_what_was_not_given_is_caught() {
    let merge =
        |windows: &[Window]| vec![Merged { into: windows[0], from: vec![windows[0], Window::GLOBAL] }];
    window_fn(&Custom { merge: Some(merge), ..BY_ELEMENT }, &moments());
}

#[test]
#[should_panic(expected = "merging replaces fewer than two windows")]
fn merging_one_window_is_caught() {
    let merge = |windows: &[Window]| vec![Merged { into: windows[0], from: vec![windows[0]] }];
    window_fn(&Custom { merge: Some(merge), ..BY_ELEMENT }, &moments());
}
