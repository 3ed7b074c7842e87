//! Which firing of its window an element belongs to.

use serde::{Deserialize, Serialize};

/// Where a pane lies against the watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Timing {
    /// Before the watermark passed the end of the window: speculative.
    Early,
    /// The first pane after the watermark passed the end of the window.
    OnTime,
    /// Any later pane.
    Late,
    /// The element never went through a grouping.
    #[default]
    Unknown,
}

/// One firing of a window, carried by every element that the firing produced.
///
/// ```
/// use flow_core::{Pane, Timing};
/// assert_eq!(Pane::default().timing, Timing::Unknown);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pane {
    /// No pane of this key and window came before.
    pub first: bool,
    /// No pane of this key and window follows.
    pub last: bool,
    /// Against the watermark.
    pub timing: Timing,
    /// Counts the panes of this key and window from 0.
    pub index: u32,
    /// Counts the panes that are not early from 0; `None` on early ones.
    pub on_time_index: Option<u32>,
}

impl Pane {
    /// The only pane of a window, when it is over.
    pub(crate) const ONLY: Pane =
        Pane { first: true, last: true, timing: Timing::OnTime, index: 0, on_time_index: Some(0) };
}

impl Default for Pane {
    /// The pane of elements that were never grouped: the only one.
    fn default() -> Self {
        Pane { first: true, last: true, timing: Timing::Unknown, index: 0, on_time_index: Some(0) }
    }
}
