use std::collections::BTreeSet;

use crate::Timestamp;
use crate::combine::random::SplitMix64;
use crate::window::{Window, WindowFn};

/// How many orders of arrival are tried.
const ROUNDS: usize = 24;

/// Checks the laws of a [`WindowFn`] on given elements, taken as those of one key.
///
/// Give timestamps that matter to the function: on its bounds, just before and after them, around zero, and at both
/// ends of time ([`Timestamp::MIN`] and [`Timestamp::END_OF_GLOBAL_WINDOW`]).
///
/// - No window is empty.
/// - A partition gives an element exactly one window, which contains its timestamp, and gives every
///   element of one timestamp the same.
/// - Merging takes two or more of the windows it was given, each once, and leaves the others alone. It is
///   idempotent (what is merged merges no further), commutative and associative (elements give the same windows in
///   whatever order they come, and in whatever groups they are merged first).
/// - The side window of a window, if there is one, contains its last moment.
///
/// ```
/// use std::time::Duration;
/// use flow_core::{Timestamp, testing::conformance, window::Sessions};
///
/// let visits = Sessions::with_gap(Duration::from_secs(10));
/// conformance::window_fn(visits.function(), &[0, 5, 15, 40].map(|at| ((), Timestamp::from_secs(at))));
/// ```
#[track_caller]
pub fn window_fn<T, F: WindowFn<T>>(function: &F, elements: &[(T, Timestamp)]) {
    let mut windows = BTreeSet::new();
    for (element, at) in elements {
        let assigned = assigned(function, element, *at);
        if function.is_partition() {
            partition_gives_one_window(function, elements, &assigned, *at);
        }
        windows.extend(assigned);
    }
    for &window in &windows {
        is_not_empty(window);
    }
    if function.is_merging() {
        let merged = merging_is_lawful(function, &windows);
        windows.extend(merged);
    }
    for &window in &windows {
        side_window_contains_the_end(function, window);
    }
}

fn assigned<T>(function: &impl WindowFn<T>, element: &T, at: Timestamp) -> Vec<Window> {
    let mut windows = Vec::new();
    function.assign(element, at, |window| windows.push(window));
    windows
}

#[track_caller]
fn is_not_empty(window: Window) {
    assert!(window.start < window.end, "a window is empty: {window}");
}

#[track_caller]
fn partition_gives_one_window<T>(
    function: &impl WindowFn<T>,
    elements: &[(T, Timestamp)],
    windows: &[Window],
    at: Timestamp,
) {
    let [window] = windows else { panic!("a partition does not give one window at {at}: {windows:?}") };
    assert!(window.contains(at), "a partition's window does not contain the timestamp {at}: {window}");
    for (other, _) in elements {
        let others = assigned(function, other, at);
        assert!(others == windows, "a partition depends on the element at {at}: {windows:?} and {others:?}");
    }
}

#[track_caller]
fn side_window_contains_the_end<T>(function: &impl WindowFn<T>, main: Window) {
    if let Some(side) = function.side_window(main) {
        let end = main.max_timestamp();
        assert!(
            side.contains(end),
            "the side window of {main} does not contain its last moment {end}: {side}"
        );
    }
}

/// The windows that come of merging all of the given ones.
#[track_caller]
fn merging_is_lawful<T>(function: &impl WindowFn<T>, windows: &BTreeSet<Window>) -> BTreeSet<Window> {
    let at_once = merged(function, windows.clone());
    let again = merged(function, at_once.clone());
    assert!(again == at_once, "merging is not idempotent:\n  once: {at_once:?}\n  twice: {again:?}");
    let mut arrivals: Vec<Window> = windows.iter().copied().collect();
    let mut random = SplitMix64::new(1);
    for _ in 0..ROUNDS {
        random.shuffle(&mut arrivals);
        let singly =
            arrivals.iter().fold(BTreeSet::new(), |so_far, &window| joined(function, so_far, [window]));
        assert!(
            singly == at_once,
            "merging is not commutative, in the order of arrival {arrivals:?}:\n  at once: {at_once:?}\n  one by one: {singly:?}"
        );
        let (one, other) = arrivals.split_at(random.below(arrivals.len() as u64 + 1) as usize);
        let [one, other] = [one, other].map(|group| merged(function, group.iter().copied().collect()));
        let grouped = joined(function, one.clone(), other.clone());
        assert!(
            grouped == at_once,
            "merging is not associative, in the groups {one:?} and {other:?}:\n  at once: {at_once:?}\n  in groups: {grouped:?}"
        );
    }
    at_once
}

#[track_caller]
fn joined<T>(
    function: &impl WindowFn<T>,
    mut windows: BTreeSet<Window>,
    more: impl IntoIterator<Item = Window>,
) -> BTreeSet<Window> {
    windows.extend(more);
    merged(function, windows)
}

/// Applies one call of `merge`, as a runner does.
#[track_caller]
fn merged<T>(function: &impl WindowFn<T>, mut windows: BTreeSet<Window>) -> BTreeSet<Window> {
    let given: Vec<Window> = windows.iter().copied().collect();
    let results = function.merge(&given);
    for result in &results {
        let from = &result.from;
        assert!(from.len() > 1, "merging replaces fewer than two windows: {result:?}");
        for window in from {
            assert!(
                windows.remove(window),
                "merging takes a window twice, or one it was not given: {window}"
            );
        }
    }
    for result in &results {
        is_not_empty(result.into);
        assert!(windows.insert(result.into), "merging gives a window that is there already: {}", result.into);
    }
    windows
}
