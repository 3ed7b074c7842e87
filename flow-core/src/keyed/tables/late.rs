use hashbrown::hash_table::{Entry, HashTable};

use super::saved::Record;
use crate::element::{Key, Wire};
use crate::exec::{Epoch, StepSaving};
use crate::keyed::hash::key_hash;
use crate::window::Window;
use crate::{Pane, Result, Timing};

/// A window that was emitted and still takes data.
pub(super) struct Late<K, A> {
    pub(super) keys: HashTable<LateKey<K, A>>,
    pub(super) since: Epoch,
}

/// A key in such a window.
pub(super) struct LateKey<K, A> {
    pub(super) key: K,
    /// Everything so far, if panes accumulate.
    pub(super) accumulator: Option<A>,
    /// How many there have been.
    pub(super) panes: u32,
    /// It got elements of the bundle that is being taken in.
    pub(super) touched: bool,
    /// Noted as changed since the last barrier.
    pub(super) changed: bool,
}

impl<K: Key, A> Late<K, A> {
    pub(super) fn new(since: Epoch) -> Self {
        Late { keys: HashTable::new(), since }
    }

    pub(super) fn find(&mut self, hash: u64, key: &K) -> Option<&mut LateKey<K, A>> {
        self.keys.find_mut(hash, |known| known.key == *key)
    }

    /// The key, which may not have been in the window before.
    pub(super) fn enter(&mut self, hash: u64, key: &K) -> &mut LateKey<K, A> {
        match self.keys.entry(hash, |known| known.key == *key, |known| key_hash(&known.key)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(LateKey::new(key.clone(), None, 0)).into_mut(),
        }
    }

    /// A key that was in the pane on time, and that is not here yet.
    pub(super) fn insert(&mut self, key: K, accumulator: Option<A>) {
        let key = LateKey::new(key, accumulator, 1);
        self.keys.insert_unique(key_hash(&key.key), key, |known| key_hash(&known.key));
    }
}

impl<K, A> LateKey<K, A> {
    fn new(key: K, accumulator: Option<A>, panes: u32) -> Self {
        LateKey { key, accumulator, panes, touched: false, changed: false }
    }

    /// What the next pane says of itself.
    pub(super) fn next_pane(&mut self) -> Pane {
        let index = self.panes;
        self.panes += 1;
        Pane { first: index == 0, last: false, timing: Timing::Late, index, on_time_index: Some(index) }
    }
}

impl<K: Key, A: Wire> LateKey<K, A> {
    /// Writes everything that is kept of it.
    pub(super) fn save(&self, window: Window, saving: &mut StepSaving<'_>) -> Result<()> {
        let LateKey { key, accumulator, panes, .. } = self;
        let record = Record::Late { window, key, accumulator: accumulator.as_ref(), panes: *panes };
        saving.put(key_hash(key), &record)
    }
}
