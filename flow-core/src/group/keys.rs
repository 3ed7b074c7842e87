//! Keys, and which cells their windows are in.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::cell::CellId;
use crate::Timestamp;
use crate::window::Window;

/// A key's number, given again once the key has no window left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct KeyId(usize);

/// All keys that have windows.
#[derive(Debug)]
pub(super) struct Keys<K> {
    table: HashTable<KeyId>,
    entries: Vec<Option<Entry<K>>>,
    free: Vec<KeyId>,
    hasher: FixedState,
}

#[derive(Debug)]
struct Entry<K> {
    key: K,
    hash: u64,
    windows: Windows,
    /// The key's output watermark at the start of the bundle of this number.
    output: (u64, Timestamp),
}

impl<K: Hash + Eq> Keys<K> {
    pub(super) fn new() -> Self {
        let hasher = FixedState::default();
        Keys { table: HashTable::new(), entries: Vec::new(), free: Vec::new(), hasher }
    }

    /// The number of a key that has windows.
    pub(super) fn find(&self, key: &K) -> Option<KeyId> {
        self.find_hashed(self.hasher.hash_one(key), key)
    }

    fn find_hashed(&self, hash: u64, key: &K) -> Option<KeyId> {
        let is_it = |id: &KeyId| self.entries[id.0].as_ref().is_some_and(|entry| entry.key == *key);
        self.table.find(hash, is_it).copied()
    }

    /// The number of a key, old or new.
    pub(super) fn enter(&mut self, key: K) -> KeyId {
        let hash = self.hasher.hash_one(&key);
        if let Some(id) = self.find_hashed(hash, &key) {
            return id;
        }
        let Keys { table, entries, free, .. } = self;
        let id = free.pop().unwrap_or_else(|| {
            entries.push(None);
            KeyId(entries.len() - 1)
        });
        entries[id.0] = Some(Entry { key, hash, windows: Windows::default(), output: (0, Timestamp::MIN) });
        table.insert_unique(hash, id, |id| entries[id.0].as_ref().map_or(0, |entry| entry.hash));
        id
    }

    pub(super) fn key(&self, id: KeyId) -> &K {
        &self.entries[id.0].as_ref().expect(IN_USE).key
    }

    pub(super) fn windows(&self, id: KeyId) -> &Windows {
        &self.entries[id.0].as_ref().expect(IN_USE).windows
    }

    pub(super) fn windows_mut(&mut self, id: KeyId) -> &mut Windows {
        &mut self.entries[id.0].as_mut().expect(IN_USE).windows
    }

    /// The key's output watermark at the start of a bundle, if it was asked for since.
    pub(super) fn output_at(&self, id: KeyId, bundle: u64) -> Option<Timestamp> {
        let (noted, output) = self.entries[id.0].as_ref().expect(IN_USE).output;
        (noted == bundle).then_some(output)
    }

    pub(super) fn note_output(&mut self, id: KeyId, bundle: u64, output: Timestamp) {
        self.entries[id.0].as_mut().expect(IN_USE).output = (bundle, output);
    }

    /// Forgets a key without windows.
    pub(super) fn leave_if_empty(&mut self, id: KeyId) {
        if !self.windows(id).is_empty() {
            return;
        }
        let entry = self.entries[id.0].take().expect(IN_USE);
        if let Ok(occupied) = self.table.find_entry(entry.hash, |other| *other == id) {
            occupied.remove();
        }
        self.free.push(id);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

const IN_USE: &str = "a key's number is used only while the key has windows";

/// The windows of one key.
#[derive(Debug, Default)]
pub(super) struct Windows {
    /// Kept here since most keys have one window at a time.
    first: Option<(Window, CellId)>,
    more: BTreeMap<Window, CellId>,
    /// Those whose trigger has finished: they take nothing more, and do not merge.
    closed: BTreeMap<Window, CellId>,
}

impl Windows {
    fn is_empty(&self) -> bool {
        self.first.is_none() && self.more.is_empty() && self.closed.is_empty()
    }

    pub(super) fn open(&self, window: Window) -> Option<CellId> {
        match self.first {
            Some((first, id)) if first == window => Some(id),
            _ if self.more.is_empty() => None,
            _ => self.more.get(&window).copied(),
        }
    }

    pub(super) fn closed(&self, window: Window) -> Option<CellId> {
        self.closed.get(&window).copied()
    }

    pub(super) fn insert(&mut self, window: Window, id: CellId) {
        if self.first.is_none() {
            self.first = Some((window, id));
        } else {
            self.more.insert(window, id);
        }
    }

    pub(super) fn close(&mut self, window: Window) {
        if let Some(id) = self.open(window) {
            self.remove(window, id);
            self.closed.insert(window, id);
        }
    }

    /// Removes a window, if it is in this cell.
    pub(super) fn remove(&mut self, window: Window, id: CellId) {
        if self.first == Some((window, id)) {
            self.first = None;
        } else if self.closed.get(&window) == Some(&id) {
            self.closed.remove(&window);
        } else if self.more.get(&window) == Some(&id) {
            self.more.remove(&window);
        }
    }

    /// The cells of all windows, of open ones and of those whose trigger has finished.
    pub(super) fn cells(&self) -> impl Iterator<Item = CellId> + '_ {
        self.first
            .iter()
            .map(|(_, id)| *id)
            .chain(self.more.values().copied())
            .chain(self.closed.values().copied())
    }

    /// The windows that are open.
    pub(super) fn all_open(&self) -> impl Iterator<Item = Window> + '_ {
        self.first.iter().map(|(window, _)| *window).chain(self.more.keys().copied())
    }

    /// The windows whose trigger has finished.
    pub(super) fn all_closed(&self) -> impl Iterator<Item = Window> + '_ {
        self.closed.keys().copied()
    }

    /// The open windows that overlap a given one, if no two of the open ones overlap each other.
    pub(super) fn overlapping(&self, with: Window) -> impl Iterator<Item = Window> + '_ {
        let before_its_end = Window::new(with.end, with.end);
        let first = self.first.iter().map(|(window, _)| *window).filter(move |w| w.overlaps(with));
        // Disjoint windows in the order of their starts are also in the order of their ends.
        let more = self.more.range(..before_its_end).rev().map(|(window, _)| *window);
        first.chain(more.take_while(move |window| window.overlaps(with)))
    }
}
