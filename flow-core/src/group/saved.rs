//! What is kept is written down, and comes back in another run.

use std::hash::Hash;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::cell::{Cell, CellId, Content};
use super::groups::Groups;
use crate::combine::CombineFn;
use crate::window::Window;
use crate::{Key, Result, Timestamp};

/// A key and a window, and what is kept of them: nothing any more, or the number of the cell with its content if the
/// window is open.
pub(super) type Record<K, C> = (K, Window, Option<(CellId, Option<C>)>);

/// What has changed since it was last written.
#[derive(Debug)]
pub(super) struct Changes<K> {
    /// Cells that were written and are gone.
    gone: Vec<(K, Window)>,
    /// Cells that are new or have changed; one may be in here twice, or be gone.
    changed: Vec<CellId>,
}

impl<K> Changes<K> {
    fn new() -> Self {
        Changes { gone: Vec::new(), changed: Vec::new() }
    }

    /// A cell has changed.
    #[inline]
    pub(super) fn note<A>(&mut self, id: CellId, cell: &mut Cell<A>) {
        if !std::mem::replace(&mut cell.changed, true) {
            self.changed.push(id);
        }
    }
}

/// Records as they come back. Cells are made of them at the end: only then is it known what was not taken back by
/// later ones, and in which order the cells of several workers are.
#[derive(Debug)]
pub(super) struct Restored<K, A>(HashMap<(K, Window), (CellId, Option<Content<A>>), FixedState>);

impl<K: Hash + Eq, A> Restored<K, A> {
    pub(super) fn new() -> Self {
        Restored(HashMap::with_hasher(FixedState::default()))
    }
}

impl<K: Key, V, C: CombineFn<V>> Groups<K, V, C> {
    /// From now on, notes what changes.
    pub(crate) fn track(&mut self) {
        self.changes = Some(Changes::new());
    }

    /// Hands out what has changed since the last time, or everything. Nothing is left to poll.
    ///
    /// A cell that has changed is written in full, with all values that it collected: an accumulator is opaque, and knows
    /// no difference to what it was.
    pub(crate) fn save(
        &mut self,
        whole: bool,
        mut put: impl FnMut(&K, &Record<&K, &Content<C::Accumulator>>) -> Result<()>,
    ) -> Result<()> {
        let Some(changes) = &mut self.changes else { return Ok(()) };
        let Changes { gone, mut changed } = std::mem::replace(changes, Changes::new());
        if whole {
            changed = self.cells.keys().copied().collect();
        } else {
            gone.iter().try_for_each(|(key, window)| put(key, &(key, *window, None)))?;
        }
        for id in changed {
            let Some(cell) = self.cells.get_mut(&id).filter(|cell| whole || cell.changed) else { continue };
            (cell.changed, cell.saved) = (false, true);
            let key = self.keys.key(cell.key);
            put(key, &(key, cell.window, Some((id, cell.content.as_ref()))))?;
        }
        Ok(())
    }

    /// Takes back what was written.
    pub(crate) fn restore(&mut self, (key, window, kept): Record<K, Content<C::Accumulator>>) {
        match kept {
            Some(kept) => self.restoring.0.insert((key, window), kept),
            None => self.restoring.0.remove(&(key, window)),
        };
    }

    /// All is back, and the input watermark was here.
    pub(crate) fn restored(&mut self, input: Timestamp, now: Timestamp) {
        // First: a window whose end has passed has had its pane, and waits for its expiry.
        self.advance(input, Timestamp::MIN);
        let restored = std::mem::replace(&mut self.restoring, Restored::new());
        let mut cells: Vec<_> = restored.0.into_iter().collect();
        // Several workers may have given the same number, but not to cells whose order anybody could see.
        cells.sort_unstable_by_key(|(_, (number, _))| *number);
        for ((key, window), (_, content)) in cells {
            self.put_back(key, window, content);
        }
        // A delay may have ended while nothing ran, so this comes after the timers are set.
        self.advance(input, now);
    }

    fn put_back(&mut self, key: K, window: Window, content: Option<Content<C::Accumulator>>) {
        let key = self.keys.enter(key);
        let id = self.next_id();
        self.keys.windows_mut(key).insert(window, id);
        match &content {
            Some(content) => self.holds.change(None, content.hold.earliest()),
            None => self.keys.windows_mut(key).close(window),
        }
        self.cells.insert(id, Cell::new(key, window, content));
        self.schedule(id);
    }

    /// Notes that a cell has changed.
    #[inline]
    pub(super) fn changed(&mut self, id: CellId) {
        if let Some(changes) = &mut self.changes
            && let Some(cell) = self.cells.get_mut(&id)
        {
            changes.note(id, cell);
        }
    }

    /// Notes that a cell is gone.
    pub(super) fn gone(&mut self, cell: &Cell<C::Accumulator>) {
        if let Some(changes) = self.changes.as_mut().filter(|_| cell.saved) {
            changes.gone.push((self.keys.key(cell.key).clone(), cell.window));
        }
    }
}
