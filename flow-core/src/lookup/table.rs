use std::borrow::Borrow;
use std::sync::Arc;

use serde::Serialize;

use super::block::{Block, Encoder};
use super::cache::Cache;
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
    InMemory(Vec<Arc<Block<K>>>),
    InScratch { blob: Box<dyn Blob>, cache: Cache<K> },
}

impl<K> Table<K> {
    /// How many blocks there are.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn is_spilled(&self) -> bool {
        matches!(self.blocks, Blocks::InScratch { .. })
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
            Blocks::InMemory(blocks) => Ok(Arc::clone(&blocks[at])),
            Blocks::InScratch { blob, cache } => cache.get(at, || self.index[at].read(&**blob)),
        }
    }

    /// A block that is not kept, as when all are gone through.
    pub(super) fn read(&self, at: usize) -> Result<Arc<Block<K>>, BoxError> {
        match &self.blocks {
            Blocks::InMemory(blocks) => Ok(Arc::clone(&blocks[at])),
            Blocks::InScratch { blob, .. } => self.index[at].read(&**blob),
        }
    }
}

impl<K> BlockAt<K> {
    fn read(&self, blob: &dyn Blob) -> Result<Arc<Block<K>>, BoxError> {
        let mut bytes = vec![0; self.len];
        blob.read(self.offset, &mut bytes)?;
        Ok(Arc::new(Block::new(bytes)?))
    }
}

/// Makes a table of pairs that come in the order of their keys.
#[derive(Debug)]
pub(super) struct TableWriter<K> {
    table: Table<K>,
    encoder: Encoder<K>,
    first: Option<K>,
    written: u64,
}

impl<K: Serialize + Clone + PartialEq> TableWriter<K> {
    pub(super) fn in_memory() -> Self {
        Self::new(Blocks::InMemory(Vec::new()))
    }

    pub(super) fn in_scratch(scratch: &dyn Scratch) -> Result<Self, BoxError> {
        Ok(Self::new(Blocks::InScratch { blob: scratch.blob()?, cache: Cache::new(1) }))
    }

    fn new(blocks: Blocks<K>) -> Self {
        let table = Table { index: Vec::new(), blocks };
        TableWriter { table, encoder: Encoder::new(), first: None, written: 0 }
    }

    pub(super) fn push(&mut self, key: &K, value: &[u8]) -> Result<(), BoxError> {
        self.first.get_or_insert_with(|| key.clone());
        self.encoder.push(key, value)?;
        if self.encoder.is_full() { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> Result<(), BoxError> {
        let Some(first) = self.first.take() else { return Ok(()) };
        let bytes = self.encoder.take();
        self.table.index.push(BlockAt { first, offset: self.written, len: bytes.len() });
        self.written += bytes.len() as u64;
        match &mut self.table.blocks {
            Blocks::InMemory(blocks) => blocks.push(Arc::new(Block::new(bytes)?)),
            Blocks::InScratch { blob, .. } => blob.append(&bytes)?,
        }
        Ok(())
    }

    /// The table; of one in scratch about so many bytes are kept in memory once they were read.
    pub(super) fn finish(mut self, cached: usize) -> Result<Table<K>, BoxError> {
        self.end_block()?;
        let blocks = self.table.index.len();
        if let Blocks::InScratch { cache, .. } = &mut self.table.blocks {
            let slots = blocks as u64 * cached as u64 / self.written.max(1);
            *cache = Cache::new(blocks.min(usize::try_from(slots)?));
        }
        Ok(self.table)
    }
}
