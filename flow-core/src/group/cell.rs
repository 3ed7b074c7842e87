use serde::{Deserialize, Serialize};

use super::holds::Hold;
use super::keys::KeyId;
use super::panes::Panes;
use crate::Timestamp;
use crate::exec::Epoch;
use crate::trigger::TriggerState;
use crate::window::Window;

/// Counts the cells as they are first seen: of those due at the same time, the first seen is emitted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct CellId(pub(super) u64);

/// One key and window.
#[derive(Debug)]
pub(super) struct Cell<A> {
    pub(super) key: KeyId,
    pub(super) window: Window,
    /// Nothing once the trigger has finished: the window takes nothing more, which is remembered until it expires.
    pub(super) content: Option<Content<A>>,
    pub(super) wake: Wake,
    /// A record of it has been written.
    pub(super) saved: bool,
    /// It has changed since then.
    pub(super) changed: bool,
}

impl<A> Cell<A> {
    /// One of which nothing has been written.
    pub(super) fn new(key: KeyId, window: Window, content: Option<Content<A>>) -> Self {
        Cell { key, window, content, wake: Wake::default(), saved: false, changed: false }
    }

    /// The earliest moment of event time that may still come out of it: what it holds, and when it is looked at.
    pub(super) fn awaited(&self) -> Option<Timestamp> {
        let held = self.content.as_ref().and_then(|content| content.hold.earliest());
        held.into_iter().chain(self.wake.watermark).min()
    }
}

/// When a cell is looked at without new elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wake {
    /// The watermark: the end of the window, then its expiry.
    pub(super) watermark: Option<Timestamp>,
    /// Processing time, by the trigger.
    pub(super) clock: Option<Timestamp>,
}

/// What an open window holds, and with it what is written of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Content<A> {
    pub(super) accumulator: A,
    pub(super) trigger: TriggerState,
    pub(super) panes: Panes,
    /// Elements since the last pane.
    pub(super) pending: u64,
    /// Elements of the current bundle that the trigger has not been told of.
    #[serde(skip)]
    pub(super) arrived: u64,
    /// Noted to be looked at.
    #[serde(skip)]
    pub(super) noted: bool,
    pub(super) hold: Hold,
    /// The epoch of the oldest element in the accumulator; none of one that was written, which need not be read again.
    #[serde(skip)]
    pub(super) since: Option<Epoch>,
}

impl<A> Content<A> {
    pub(super) fn new(accumulator: A, trigger: TriggerState) -> Self {
        Content {
            accumulator,
            trigger,
            panes: Panes::default(),
            pending: 0,
            arrived: 0,
            noted: false,
            hold: Hold::default(),
            since: None,
        }
    }
}
