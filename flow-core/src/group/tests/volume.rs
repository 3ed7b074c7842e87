//! Many windows and keys: what is due is produced bit by bit, in order, and without work for what is not due.

use std::time::Duration;

use crate::group::{Collect, Dropped, Groups};
use crate::trigger::{AtWatermark, after_count, after_processing_time, repeatedly};
use crate::window::{Accumulation, Fixed, Sessions, Window, WindowInto, Windowing};
use crate::{Bundle, Group, Meta, Timestamp, Timing};

fn windowing<F: crate::window::WindowFn<i64>>(windows: WindowInto<F>) -> Windowing {
    windows.resolve::<i64>(&Windowing::default()).expect("a valid windowing").1
}

fn second(n: i64) -> Window {
    Window::new(Timestamp::from_secs(n), Timestamp::from_secs(n + 1))
}

fn put<K: crate::Key>(groups: &mut Groups<K, i64, Collect<i64>>, key: K, value: i64, window: Window) {
    let mut bundle = Bundle::default();
    bundle.push((key, value), Meta { time: window.start, window, ..Meta::default() });
    assert_eq!(groups.add(&mut bundle, 1), Dropped::default());
    assert!(poll_all(groups).is_empty());
}

fn poll_all<K: crate::Key>(groups: &mut Groups<K, i64, Collect<i64>>) -> Vec<((K, Group<i64>), Meta)> {
    let mut panes = Vec::new();
    let mut out = Bundle::default();
    while groups.poll(&mut out) {
        panes.extend(out.drain());
    }
    panes.extend(out.drain());
    panes
}

#[test]
fn many_windows_that_end_together_come_out_in_bundles() {
    const KEYS: i64 = 20_000;
    let mut groups: Groups<i64, i64, Collect<i64>> =
        Groups::new(Collect::new(), windowing(Fixed::of(Duration::from_secs(1))));
    let mut bundle = Bundle::default();
    for key in 0..KEYS {
        bundle
            .push((key, key), Meta { time: Timestamp::from_millis(5), window: second(0), ..Meta::default() });
    }
    groups.add(&mut bundle, 7);
    groups.advance(Timestamp::MAX, Timestamp::from_secs(0));
    let mut keys = Vec::new();
    let mut out = Bundle::default();
    loop {
        let more = groups.poll(&mut out);
        assert!(out.len() <= Bundle::<(i64, Group<i64>)>::TARGET_LEN);
        keys.extend(out.drain().map(|((key, _), _)| key));
        if !more {
            break;
        }
        assert_eq!(groups.held_since(), Some(7));
        assert!(
            groups.output_watermark() <= second(0).max_timestamp(),
            "the watermark ran ahead of its panes"
        );
    }
    assert_eq!(keys, (0..KEYS).collect::<Vec<_>>());
    assert_eq!((groups.output_watermark(), groups.held_since()), (Timestamp::MAX, None));
}

#[test]
fn windows_come_out_in_the_order_of_their_ends_and_keys_as_first_seen() {
    let mut groups = Groups::new(Collect::new(), windowing(Fixed::of(Duration::from_secs(1))));
    for (key, n) in [("b", 1), ("c", 0), ("a", 1), ("a", 0), ("b", 0)] {
        put(&mut groups, key.to_string(), n, second(n));
    }
    groups.advance(Timestamp::MAX, Timestamp::from_secs(0));
    let order: Vec<(String, i64)> =
        poll_all(&mut groups).into_iter().map(|((key, values), _)| (key, values.iter().sum())).collect();
    let wanted = [("c", 0), ("a", 0), ("b", 0), ("b", 1), ("a", 1)];
    assert_eq!(order, wanted.map(|(key, n)| (key.to_string(), n)));
}

#[test]
fn values_of_a_group_are_in_the_order_of_their_arrival() {
    let mut groups = Groups::new(Collect::new(), windowing(Fixed::of(Duration::from_secs(1))));
    for value in [5, 1, 4, 2] {
        put(&mut groups, (), value, second(0));
    }
    groups.advance(Timestamp::MAX, Timestamp::from_secs(0));
    let (((), values), _) = poll_all(&mut groups).remove(0);
    assert_eq!(values.iter().collect::<Vec<_>>(), [5, 1, 4, 2]);
}

#[test]
fn values_of_merged_sessions_are_in_the_order_of_the_sessions_arrival() {
    let mut groups = Groups::new(Collect::new(), windowing(Sessions::with_gap(Duration::from_secs(10))));
    for at in [15, 1, 8] {
        let window = Window::new(Timestamp::from_secs(at), Timestamp::from_secs(at + 10));
        put(&mut groups, (), at, window);
    }
    groups.advance(Timestamp::MAX, Timestamp::from_secs(0));
    let (((), values), _) = poll_all(&mut groups).remove(0);
    assert_eq!(values.iter().collect::<Vec<_>>(), [15, 1, 8]);
}

#[test]
fn a_window_that_is_due_is_on_time_although_elements_come_before_it_is_polled() {
    let early = Fixed::of(Duration::from_secs(1))
        .trigger(AtWatermark.early(repeatedly(after_count(1))).late(after_count(1)))
        .allowed_lateness(Duration::from_secs(9))
        .discarding();
    let mut groups: Groups<(), i64, Collect<i64>> = Groups::new(Collect::new(), windowing(early));
    let element = || Bundle::with(vec![((), 1)], Meta { window: second(0), ..Meta::default() });
    groups.add(&mut element(), 1);
    assert_eq!(poll_all(&mut groups)[0].1.pane.timing, Timing::Early);
    groups.advance(Timestamp::from_secs(2), Timestamp::from_secs(0));
    groups.add(&mut element(), 1);
    let panes = poll_all(&mut groups);
    assert_eq!(panes.iter().map(|(_, meta)| meta.pane.timing).collect::<Vec<_>>(), [Timing::OnTime]);
}

#[test]
fn the_deadline_is_the_first_moment_at_which_something_fires() {
    let delayed = Fixed::of(Duration::from_secs(1))
        .trigger(repeatedly(after_processing_time(Duration::from_millis(5))))
        .allowed_lateness(Duration::ZERO)
        .discarding();
    let mut groups: Groups<(), i64, Collect<i64>> = Groups::new(Collect::new(), windowing(delayed));
    groups.advance(Timestamp::MIN, Timestamp::from_secs(10));
    assert_eq!(groups.deadline(), None);
    put(&mut groups, (), 1, second(0));
    let deadline = groups.deadline().expect("a delay is running");
    groups.advance(Timestamp::MIN, deadline.offset_micros(-1));
    assert!(poll_all(&mut groups).is_empty());
    groups.advance(Timestamp::MIN, deadline);
    assert_eq!(poll_all(&mut groups).len(), 1);
    assert_eq!(groups.deadline(), None);
}

#[test]
fn a_key_may_have_many_sessions_and_one_session_may_grow_long() {
    const SESSIONS: i64 = 20_000;
    let sessions = windowing(Sessions::with_gap(Duration::from_secs(1)));
    let mut groups: Groups<u8, i64, Collect<i64>> = Groups::new(Collect::new(), sessions);
    for n in 0..SESSIONS {
        put(&mut groups, 0, n, second(2 * n));
        put(&mut groups, 1, n, Window::new(Timestamp::from_millis(n), Timestamp::from_millis(n + 1000)));
    }
    groups.advance(Timestamp::MAX, Timestamp::from_secs(0));
    let panes = poll_all(&mut groups);
    assert_eq!(panes.iter().filter(|((key, _), _)| *key == 0).count(), 20_000);
    let long: Vec<usize> =
        panes.iter().filter(|((key, _), _)| *key == 1).map(|((_, values), _)| values.len()).collect();
    assert_eq!(long, [20_000]);
}

#[test]
fn what_is_held_since_follows_what_is_emitted() {
    for (accumulation, after_firing) in
        [(Accumulation::Discarding, None), (Accumulation::Accumulating, Some(3))]
    {
        let windows = Fixed::of(Duration::from_secs(1))
            .trigger(AtWatermark.early(repeatedly(after_count(2))))
            .allowed_lateness(Duration::ZERO);
        let windows = match accumulation {
            Accumulation::Discarding => windows.discarding(),
            Accumulation::Accumulating => windows.accumulating(),
        };
        let mut groups: Groups<u8, i64, Collect<i64>> = Groups::new(Collect::new(), windowing(windows));
        for epoch in [3, 4] {
            let mut bundle = Bundle::with(vec![(0, 1)], Meta { window: second(0), ..Meta::default() });
            groups.add(&mut bundle, epoch);
            assert_eq!(groups.held_since(), Some(3));
            poll_all(&mut groups);
        }
        assert_eq!(groups.held_since(), after_firing, "{accumulation:?}");
    }
}

#[test]
fn merged_sessions_are_held_since_the_older() {
    let sessions = windowing(Sessions::with_gap(Duration::from_secs(10)));
    let mut groups: Groups<(), i64, Collect<i64>> = Groups::new(Collect::new(), sessions);
    for (epoch, at) in [(3, 1), (4, 15), (5, 8)] {
        let window = Window::new(Timestamp::from_secs(at), Timestamp::from_secs(at + 10));
        groups.add(&mut Bundle::with(vec![((), at)], Meta { window, ..Meta::default() }), epoch);
        assert_eq!(groups.held_since(), Some(3));
    }
    groups.advance(Timestamp::MAX, Timestamp::from_secs(0));
    poll_all(&mut groups);
    assert_eq!(groups.held_since(), None);
}
