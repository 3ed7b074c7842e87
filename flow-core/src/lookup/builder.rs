use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::marker::PhantomData;
use std::mem::size_of;
use std::sync::Arc;

use super::Lookup;
use super::block::{BLOCK, Block};
use super::table::{Table, TableWriter};
use crate::element::{Key, Wire};
use crate::scratch::Space;
use crate::{BoxError, Error, ErrorKind, Result};

/// So many sorted runs are merged at a time at most.
const MOST_RUNS: usize = 64;
/// What is kept in memory as one block stays below this, so that places in it are 32 bits.
const LARGEST: usize = 1 << 30;

/// Sorts pairs into a [`Lookup`]; what does not fit into memory goes to scratch in sorted runs, which are merged in
/// the end.
#[derive(Debug)]
pub(crate) struct LookupBuilder<K, V> {
    space: Space,
    pairs: Vec<Pair<K>>,
    /// The encoded values.
    bytes: Vec<u8>,
    /// What the keys point to, about.
    key_bytes: usize,
    encoded_key: Vec<u8>,
    runs: Vec<Table<K>>,
    len: u64,
    value: PhantomData<fn(V)>,
}

#[derive(Debug)]
struct Pair<K> {
    key: K,
    start: usize,
    end: usize,
}

impl<K: Key + Ord, V: Wire> LookupBuilder<K, V> {
    pub(crate) fn new(space: Space) -> Self {
        LookupBuilder {
            space,
            pairs: Vec::new(),
            bytes: Vec::new(),
            key_bytes: 0,
            encoded_key: Vec::new(),
            runs: Vec::new(),
            len: 0,
            value: PhantomData,
        }
    }

    pub(crate) fn add(&mut self, key: K, value: &V) -> Result<()> {
        self.push(key, value).map_err(not_built)?;
        if self.used() >= LARGEST { self.spill() } else { Ok(()) }
    }

    fn push(&mut self, key: K, value: &V) -> Result<(), BoxError> {
        let start = self.bytes.len();
        postcard::to_io(value, &mut self.bytes)?;
        self.encoded_key.clear();
        postcard::to_io(&key, &mut self.encoded_key)?;
        let end = self.bytes.len();
        if end - start > LARGEST {
            return Err(
                format!("a value takes {} bytes: a lookup holds values of up to 1 GiB", end - start).into()
            );
        }
        self.key_bytes += self.encoded_key.len();
        self.pairs.push(Pair { key, start, end });
        self.len += 1;
        Ok(())
    }

    /// About how many bytes of memory it uses.
    pub(crate) fn used(&self) -> usize {
        self.bytes.len() + self.key_bytes + self.pairs.len() * size_of::<Pair<K>>()
    }

    /// Moves what is in memory to scratch.
    pub(crate) fn spill(&mut self) -> Result<()> {
        let run = self.write_run().map_err(not_built)?;
        self.runs.push(run);
        Ok(())
    }

    fn write_run(&mut self) -> Result<Table<K>, BoxError> {
        self.sort();
        let mut run = TableWriter::new(&*self.space.scratch)?;
        for Pair { key, start, end } in std::mem::take(&mut self.pairs) {
            run.push(&key, &self.bytes[start..end])?;
        }
        self.bytes = Vec::new();
        self.key_bytes = 0;
        run.finish(0)
    }

    /// Stable: the values of a key stay in the order of their arrival.
    fn sort(&mut self) {
        self.pairs.sort_by(|a, b| a.key.cmp(&b.key));
    }

    pub(crate) fn finish(self) -> Result<Lookup<K, V>> {
        let len = self.len;
        let table = if self.runs.is_empty() { Ok(self.in_memory()) } else { self.merged() };
        Ok(Lookup { table: table.map_err(not_built)?, len, value: PhantomData })
    }

    fn in_memory(mut self) -> Table<K> {
        self.sort();
        let mut block = Block::new(self.bytes);
        for Pair { key, start, end } in self.pairs {
            block.place(key, start..end);
        }
        Table::one(block)
    }

    fn merged(mut self) -> Result<Table<K>, BoxError> {
        if !self.pairs.is_empty() {
            let run = self.write_run()?;
            self.runs.push(run);
        }
        let most = (self.space.memory / (4 * BLOCK)).clamp(2, MOST_RUNS);
        // Neighbours are merged, so that the values of a key stay in order.
        while self.runs.len() > most {
            let mut fewer = Vec::new();
            let mut runs = std::mem::take(&mut self.runs).into_iter();
            while runs.len() > 0 {
                fewer.push(merge(&runs.by_ref().take(most).collect::<Vec<_>>(), &self.space, 0)?);
            }
            self.runs = fewer;
        }
        merge(&self.runs, &self.space, self.space.memory / 2)
    }
}

/// Several tables as one; of a key's values those of the first table come first.
fn merge<K: Key + Ord>(runs: &[Table<K>], space: &Space, cached: usize) -> Result<Table<K>, BoxError> {
    let mut into = TableWriter::new(&*space.scratch)?;
    let mut cursors: Vec<Cursor<'_, K>> = runs.iter().map(Cursor::new).collect();
    let mut heads = BinaryHeap::with_capacity(runs.len());
    for (run, cursor) in cursors.iter_mut().enumerate() {
        heads.extend(cursor.next()?.map(|key| Reverse((key, run))));
    }
    while let Some(Reverse((key, run))) = heads.pop() {
        let cursor = &mut cursors[run];
        if let Some((block, at)) = &cursor.head {
            for number in block.values_of(*at) {
                into.push(&key, block.value(number))?;
            }
        }
        heads.extend(cursor.next()?.map(|key| Reverse((key, run))));
    }
    into.finish(cached)
}

/// Goes through the keys of a table; one whose values take several blocks comes once for each.
struct Cursor<'a, K> {
    table: &'a Table<K>,
    next_block: usize,
    head: Option<(Arc<Block<K>>, usize)>,
}

impl<'a, K: Key> Cursor<'a, K> {
    fn new(table: &'a Table<K>) -> Self {
        Cursor { table, next_block: 0, head: None }
    }

    fn next(&mut self) -> Result<Option<K>, BoxError> {
        self.head = match self.head.take() {
            Some((block, at)) if at + 1 < block.keys() => Some((block, at + 1)),
            _ if self.next_block < self.table.len() => {
                self.next_block += 1;
                Some((self.table.read(self.next_block - 1)?, 0))
            }
            _ => None,
        };
        Ok(self.head.as_ref().map(|(block, at)| block.key(*at).clone()))
    }
}

fn not_built(cause: BoxError) -> Error {
    Error::new(ErrorKind::Storage, "a lookup could not be built, so that its readers would miss pairs")
        .caused_by(cause)
}
