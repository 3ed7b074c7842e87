use std::fmt::Debug;
use std::time::Duration;

use super::{Slices, Window};
use crate::Timestamp;

/// Assigns elements to windows, and says how windows merge.
///
/// Implement [`assign`](WindowFn::assign) alone for windows that stay apart. Merging ones (as
/// [`Sessions`](super::Sessions)) also implement [`is_merging`](WindowFn::is_merging) and
/// [`merge`](WindowFn::merge). Use your own with [`WindowInto::by`](super::WindowInto::by); check it with
/// [`testing::conformance::window_fn`](crate::testing::conformance::window_fn).
///
/// ```
/// use flow_core::{Timestamp, window::{Window, WindowFn}};
///
/// /// Orders above a limit are watched for an hour, the others for a minute.
/// #[derive(Debug, Clone)]
/// struct ByAmount { limit: u64 }
///
/// impl WindowFn<u64> for ByAmount {
///     fn assign(&self, amount: &u64, at: Timestamp, mut emit: impl FnMut(Window)) {
///         let seconds = if *amount > self.limit { 3600 } else { 60 };
///         emit(Window::new(at, at + std::time::Duration::from_secs(seconds)));
///     }
/// }
/// ```
pub trait WindowFn<T>: Debug + Send + Sync + 'static {
    /// Calls `emit` once for each window that the element belongs to; no call drops the element.
    fn assign(&self, element: &T, at: Timestamp, emit: impl FnMut(Window));

    /// Whether every element gets exactly one window, chosen by its timestamp alone, and that window contains
    /// the timestamp. True lets the engine reuse the previous element's window.
    fn is_partition(&self) -> bool {
        false
    }

    /// The pieces of time that all windows are made of, if they overlap and are chosen by the timestamp alone. With them the
    /// engine need not put an element into each of its windows before it is aggregated.
    fn slices(&self) -> Option<Slices> {
        None
    }

    /// How long each window lasts, at least, where that is known: an element waits so long for its result.
    fn length(&self) -> Option<Duration> {
        None
    }

    /// Whether windows of one key may merge.
    fn is_merging(&self) -> bool {
        false
    }

    /// Merges a key's windows, given in ascending order: one entry for each new window that replaces two or
    /// more of the given ones. Must be associative, commutative and idempotent.
    fn merge(&self, windows: &[Window]) -> Vec<Merged> {
        let _ = windows;
        Vec::new()
    }

    /// The window of a side input that belongs to a main input's window; `None` when this function cannot say,
    /// which is refused where a view in these windows is read.
    fn side_window(&self, main: Window) -> Option<Window> {
        let _ = main;
        None
    }
}

/// One result of merging: a window, and those that it replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The new window.
    pub into: Window,
    /// The old ones.
    pub from: Vec<Window>,
}

/// Merges every group of windows that overlap (touching is not overlapping), given in ascending order.
///
/// ```
/// use flow_core::{Timestamp, window::{Window, merge_overlapping}};
/// let w = |a, b| Window::new(Timestamp::from_secs(a), Timestamp::from_secs(b));
/// let merged = merge_overlapping(&[w(0, 10), w(5, 12), w(12, 20)]);
/// assert_eq!(merged.len(), 1);
/// assert_eq!(merged[0].into, w(0, 12));
/// ```
pub fn merge_overlapping(windows: &[Window]) -> Vec<Merged> {
    let mut runs: Vec<Merged> = Vec::new();
    for &window in windows {
        match runs.last_mut() {
            Some(run) if run.into.overlaps(window) => {
                run.into = run.into.span(window);
                run.from.push(window);
            }
            _ => runs.push(Merged { into: window, from: vec![window] }),
        }
    }
    runs.retain(|run| run.from.len() > 1);
    runs
}
