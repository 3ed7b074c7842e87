use super::holds::Hold;
use super::keys::KeyId;
use super::panes::Panes;
use crate::Timestamp;
use crate::exec::Epoch;
use crate::trigger::TriggerState;
use crate::window::Window;

/// Counts the cells as they are first seen: of those due at the same time, the first seen is emitted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct CellId(pub(super) u64);

/// One key and window.
#[derive(Debug)]
pub(super) struct Cell<A> {
    pub(super) key: KeyId,
    pub(super) window: Window,
    /// Nothing once the trigger has finished: the window takes nothing more, which is remembered until it expires.
    pub(super) content: Option<Content<A>>,
    pub(super) wake: Wake,
}

impl<A> Cell<A> {
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

/// What an open window holds.
#[derive(Debug)]
pub(super) struct Content<A> {
    pub(super) accumulator: A,
    pub(super) trigger: TriggerState,
    pub(super) panes: Panes,
    /// Elements since the last pane.
    pub(super) pending: u64,
    /// Elements of the current bundle that the trigger has not been told of.
    pub(super) arrived: u64,
    /// Noted to be looked at.
    pub(super) noted: bool,
    pub(super) hold: Hold,
    /// The epoch of the oldest element in the accumulator.
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
