use std::borrow::Borrow;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::block::{Block, Encoder};
use crate::BoxError;
use crate::scratch::{Blob, Scratch};

/// Blocks in the order of their keys, and the first key of each.
#[derive(Debug)]
pub(super) struct Table<K> {
    index: Vec<BlockAt<K>>,
    blocks: Blocks<K>,
}

#[derive(Debug)]
struct BlockAt<K> {
    first: K,
    offset: u64,
    len: usize,
}

#[derive(Debug)]
enum Blocks<K> {
    /// The only one, in memory.
    One(Arc<Block<K>>),
    Many {
        blob: Box<dyn Blob>,
        cache: Cache<K>,
    },
}

/// What was read last, each block in the one slot that its number belongs to: bounded without bookkeeping, and readers
/// rarely meet at a slot.
#[derive(Debug)]
struct Cache<K> {
    slots: Vec<Slot<K>>,
}

/// A block with its number.
type Slot<K> = Mutex<Option<(usize, Arc<Block<K>>)>>;

impl<K> Cache<K> {
    fn new(slots: usize) -> Self {
        Cache { slots: (0..slots).map(|_| Mutex::default()).collect() }
    }

    fn get(
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

impl<K: DeserializeOwned> Table<K> {
    /// Of one block, which is in memory.
    pub(super) fn one(block: Block<K>) -> Self
    where
        K: Clone,
    {
        let first = (block.keys() > 0).then(|| BlockAt { first: block.key(0).clone(), offset: 0, len: 0 });
        Table { index: first.into_iter().collect(), blocks: Blocks::One(Arc::new(block)) }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn is_spilled(&self) -> bool {
        matches!(self.blocks, Blocks::Many { .. })
    }

    /// Whether a block begins with a key.
    pub(super) fn begins<Q: Eq + ?Sized>(&self, at: usize, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.index.get(at).is_some_and(|entry| entry.first.borrow() == key)
    }

    /// How many blocks begin before a key: the last of them may hold it, and the next one too.
    pub(super) fn before<Q: Ord + ?Sized>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
    {
        self.index.partition_point(|entry| entry.first.borrow() < key)
    }

    /// A block, kept for the next time.
    pub(super) fn block(&self, at: usize) -> Result<Arc<Block<K>>, BoxError> {
        match &self.blocks {
            Blocks::One(block) => Ok(Arc::clone(block)),
            Blocks::Many { cache, .. } => cache.get(at, || self.read(at)),
        }
    }

    /// A block that is not kept, as when all are gone through.
    pub(super) fn read(&self, at: usize) -> Result<Arc<Block<K>>, BoxError> {
        match &self.blocks {
            Blocks::One(block) => Ok(Arc::clone(block)),
            Blocks::Many { blob, .. } => {
                let BlockAt { offset, len, .. } = &self.index[at];
                let mut bytes = vec![0; *len];
                blob.read(*offset, &mut bytes)?;
                Ok(Arc::new(Block::decode(bytes)?))
            }
        }
    }
}

/// Writes a table to scratch: pairs come in the order of their keys.
#[derive(Debug)]
pub(super) struct TableWriter<K> {
    blob: Box<dyn Blob>,
    index: Vec<BlockAt<K>>,
    encoder: Encoder<K>,
    first: Option<K>,
    offset: u64,
    cost: usize,
}

impl<K: Serialize + Clone + PartialEq> TableWriter<K> {
    pub(super) fn new(scratch: &dyn Scratch) -> Result<Self, BoxError> {
        let (blob, encoder) = (scratch.blob()?, Encoder::new());
        Ok(TableWriter { blob, index: Vec::new(), encoder, first: None, offset: 0, cost: 0 })
    }

    pub(super) fn push(&mut self, key: &K, value: &[u8]) -> Result<(), BoxError> {
        self.first.get_or_insert_with(|| key.clone());
        self.encoder.push(key, value)?;
        if self.encoder.is_full() { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> Result<(), BoxError> {
        let Some(first) = self.first.take() else { return Ok(()) };
        let (bytes, cost) = self.encoder.take();
        self.blob.append(&bytes)?;
        self.index.push(BlockAt { first, offset: self.offset, len: bytes.len() });
        self.offset += bytes.len() as u64;
        self.cost += cost;
        Ok(())
    }

    /// The table, which keeps about so many bytes of what is read of it in memory.
    pub(super) fn finish(mut self, cached: usize) -> Result<Table<K>, BoxError> {
        self.end_block()?;
        let blocks = self.index.len().max(1);
        let slots = (cached / (self.cost / blocks).max(1)).clamp(1, blocks);
        let blocks = Blocks::Many { blob: self.blob, cache: Cache::new(slots) };
        Ok(Table { index: self.index, blocks })
    }
}
