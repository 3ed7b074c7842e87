//! Windows of a key that become one.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::cell::{Cell, CellId, Content};
use super::groups::Groups;
use super::holds::{Hold, Watermarks};
use super::keys::KeyId;
use crate::Key;
use crate::combine::CombineFn;
use crate::trigger::TriggerState;
use crate::window::{Merged, Window};

/// What windows of new elements have become.
#[derive(Debug, Default)]
pub(super) struct Moved(pub(super) HashMap<(KeyId, Window), Window, FixedState>);

impl<K: Key, V, C: CombineFn<V>> Groups<K, V, C> {
    /// Merges the windows of new elements with each other and with those that are open.
    pub(super) fn merge_windows(&mut self, new: impl Iterator<Item = (KeyId, Window)>) -> Moved {
        let mut moved = Moved::default();
        let mut new: Vec<(KeyId, Window)> = new.collect();
        new.sort_unstable();
        new.dedup();
        for of_key in new.chunk_by(|(left, _), (right, _)| left == right) {
            let key = of_key[0].0;
            let marks = self.watermarks_of(key);
            let windows = self.candidates(key, of_key);
            for merged in self.windowing.merge(&windows) {
                for window in &merged.from {
                    moved.0.insert((key, *window), merged.into);
                }
                self.merge_cells(key, &merged, marks);
            }
        }
        moved
    }

    /// The windows of a key that may merge, in ascending order.
    fn candidates(&self, key: KeyId, new: &[(KeyId, Window)]) -> Vec<Window> {
        let open = self.keys.windows(key);
        let mut windows: Vec<Window> = new.iter().map(|(_, window)| *window).collect();
        if self.windowing.is_sessions() {
            // Sessions that are open are apart, so only those that a new one touches can change; a key may have
            // thousands of others.
            windows.extend(new.iter().flat_map(|(_, window)| open.overlapping(*window)));
        } else {
            windows.extend(open.all_open());
        }
        windows.sort_unstable();
        windows.dedup();
        windows
    }

    /// Merges what the old windows hold. New ones hold nothing yet, and closed ones do not take part.
    fn merge_cells(&mut self, key: KeyId, merged: &Merged, marks: Watermarks) {
        let windows = self.keys.windows(key);
        let mut ids: Vec<CellId> = merged.from.iter().filter_map(|window| windows.open(*window)).collect();
        let into = windows.open(merged.into);
        ids.extend(into.filter(|id| !ids.contains(id)));
        if ids.is_empty() || (ids.len() == 1 && into.is_some()) {
            return;
        }
        // A window with content takes the place of a closed one.
        if let Some(closed) = windows.closed(merged.into) {
            self.remove(closed);
        }
        ids.sort_unstable();
        let id = ids[0];
        let cells: Vec<Cell<C::Accumulator>> = ids.into_iter().filter_map(|id| self.remove(id)).collect();
        let content = self.merge_contents(cells, merged.into, marks);
        self.holds.change(None, content.hold.earliest());
        self.epochs.change(None, content.since);
        self.keys.windows_mut(key).insert(merged.into, id);
        self.cells.insert(id, Cell::new(key, merged.into, Some(content)));
        self.touched.push(id);
    }

    /// What cells that were first seen in this order hold together.
    fn merge_contents(
        &self,
        cells: Vec<Cell<C::Accumulator>>,
        into: Window,
        marks: Watermarks,
    ) -> Content<C::Accumulator> {
        // Only a window that was there before goes on counting its panes.
        let goes_on = cells.iter().find(|cell| cell.window == into);
        let panes = goes_on.and_then(|cell| cell.content.as_ref()).map(|content| content.panes);
        let contents: Vec<Content<C::Accumulator>> =
            cells.into_iter().filter_map(|cell| cell.content).collect();
        let triggers: Vec<&TriggerState> = contents.iter().map(|content| &content.trigger).collect();
        let holds: Vec<Hold> = contents.iter().map(|content| content.hold).collect();
        let pending = contents.iter().map(|content| content.pending).sum();
        Content {
            trigger: self.windowing.trigger.on_merge(&triggers, self.moment(into)),
            panes: panes.unwrap_or_default(),
            pending,
            arrived: 0,
            noted: false,
            hold: Hold::merge(&holds, into, marks, pending > 0, &self.windowing),
            since: contents.iter().filter_map(|content| content.since).min(),
            accumulator: self.merge_accumulators(contents),
        }
    }

    /// The first one is kept and not copied: a session that grows has one that may be large.
    fn merge_accumulators(&self, contents: Vec<Content<C::Accumulator>>) -> C::Accumulator {
        let accumulators = contents.into_iter().map(|content| content.accumulator);
        let merged = accumulators.reduce(|mut into, other| {
            self.combine.merge(&mut into, other);
            into
        });
        merged.unwrap_or_else(|| self.combine.create())
    }
}
