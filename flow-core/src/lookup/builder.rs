use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::marker::PhantomData;
use std::mem::size_of;
use std::sync::Arc;

use super::Lookup;
use super::block::{BLOCK, Block, ValuesAt};
use super::table::{Table, TableWriter};
use crate::element::{Key, Wire};
use crate::scratch::Space;
use crate::{BoxError, Error, ErrorKind, Result};

/// So many sorted runs are merged at a time at most.
const MOST_RUNS: usize = 64;
/// Places in a block are 32 bits, so that values in it may take no more.
const LARGEST_VALUE: usize = 1 << 30;

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
    /// Sorted runs, those that are merged of others behind them: so the oldest are last, and few files are open.
    levels: Vec<Vec<Table<K>>>,
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
            levels: Vec::new(),
            len: 0,
            value: PhantomData,
        }
    }

    pub(crate) fn add(&mut self, key: K, value: &V) -> Result<()> {
        self.push(key, value).map_err(not_built)
    }

    fn push(&mut self, key: K, value: &V) -> Result<(), BoxError> {
        let start = self.bytes.len();
        postcard::to_io(value, &mut self.bytes)?;
        self.encoded_key.clear();
        postcard::to_io(&key, &mut self.encoded_key)?;
        let end = self.bytes.len();
        if end - start > LARGEST_VALUE {
            return Err(
                format!("a value takes {} bytes: a lookup holds values of up to 1 GiB", end - start).into()
            );
        }
        self.key_bytes += self.encoded_key.len();
        self.pairs.push(Pair { key, start, end });
        self.len += 1;
        Ok(())
    }

    /// Calls for every pair so far with the encoded value; the values of a key in the order of their arrival.
    pub(crate) fn each(&self, mut take: impl FnMut(&K, &[u8]) -> Result<(), BoxError>) -> Result<()> {
        let mut all = || {
            for run in self.levels.iter().rev().flatten() {
                let mut cursor = Cursor::new(run);
                while let Some(key) = cursor.next()? {
                    while let Some(value) = cursor.value()? {
                        take(&key, value)?;
                    }
                }
            }
            self.pairs.iter().try_for_each(|Pair { key, start, end }| take(key, &self.bytes[*start..*end]))
        };
        all().map_err(not_built)
    }

    /// About how many bytes of memory it uses.
    pub(crate) fn used(&self) -> usize {
        self.bytes.len() + self.key_bytes + self.pairs.len() * size_of::<Pair<K>>()
    }

    /// Moves what is in memory to scratch.
    pub(crate) fn spill(&mut self) -> Result<()> {
        self.write_run().map_err(not_built)
    }

    fn write_run(&mut self) -> Result<(), BoxError> {
        let mut run = self.write(TableWriter::in_scratch(&*self.space.scratch)?)?;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(run);
            if self.levels[level].len() < self.most_runs() {
                break;
            }
            run = merge(&std::mem::take(&mut self.levels[level]), &self.space, 0)?;
        }
        Ok(())
    }

    /// How many runs are merged at a time: a block of each is in memory.
    fn most_runs(&self) -> usize {
        (self.space.memory / (4 * BLOCK)).clamp(2, MOST_RUNS)
    }

    /// Moves what is in memory into a table. Sorting is stable: the values of a key stay in the order of their arrival.
    fn write(&mut self, mut into: TableWriter<K>) -> Result<Table<K>, BoxError> {
        let (mut pairs, bytes) = (std::mem::take(&mut self.pairs), std::mem::take(&mut self.bytes));
        self.key_bytes = 0;
        pairs.sort_by(|a, b| a.key.cmp(&b.key));
        for Pair { key, start, end } in pairs {
            into.push(&key, &bytes[start..end])?;
        }
        into.finish(0)
    }

    pub(crate) fn finish(mut self) -> Result<Lookup<K, V>> {
        let len = self.len;
        let table = if self.levels.is_empty() { self.write(TableWriter::in_memory()) } else { self.merged() };
        Ok(Lookup { table: table.map_err(not_built)?, len, value: PhantomData })
    }

    fn merged(mut self) -> Result<Table<K>, BoxError> {
        if !self.pairs.is_empty() {
            self.write_run()?;
        }
        let most = self.most_runs();
        let mut runs: Vec<Table<K>> = std::mem::take(&mut self.levels).into_iter().rev().flatten().collect();
        // The youngest first, which are the smallest; neighbours, so that the values of a key stay in order.
        while runs.len() > most {
            let youngest = runs.split_off(runs.len() - most);
            runs.push(merge(&youngest, &self.space, 0)?);
        }
        merge(&runs, &self.space, self.space.memory / 2)
    }
}

/// Several tables as one; of a key's values those of the first table come first.
fn merge<K: Key + Ord>(runs: &[Table<K>], space: &Space, cached: usize) -> Result<Table<K>, BoxError> {
    let mut into = TableWriter::in_scratch(&*space.scratch)?;
    let mut cursors: Vec<Cursor<'_, K>> = runs.iter().map(Cursor::new).collect();
    let mut heads = BinaryHeap::with_capacity(runs.len());
    for (run, cursor) in cursors.iter_mut().enumerate() {
        heads.extend(cursor.next()?.map(|key| Reverse((key, run))));
    }
    while let Some(Reverse((key, run))) = heads.pop() {
        let cursor = &mut cursors[run];
        while let Some(value) = cursor.value()? {
            into.push(&key, value)?;
        }
        heads.extend(cursor.next()?.map(|key| Reverse((key, run))));
    }
    into.finish(cached)
}

/// Goes through the keys of a table; one whose values take several blocks comes once for each.
struct Cursor<'a, K> {
    table: &'a Table<K>,
    next_block: usize,
    block: Option<Arc<Block<K>>>,
    next_key: usize,
    values: Option<ValuesAt>,
}

impl<'a, K: Key> Cursor<'a, K> {
    fn new(table: &'a Table<K>) -> Self {
        Cursor { table, next_block: 0, block: None, next_key: 0, values: None }
    }

    fn next(&mut self) -> Result<Option<K>, BoxError> {
        if self.block.as_ref().is_none_or(|block| self.next_key == block.keys()) {
            if self.next_block == self.table.len() {
                return Ok(None);
            }
            self.block = Some(self.table.read(self.next_block)?);
            self.next_block += 1;
            self.next_key = 0;
        }
        let Some(block) = &self.block else { return Ok(None) };
        let (key, values) = block.entry(self.next_key)?;
        self.next_key += 1;
        self.values = Some(values);
        Ok(Some(key))
    }

    /// The next value of the key at which it stands.
    fn value(&mut self) -> Result<Option<&[u8]>, BoxError> {
        match (&self.block, &mut self.values) {
            (Some(block), Some(values)) => block.value(values),
            _ => Ok(None),
        }
    }
}

fn not_built(cause: BoxError) -> Error {
    Error::new(ErrorKind::Storage, "a lookup could not be built, so that its readers would miss pairs")
        .caused_by(cause)
}
