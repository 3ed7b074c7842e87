use std::fmt;
use std::time::Duration;

use super::span::Length;
use super::{Merged, Window, WindowFn, WindowInto, merge_overlapping};
use crate::Timestamp;
use crate::time::micros;

/// Bursts of activity of one key, apart from each other by a gap without elements.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sessions {
    gap: i64,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sessions with gap {:?}", Length(self.gap))
    }
}

impl Sessions {
    /// A session ends when a key has had no element for `gap`.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// # use std::time::Duration;
    /// let visits = Sessions::with_gap(Duration::from_secs(30 * 60));
    /// ```
    pub fn with_gap(gap: Duration) -> WindowInto<Sessions> {
        WindowInto::by(Sessions { gap: micros(gap).max(1) })
    }
}

impl<T> WindowFn<T> for Sessions {
    fn assign(&self, _: &T, at: Timestamp, mut emit: impl FnMut(Window)) {
        emit(Window::new(at, at.offset_micros(self.gap)));
    }

    fn is_merging(&self) -> bool {
        true
    }

    fn length(&self) -> Option<Duration> {
        Some(Duration::from_micros(self.gap.unsigned_abs()))
    }

    fn merge(&self, windows: &[Window]) -> Vec<Merged> {
        merge_overlapping(windows)
    }
}
