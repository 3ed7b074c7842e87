use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A half-open interval of event time, `[start, end)`.
///
/// ```
/// use flow_core::{Timestamp, window::Window};
/// let minute = Window::new(Timestamp::from_secs(0), Timestamp::from_secs(60));
/// assert!(minute.contains(Timestamp::from_secs(59)) && !minute.contains(Timestamp::from_secs(60)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Window {
    /// The first moment that belongs to the window.
    pub start: Timestamp,
    /// The first moment that no longer does.
    pub end: Timestamp,
}

impl Window {
    /// The one window that holds everything.
    pub const GLOBAL: Window = Window { start: Timestamp::MIN, end: Timestamp::MAX };

    /// The window `[start, end)`.
    pub const fn new(start: Timestamp, end: Timestamp) -> Self {
        Window { start, end }
    }

    /// Whether this is the global window.
    pub fn is_global(self) -> bool {
        self == Self::GLOBAL
    }

    /// The last moment inside, at most [`Timestamp::END_OF_GLOBAL_WINDOW`]: when the watermark passes it, the
    /// window is complete.
    #[inline]
    pub fn max_timestamp(self) -> Timestamp {
        self.end.offset_micros(-1).min(Timestamp::END_OF_GLOBAL_WINDOW)
    }

    /// The moment after which, once the watermark has passed it, elements of this window are dropped.
    #[inline]
    pub fn expiry(self, allowed_lateness_micros: i64) -> Timestamp {
        self.max_timestamp().offset_micros(allowed_lateness_micros).min(Timestamp::END_OF_GLOBAL_WINDOW)
    }

    /// Whether a moment lies inside.
    #[inline]
    pub fn contains(self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// Whether two windows share a moment; touching ones do not.
    pub fn overlaps(self, other: Window) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// The smallest window around both.
    #[must_use]
    pub fn span(self, other: Window) -> Window {
        Window { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_global() { f.write_str("global") } else { write!(f, "[{}, {})", self.start, self.end) }
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Microseconds, as plans and errors show them.
pub(super) struct Length(pub(super) i64);

impl fmt::Debug for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Duration::from_micros(self.0.unsigned_abs()), f)
    }
}

/// Microseconds that windows are shifted by: nothing to show if there are none.
pub(super) struct Offset(pub(super) i64);

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { Ok(()) } else { write!(f, " offset by {:?}", Length(self.0)) }
    }
}
