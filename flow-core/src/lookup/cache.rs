use std::sync::{Arc, Mutex, PoisonError};

use super::block::Block;
use crate::BoxError;

/// What was read last, each block in the one slot that its number belongs to: bounded without bookkeeping, and readers
/// rarely meet at a slot.
#[derive(Debug)]
pub(super) struct Cache<K> {
    slots: Vec<Slot<K>>,
}

/// A block with its number.
type Slot<K> = Mutex<Option<(usize, Arc<Block<K>>)>>;

impl<K> Cache<K> {
    pub(super) fn new(slots: usize) -> Self {
        Cache { slots: (0..slots.max(1)).map(|_| Mutex::default()).collect() }
    }

    /// The block of a number, which is read unless it is there.
    pub(super) fn get(
        &self,
        at: usize,
        read: impl FnOnce() -> Result<Arc<Block<K>>, BoxError>,
    ) -> Result<Arc<Block<K>>, BoxError> {
        let slot = &self.slots[at % self.slots.len()];
        if let Some((of, block)) = &*slot.lock().unwrap_or_else(PoisonError::into_inner)
            && *of == at
        {
            return Ok(Arc::clone(block));
        }
        // Read without the lock: two readers may both read a block, and none waits for the other.
        let block = read()?;
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, Arc::clone(&block)));
        Ok(block)
    }
}
