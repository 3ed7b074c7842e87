use std::collections::BTreeSet;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::Timestamp;
use crate::exec::Epoch;
use crate::group::Multiset;
use crate::window::Window;

/// A key in a window: its number, given in order of creation, and where it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct CellId {
    number: u64,
    slot: usize,
}

impl CellId {
    #[cfg(test)]
    pub(super) fn numbered(number: u64) -> Self {
        CellId { number, slot: 0 }
    }
}

/// What is kept of a key in a window.
#[derive(Debug)]
pub(super) struct Cell<K, S> {
    /// Its own, once it is kept.
    number: u64,
    pub(super) key: K,
    /// The key's.
    pub(super) hash: u64,
    pub(super) window: Window,
    pub(super) state: S,
    /// The oldest epoch that the state stems from.
    pub(super) since: Epoch,
    /// A record of it has been written.
    pub(super) saved: bool,
    /// Noted as changed since then.
    changed: bool,
}

impl<K, S> Cell<K, S> {
    pub(super) fn new(key: K, hash: u64, window: Window, state: S, since: Epoch) -> Self {
        Cell { number: 0, key, hash, window, state, since, saved: false, changed: false }
    }
}

/// What is to be written at the end of an epoch.
#[derive(Debug)]
pub(super) struct Changes<K> {
    /// Cells that were written before and are gone, by the hash of their key.
    pub(super) gone: Vec<(u64, K, Window)>,
    /// Cells that are new or have changed, in order of creation.
    pub(super) kept: Vec<CellId>,
}

impl<K> Default for Changes<K> {
    fn default() -> Self {
        Changes { gone: Vec::new(), kept: Vec::new() }
    }
}

/// The cells of all keys and windows: found by these, and by what expires next. A lookup needs no copy of the key, and
/// ends at the cell.
#[derive(Debug)]
pub(super) struct Store<K, S> {
    lateness: i64,
    /// Where each is.
    table: HashTable<u32>,
    slots: Vec<Option<Cell<K, S>>>,
    free: Vec<usize>,
    next: u64,
    hasher: FixedState,
    expiries: BTreeSet<(Timestamp, CellId)>,
    /// The epochs that the cells began in.
    since: Multiset<Epoch>,
    /// In a durable run.
    changes: Option<Changes<K>>,
}

impl<K: Eq + Clone, S> Store<K, S> {
    pub(super) fn new(lateness: i64) -> Self {
        Store {
            lateness,
            table: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            next: 0,
            hasher: FixedState::default(),
            expiries: BTreeSet::new(),
            since: Multiset::new(),
            changes: None,
        }
    }

    /// From now on, notes what changes.
    pub(super) fn track(&mut self) {
        self.changes = Some(Changes::default());
    }

    /// The cell is about to change.
    #[inline]
    pub(super) fn changed(&mut self, id: CellId) {
        let Some(changes) = &mut self.changes else { return };
        let cell = self.slots[id.slot].as_mut().expect(KEPT);
        if !std::mem::replace(&mut cell.changed, true) {
            changes.kept.push(id);
        }
    }

    /// What has changed since the last time, or everything as if it were new.
    pub(super) fn take_changes(&mut self, whole: bool) -> Changes<K> {
        let Changes { gone, kept } = self.changes.as_mut().map(std::mem::take).unwrap_or_default();
        let changes = if whole {
            let ids =
                self.slots.iter().enumerate().filter_map(|(slot, cell)| {
                    cell.as_ref().map(|cell| CellId { number: cell.number, slot })
                });
            let mut kept: Vec<CellId> = ids.collect();
            kept.sort_unstable();
            Changes { gone: Vec::new(), kept }
        } else {
            Changes { gone, kept: kept.into_iter().filter(|id| self.is_there(*id)).collect() }
        };
        for id in &changes.kept {
            let cell = self.get_mut(*id);
            (cell.saved, cell.changed) = (true, false);
        }
        changes
    }

    /// Whether a cell has not been removed.
    #[inline]
    pub(super) fn is_there(&self, id: CellId) -> bool {
        self.slots[id.slot].as_ref().is_some_and(|cell| cell.number == id.number)
    }

    /// The cell of a key, whose hash this is, in a window.
    #[inline]
    pub(super) fn find(&self, hash: u64, key: &K, window: Window) -> Option<CellId> {
        let is_it = |slot: &u32| {
            self.slots[*slot as usize].as_ref().is_some_and(|cell| cell.window == window && cell.key == *key)
        };
        let slot = *self.table.find(self.place(hash, window), is_it)? as usize;
        self.slots[slot].as_ref().map(|cell| CellId { number: cell.number, slot })
    }

    /// Takes in a cell whose key and window have none.
    pub(super) fn insert(&mut self, mut cell: Cell<K, S>) -> CellId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let id = CellId { number: self.next, slot };
        cell.number = id.number;
        self.next += 1;
        self.expiries.insert((cell.window.expiry(self.lateness), id));
        self.since.change(None, Some(cell.since));
        let place = self.place(cell.hash, cell.window);
        if let Some(changes) = &mut self.changes
            && !cell.saved
        {
            cell.changed = true;
            changes.kept.push(id);
        }
        self.slots[slot] = Some(cell);
        let Store { table, slots, hasher, .. } = self;
        let slot = u32::try_from(slot).expect("memory does not hold so many cells");
        table.insert_unique(place, slot, |slot| {
            let cell = slots[*slot as usize].as_ref().expect(KEPT);
            hasher.hash_one((cell.hash, cell.window))
        });
        id
    }

    pub(super) fn get(&self, id: CellId) -> &Cell<K, S> {
        self.slots[id.slot].as_ref().expect(KEPT)
    }

    pub(super) fn get_mut(&mut self, id: CellId) -> &mut Cell<K, S> {
        self.slots[id.slot].as_mut().expect(KEPT)
    }

    /// Lets go of a cell, if it is still there.
    pub(super) fn remove(&mut self, id: CellId) -> Option<Cell<K, S>> {
        let cell = self.slots[id.slot].take_if(|cell| cell.number == id.number)?;
        let place = self.place(cell.hash, cell.window);
        if let Ok(entry) = self.table.find_entry(place, |slot| *slot as usize == id.slot) {
            entry.remove();
        }
        self.free.push(id.slot);
        self.expiries.remove(&(cell.window.expiry(self.lateness), id));
        self.since.change(Some(cell.since), None);
        if let Some(changes) = self.changes.as_mut().filter(|_| cell.saved) {
            changes.gone.push((cell.hash, cell.key.clone(), cell.window));
        }
        Some(cell)
    }

    /// The cell that expires first, if its time comes before this watermark, and when that is.
    pub(super) fn expiring(&self, watermark: Timestamp) -> Option<(Timestamp, CellId)> {
        self.expiries.first().copied().filter(|(at, _)| *at < watermark)
    }

    /// What a cell has seen stems from this epoch too.
    #[inline]
    pub(super) fn note_since(&mut self, id: CellId, epoch: Epoch) {
        if epoch < self.get_mut(id).since {
            self.set_since(id, epoch);
        }
    }

    /// What a cell has seen and still keeps stems from this epoch and later ones.
    pub(super) fn set_since(&mut self, id: CellId, epoch: Epoch) {
        let before = std::mem::replace(&mut self.get_mut(id).since, epoch);
        self.since.change(Some(before), Some(epoch));
    }

    /// The oldest epoch that a state stems from.
    pub(super) fn held_since(&self) -> Option<Epoch> {
        self.since.min()
    }

    #[inline]
    fn place(&self, hash: u64, window: Window) -> u64 {
        self.hasher.hash_one((hash, window))
    }
}

const KEPT: &str = "a cell is called, found and noted only until it is removed";

#[cfg(test)]
mod tests {
    use super::*;

    fn window(end: i64) -> Window {
        Window::new(Timestamp::from_secs(0), Timestamp::from_secs(end))
    }

    fn cell(key: &str, end: i64, since: Epoch) -> Cell<&str, ()> {
        Cell::new(key, 7, window(end), (), since)
    }

    #[test]
    fn cells_are_told_apart_by_key_and_window_though_their_hashes_are_equal() {
        let mut store = Store::new(0);
        let (a, b) = (store.insert(cell("a", 10, 1)), store.insert(cell("b", 10, 1)));
        let later = store.insert(cell("a", 20, 1));
        assert_eq!(
            ["a", "b"].map(|key| store.find(7, &key, window(10))).into_iter().flatten().collect::<Vec<_>>(),
            [a, b]
        );
        assert_eq!((store.find(7, &"a", window(20)), store.find(7, &"b", window(20))), (Some(later), None));
    }

    #[test]
    fn a_cell_that_is_removed_leaves_nothing() {
        let mut store = Store::new(0);
        let id = store.insert(cell("a", 10, 1));
        assert_eq!(store.remove(id).map(|cell| cell.key), Some("a"));
        assert!(store.remove(id).is_none());
        assert_eq!(store.find(7, &"a", window(10)), None);
        assert_eq!((store.expiring(Timestamp::MAX), store.held_since()), (None, None));
        assert_ne!(store.insert(cell("a", 10, 2)), id, "numbers are not given again");
        assert!(store.remove(id).is_none(), "its place is another's by now");
    }

    #[test]
    fn the_first_to_expire_comes_first_and_of_equal_ones_the_first_made() {
        let mut store = Store::new(1_000_000);
        let ids = [20, 10, 10].map(|end| store.insert(cell(if end == 20 { "a" } else { "b" }, end, 1)));
        let expiry = Timestamp::from_secs(11).offset_micros(-1);
        assert_eq!(store.expiring(expiry), None);
        assert_eq!(store.expiring(Timestamp::from_secs(11)), Some((expiry, ids[1])));
    }

    #[test]
    fn the_oldest_epoch_is_held_until_the_last_of_its_cells_is_gone() {
        let mut store = Store::new(0);
        let (a, b) = (store.insert(cell("a", 10, 5)), store.insert(cell("b", 10, 4)));
        store.note_since(a, 3);
        store.note_since(a, 9);
        assert_eq!(store.held_since(), Some(3));
        store.set_since(a, 5);
        assert_eq!(store.held_since(), Some(4));
        store.set_since(a, 3);
        store.remove(a);
        assert_eq!(store.held_since(), Some(4));
        store.remove(b);
        assert_eq!(store.held_since(), None);
    }
}
