//! Tables to look things up in that need not fit into memory.

mod block;
mod builder;
mod cache;
mod chunks;
mod table;
#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::element::{Key, Wire};
use crate::{BoxError, Error, ErrorKind, Result};
use block::{Block, ValuesAt};
pub(crate) use builder::LookupBuilder;
pub(crate) use chunks::{Chunks, each_pair};
use table::Table;

/// Pairs to look values up in by their key, of which only a part is in memory; made by
/// [`as_lookup`](crate::PCollection::as_lookup).
///
/// It is sorted by key, and has as many values for a key as there were pairs. What does not fit into memory is in the
/// runner's scratch space, in blocks of about 4 KiB of which those read last are kept: so every call may have to read,
/// and returns a `Result`. Look things up in [`process`](crate::With::process), whose function may return the error
/// with `?`.
///
/// ```
/// # use flow_core::prelude::*;
/// let names = apply([1_u64, 2, 3], |ids: &PCollection<u64>| {
///     let names = ids.filter(|id| *id != 2).map(|id| (id, format!("name of {id}"))).as_lookup();
///     ids.with(&names).process(|id, names, out| -> Result<(), BoxError> {
///         out.emit(names.get(&id)?.unwrap_or_else(|| "nobody".to_string()));
///         Ok(())
///     })
/// });
/// assert_eq!(names, ["name of 1", "nobody", "name of 3"]);
/// ```
pub struct Lookup<K, V> {
    table: Table<K>,
    len: u64,
    value: PhantomData<fn() -> V>,
}

impl<K, V> std::fmt::Debug for Lookup<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lookup of {} pairs", self.len)
    }
}

impl<K: Key + Ord, V: Wire> Lookup<K, V> {
    /// The first value of a key, in the order of arrival: the only one where there is one for each key.
    ///
    /// # Errors
    /// The scratch space cannot be read.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Result<Option<V>>
    where
        K: Borrow<Q>,
    {
        self.get_all(key).next().transpose()
    }

    /// All values of a key, read one after the other as the iterator goes on: there may be more than fit into memory.
    /// Each is an error if the scratch space cannot be read, after which no more come.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let sums = apply([1_u64, 2, 3, 4], |n: &PCollection<u64>| {
    ///     let by_parity = n.key_by(|n| n % 2).as_lookup();
    ///     n.filter(|n| *n < 3).with(&by_parity).process(|n, by_parity, out| -> Result<(), BoxError> {
    ///         let sum = by_parity.get_all(&(n % 2)).sum::<Result<u64, _>>()?;
    ///         out.emit((n, sum));
    ///         Ok(())
    ///     })
    /// });
    /// assert_eq!(sums, [(1, 4), (2, 6)]);
    /// ```
    pub fn get_all<Q: Ord + ?Sized>(&self, key: &Q) -> Values<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let found = self.find(key);
        let (at, failed) = found.map_or_else(|cause| (None, Some(cause)), |at| (at, None));
        Values { lookup: self, at, failed }
    }

    /// Whether there is a pair with a key.
    ///
    /// # Errors
    /// The scratch space cannot be read.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> Result<bool>
    where
        K: Borrow<Q>,
    {
        Ok(self.find(key).map_err(not_read)?.is_some())
    }

    /// All pairs in the order of their keys, the values of a key in the order of their arrival.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let lines = apply([3_u64, 1, 2], |n: &PCollection<u64>| {
    ///     let squares = n.map(|n| (n, n * n)).as_lookup();
    ///     n.sample(1).with(&squares).process(|_, squares, out| -> Result<(), BoxError> {
    ///         out.emit(squares.iter().collect::<Result<Vec<_>, _>>()?);
    ///         Ok(())
    ///     })
    /// });
    /// assert_eq!(lines, [[(1, 1), (2, 4), (3, 9)]]);
    /// ```
    pub fn iter(&self) -> Pairs<'_, K, V> {
        Pairs { lookup: self, next_block: 0, at: None }
    }

    /// How many pairs there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it did not fit into memory.
    pub fn is_spilled(&self) -> bool {
        self.table.is_spilled()
    }

    /// Where a key's values begin: in the block before those that begin with it, or in the first of those.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<Option<KeyAt<K>>, BoxError>
    where
        K: Borrow<Q>,
    {
        let before = self.table.before(key);
        if let Some(at) = before.checked_sub(1) {
            let block = self.table.block(at)?;
            if let Some((place, values)) = block.find(key)? {
                let goes_on = place + 1 == block.keys() && self.table.begins(before, key);
                return Ok(Some(KeyAt { block, values, next_block: goes_on.then_some(before) }));
            }
        }
        if self.table.begins(before, key) {
            return self.begin(before, key).map(Some);
        }
        Ok(None)
    }

    /// The values of the key that a block begins with.
    fn begin<Q: Eq + ?Sized>(&self, at: usize, key: &Q) -> Result<KeyAt<K>, BoxError>
    where
        K: Borrow<Q>,
    {
        let block = self.table.block(at)?;
        let (_, values) = block.entry(0)?;
        let goes_on = block.keys() == 1 && self.table.begins(at + 1, key);
        Ok(KeyAt { block, values, next_block: goes_on.then_some(at + 1) })
    }
}

impl<'a, K: Key + Ord, V: Wire> IntoIterator for &'a Lookup<K, V> {
    type Item = Result<(K, V)>;
    type IntoIter = Pairs<'a, K, V>;

    fn into_iter(self) -> Pairs<'a, K, V> {
        self.iter()
    }
}

/// The values of one key; made by [`Lookup::get_all`].
#[derive(Debug)]
pub struct Values<'a, K, V> {
    lookup: &'a Lookup<K, V>,
    at: Option<KeyAt<K>>,
    failed: Option<BoxError>,
}

/// Values of a key in a block.
#[derive(Debug)]
struct KeyAt<K> {
    block: Arc<Block<K>>,
    values: ValuesAt,
    /// The block that goes on with the key.
    next_block: Option<usize>,
}

impl<K: Key + Ord, V: Wire> Values<'_, K, V> {
    fn advance(&mut self) -> Result<Option<V>, BoxError> {
        if let Some(cause) = self.failed.take() {
            return Err(cause);
        }
        while let Some(at) = &mut self.at {
            if let Some(value) = at.block.value(&mut at.values)? {
                return Ok(Some(postcard::from_bytes(value)?));
            }
            self.at = match at.next_block {
                Some(next) => Some(self.lookup.begin(next, &at.block.entry(at.block.keys() - 1)?.0)?),
                None => None,
            };
        }
        Ok(None)
    }
}

impl<K: Key + Ord, V: Wire> Iterator for Values<'_, K, V> {
    type Item = Result<V>;

    fn next(&mut self) -> Option<Result<V>> {
        let next = self.advance();
        if next.is_err() {
            self.at = None;
        }
        next.map_err(not_read).transpose()
    }
}

/// All pairs of a lookup; made by [`Lookup::iter`].
#[derive(Debug)]
pub struct Pairs<'a, K, V> {
    lookup: &'a Lookup<K, V>,
    next_block: usize,
    at: Option<PairAt<K>>,
}

/// Where it is: a block, the next of its keys, and the values of the one before.
#[derive(Debug)]
struct PairAt<K> {
    block: Arc<Block<K>>,
    next_key: usize,
    key: K,
    values: ValuesAt,
}

impl<K: Key + Ord, V: Wire> Pairs<'_, K, V> {
    fn advance(&mut self) -> Result<Option<(K, V)>, BoxError> {
        loop {
            if let Some(at) = &mut self.at {
                if let Some(value) = at.block.value(&mut at.values)? {
                    return Ok(Some((at.key.clone(), postcard::from_bytes(value)?)));
                }
                if at.next_key < at.block.keys() {
                    (at.key, at.values) = at.block.entry(at.next_key)?;
                    at.next_key += 1;
                    continue;
                }
            }
            if self.next_block == self.lookup.table.len() {
                self.at = None;
                return Ok(None);
            }
            let block = self.lookup.table.read(self.next_block)?;
            let (key, values) = block.entry(0)?;
            self.next_block += 1;
            self.at = Some(PairAt { block, next_key: 1, key, values });
        }
    }
}

impl<K: Key + Ord, V: Wire> Iterator for Pairs<'_, K, V> {
    type Item = Result<(K, V)>;

    fn next(&mut self) -> Option<Result<(K, V)>> {
        let next = self.advance();
        if next.is_err() {
            (self.at, self.next_block) = (None, self.lookup.table.len());
        }
        next.map_err(not_read).transpose()
    }
}

fn not_read(cause: BoxError) -> Error {
    Error::new(ErrorKind::Storage, "a lookup could not be read").caused_by(cause)
}

/// Reads all of a block that may be damaged.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_block<K: Key + Ord>(bytes: &[u8]) {
    let Ok(block) = Block::<K>::new(bytes.to_vec()) else { return };
    for place in 0..block.keys() {
        let Ok((key, mut values)) = block.entry(place) else { return };
        while let Ok(Some(value)) = block.value(&mut values) {
            assert!(value.len() <= bytes.len());
        }
        let _ = block.find(&key);
    }
}
