use std::fmt;
use std::time::Duration;

use super::span::{Length, Offset};
use super::{Window, WindowFn, WindowInto};
use crate::Timestamp;
use crate::time::micros;

/// Windows of one size, back to back: tumbling windows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fixed {
    size: i64,
    offset: i64,
}

impl Fixed {
    /// Windows of `size`, which start at multiples of it since the epoch. A size under a microsecond counts as one.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// # use std::time::Duration;
    /// let per_minute = Fixed::of(Duration::from_secs(60)).allowed_lateness(Duration::from_secs(300)).discarding();
    /// ```
    pub fn of(size: Duration) -> WindowInto<Fixed> {
        WindowInto::by(Fixed { size: micros(size).max(1), offset: 0 })
    }

    /// Windows of so many microseconds, of which one starts at an offset.
    pub(super) fn sized(size: i64, offset: i64) -> Fixed {
        Fixed { size, offset: offset.rem_euclid(size) }
    }

    #[inline]
    pub(super) fn window_at(self, at: Timestamp) -> Window {
        // Not the remainder of the difference, which would leave the numbers at the beginning of time.
        let into = (at.micros().rem_euclid(self.size) - self.offset).rem_euclid(self.size);
        Window::new(at.offset_micros(-into), at.offset_micros(self.size.saturating_sub(into)))
    }
}

impl fmt::Debug for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fixed of {:?}{}", Length(self.size), Offset(self.offset))
    }
}

impl WindowInto<Fixed> {
    /// Shifts the start of every window by `offset`.
    pub fn offset(mut self, offset: Duration) -> Self {
        let function = self.function_mut();
        function.offset = micros(offset).rem_euclid(function.size);
        self
    }
}

impl<T> WindowFn<T> for Fixed {
    #[inline]
    fn assign(&self, _: &T, at: Timestamp, mut emit: impl FnMut(Window)) {
        emit(self.window_at(at));
    }

    fn is_partition(&self) -> bool {
        true
    }

    fn length(&self) -> Option<Duration> {
        Some(Duration::from_micros(self.size.unsigned_abs()))
    }

    fn side_window(&self, main: Window) -> Option<Window> {
        (!main.is_global()).then(|| self.window_at(main.max_timestamp()))
    }
}
