use std::fmt;
use std::time::Duration;

use super::span::{Length, Offset};
use super::{Slices, Window, WindowFn, WindowInto};
use crate::Timestamp;
use crate::time::micros;

/// Windows of one size that start every period, and so overlap (or leave gaps, if the period is longer).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sliding {
    size: i64,
    period: i64,
    offset: i64,
}

/// An element in more windows than this is a slip of the units.
const MOST_WINDOWS: i64 = 1_000_000;

impl Sliding {
    /// Windows of `size`, one starting every `period`. Durations under a microsecond count as one. Every element is in `size`
    /// by `period` windows; more than a million are an error of construction.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// # use std::time::Duration;
    /// let last_minute_every_ten_seconds = Sliding::of(Duration::from_secs(60), Duration::from_secs(10));
    /// ```
    pub fn of(size: Duration, period: Duration) -> WindowInto<Sliding> {
        let sliding = Sliding { size: micros(size).max(1), period: micros(period).max(1), offset: 0 };
        let mut into = WindowInto::by(sliding);
        let windows = sliding.size / sliding.period;
        if windows > MOST_WINDOWS {
            into.refuse(format!(
                "each element would be in {windows} windows of {size:?} that start every {period:?}: let them \
                 start less often"
            ));
        }
        into
    }

    /// The start of the last window that starts at or before a moment.
    fn last_start(self, at: Timestamp) -> Timestamp {
        // Not the remainder of the difference, which would leave the numbers at the beginning of time.
        at.offset_micros(-(at.micros().rem_euclid(self.period) - self.offset).rem_euclid(self.period))
    }

    fn window_from(self, start: Timestamp) -> Window {
        Window::new(start, start.offset_micros(self.size))
    }
}

impl fmt::Debug for Sliding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sliding of {:?} every {:?}{}", Length(self.size), Length(self.period), Offset(self.offset))
    }
}

impl WindowInto<Sliding> {
    /// Shifts the start of every window by `offset`.
    pub fn offset(mut self, offset: Duration) -> Self {
        let function = self.function_mut();
        function.offset = micros(offset).rem_euclid(function.period);
        self
    }
}

impl<T> WindowFn<T> for Sliding {
    fn assign(&self, _: &T, at: Timestamp, mut emit: impl FnMut(Window)) {
        let mut start = self.last_start(at);
        loop {
            // By the distance, since the last moment of time is in no window that it ends.
            if at.micros().saturating_sub(start.micros()) >= self.size {
                return;
            }
            emit(self.window_from(start));
            let earlier = start.offset_micros(-self.period);
            if earlier == start {
                return;
            }
            start = earlier;
        }
    }

    fn length(&self) -> Option<Duration> {
        Some(Duration::from_micros(self.size.unsigned_abs()))
    }

    fn slices(&self) -> Option<Slices> {
        Slices::of(*self, self.size, self.period, self.offset)
    }

    /// The earliest window that contains the last moment of the main window.
    fn side_window(&self, main: Window) -> Option<Window> {
        if main.is_global() {
            return None;
        }
        let mut earliest = None;
        WindowFn::<()>::assign(self, &(), main.max_timestamp(), |window| earliest = Some(window));
        earliest
    }
}
