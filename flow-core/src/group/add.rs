//! Elements come into their cells.

use super::cell::CellId;
use super::groups::{Dropped, Groups};
use super::keys::KeyId;
use super::merge::Moved;
use crate::combine::CombineFn;
use crate::exec::Epoch;
use crate::window::Window;
use crate::{Bundle, Key, Meta, Timestamp};

impl<K: Key, V, C: CombineFn<V>> Groups<K, V, C> {
    /// Takes the elements of a bundle, which are of this epoch. Triggers are asked once for the whole bundle.
    pub(crate) fn add(&mut self, bundle: &mut Bundle<(K, V)>, epoch: Epoch) -> Dropped {
        self.bundle += 1;
        let dropped = if self.windowing.is_merging() {
            self.add_merging(bundle, epoch)
        } else {
            self.add_directly(bundle, epoch)
        };
        bundle.clear();
        self.end_bundle();
        dropped
    }

    fn add_directly(&mut self, bundle: &mut Bundle<(K, V)>, epoch: Epoch) -> Dropped {
        let mut dropped = Dropped::default();
        for ((key, value), meta) in bundle.drain() {
            if self.is_expired(meta.window) {
                dropped.late += 1;
                continue;
            }
            let key = self.keys.enter(key);
            if !self.put(key, meta.window, meta.time, value, epoch) {
                dropped.closed += 1;
            }
        }
        dropped
    }

    /// Windows merge before any element is put into one, so that no window that is merged away is ever seen.
    fn add_merging(&mut self, bundle: &mut Bundle<(K, V)>, epoch: Epoch) -> Dropped {
        let mut dropped = Dropped::default();
        let mut taken: Vec<(KeyId, V, Meta)> = Vec::with_capacity(bundle.len());
        for ((key, value), meta) in bundle.drain() {
            if self.is_expired(meta.window) {
                dropped.late += 1;
            } else {
                taken.push((self.keys.enter(key), value, meta));
            }
        }
        let moved = self.merge_windows(taken.iter().map(|(key, _, meta)| (*key, meta.window)));
        for (key, value, meta) in taken {
            let window = moved.of(key, meta.window);
            if !self.put(key, window, meta.time, value, epoch) {
                dropped.closed += 1;
            }
        }
        dropped
    }

    /// Puts an element into a window; false if the window is closed.
    fn put(&mut self, key: KeyId, window: Window, at: Timestamp, value: V, epoch: Epoch) -> bool {
        let windows = self.keys.windows(key);
        let id = match windows.open(window) {
            Some(id) => id,
            None if windows.closed(window).is_some() => return false,
            None => self.open(key, window),
        };
        let marks = self.watermarks_of(key);
        let cell = self.cells.get_mut(&id).expect("every window of a key is in a cell");
        let content = cell.content.as_mut().expect("an open window has content");
        let before = content.hold.earliest();
        content.hold.add(at, window, marks, &self.windowing);
        self.holds.change(before, content.hold.earliest());
        if content.since.is_none_or(|since| epoch < since) {
            let before = content.since.replace(epoch);
            self.epochs.change(before, content.since);
        }
        if content.arrived == 0 {
            self.touched.push(id);
        }
        self.combine.add(&mut content.accumulator, value);
        content.arrived += 1;
        content.pending += 1;
        true
    }

    /// Tells the triggers of what came, and notes to look at them.
    fn end_bundle(&mut self) {
        let mut touched = std::mem::take(&mut self.touched);
        for id in touched.drain(..) {
            self.tell_trigger(id);
        }
        self.touched = touched;
    }

    fn tell_trigger(&mut self, id: CellId) {
        let Some(content) = self.cells.get_mut(&id).and_then(|cell| cell.content.as_mut()) else { return };
        let arrived = std::mem::take(&mut content.arrived);
        if arrived > 0 {
            self.windowing.trigger.on_elements(&mut content.trigger, arrived, self.now);
        }
        if !std::mem::replace(&mut content.noted, true) {
            self.ready.push_back(id);
        }
        self.changed(id);
        self.schedule(id);
    }
}

impl Moved {
    /// The window that an element's window has become.
    fn of(&self, key: KeyId, window: Window) -> Window {
        self.0.get(&(key, window)).copied().unwrap_or(window)
    }
}
