//! What a tester sees, and the one thing that it does from outside.

use super::groups::Groups;
use crate::combine::CombineFn;
use crate::window::Window;
use crate::{Key, Timestamp};

impl<K: Key, V, C: CombineFn<V>> Groups<K, V, C> {
    /// Holds the output watermark back to a moment, as a runner does whose readers have not been told of more.
    pub(crate) fn hold_output(&mut self, to: Timestamp) {
        self.outside = to;
    }

    /// What is inside holds the output watermark back to this.
    pub(crate) fn hold(&self) -> Option<Timestamp> {
        self.holds.min()
    }

    /// The watermark at which a window is looked at next: once it has passed this.
    pub(crate) fn event_deadline(&self) -> Option<Timestamp> {
        self.by_watermark.next()
    }

    /// The windows of a key that take elements, in the order of their starts.
    pub(crate) fn open_windows(&self, key: &K) -> Vec<Window> {
        self.keys.find(key).map_or_else(Vec::new, |id| sorted(self.keys.windows(id).all_open()))
    }

    /// The windows of a key whose trigger has finished, and which have not expired.
    pub(crate) fn closed_windows(&self, key: &K) -> Vec<Window> {
        self.keys.find(key).map_or_else(Vec::new, |id| sorted(self.keys.windows(id).all_closed()))
    }

    /// Whether nothing is left inside: no window, no timer, no hold.
    pub(crate) fn is_empty(&self) -> bool {
        self.cells.is_empty()
            && self.keys.is_empty()
            && self.holds.min().is_none()
            && self.held_since().is_none()
            && self.event_deadline().is_none()
            && self.deadline().is_none()
    }
}

fn sorted(windows: impl Iterator<Item = Window>) -> Vec<Window> {
    let mut windows: Vec<Window> = windows.collect();
    windows.sort_unstable();
    windows
}
