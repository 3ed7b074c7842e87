use std::borrow::Borrow;
use std::mem::size_of;
use std::ops::Range;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::BoxError;

/// About so many bytes are read at a time: a key of the index stands for so many.
pub(super) const BLOCK: usize = 4 << 10;

/// Neighbouring keys with their values: what is read at once. Encoded, each key stands in front of the number of its
/// values, and each value behind its length.
#[derive(Debug)]
pub(super) struct Block<K> {
    bytes: Vec<u8>,
    keys: Vec<KeyAt<K>>,
    values: Vec<ValueAt>,
}

#[derive(Debug)]
struct KeyAt<K> {
    key: K,
    /// The first of its values.
    first: u32,
}

#[derive(Clone, Copy, Debug)]
struct ValueAt {
    start: u32,
    len: u32,
}

impl<K> Block<K> {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Block { bytes, keys: Vec::new(), values: Vec::new() }
    }

    /// A value of the last key, or of a further one, which lies in the block's bytes.
    pub(super) fn place(&mut self, key: K, value: Range<usize>)
    where
        K: PartialEq,
    {
        if self.keys.last().is_none_or(|last| last.key != key) {
            self.keys.push(KeyAt { key, first: self.values.len() as u32 });
        }
        self.values.push(ValueAt { start: value.start as u32, len: value.len() as u32 });
    }

    pub(super) fn decode(bytes: Vec<u8>) -> Result<Self, BoxError>
    where
        K: DeserializeOwned,
    {
        let mut block = Block::new(bytes);
        let mut at = 0;
        while at < block.bytes.len() {
            let (key, rest) = postcard::take_from_bytes::<K>(&block.bytes[at..])?;
            at = block.bytes.len() - rest.len();
            block.keys.push(KeyAt { key, first: block.values.len() as u32 });
            for _ in 0..number(&block.bytes, &mut at)? {
                let len = number(&block.bytes, &mut at)?;
                block.values.push(ValueAt { start: at as u32, len });
                at += len as usize;
            }
        }
        Ok(block)
    }

    pub(super) fn keys(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn key(&self, at: usize) -> &K {
        &self.keys[at].key
    }

    /// The place of a key, if it is in here.
    pub(super) fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
    {
        self.keys.binary_search_by(|entry| entry.key.borrow().cmp(key)).ok()
    }

    /// The values of the key at a place, by their numbers.
    pub(super) fn values_of(&self, at: usize) -> Range<usize> {
        let end = self.keys.get(at + 1).map_or(self.values.len(), |next| next.first as usize);
        self.keys[at].first as usize..end
    }

    /// An encoded value.
    pub(super) fn value(&self, number: usize) -> &[u8] {
        let ValueAt { start, len } = self.values[number];
        &self.bytes[start as usize..(start + len) as usize]
    }

    /// About how many bytes of memory it takes.
    pub(super) fn cost(bytes: usize, keys: usize, values: usize) -> usize {
        size_of::<Self>() + bytes + keys * size_of::<KeyAt<K>>() + values * size_of::<ValueAt>()
    }
}

fn number(bytes: &[u8], at: &mut usize) -> Result<u32, BoxError> {
    let end = *at + size_of::<u32>();
    let number = bytes.get(*at..end).ok_or("a block ends within a number")?;
    *at = end;
    Ok(u32::from_le_bytes(number.try_into()?))
}

/// Puts keys and values behind each other, as blocks are encoded.
#[derive(Debug)]
pub(super) struct Encoder<K> {
    bytes: Vec<u8>,
    last: Option<K>,
    /// Where the number of the last key's values stands, and what it is.
    count_at: usize,
    count: u32,
    keys: usize,
    values: usize,
}

impl<K: Serialize + Clone + PartialEq> Encoder<K> {
    pub(super) fn new() -> Self {
        Encoder { bytes: Vec::new(), last: None, count_at: 0, count: 0, keys: 0, values: 0 }
    }

    pub(super) fn push(&mut self, key: &K, value: &[u8]) -> Result<(), BoxError> {
        if self.last.as_ref() != Some(key) {
            self.end_key();
            postcard::to_io(key, &mut self.bytes)?;
            self.count_at = self.bytes.len();
            self.bytes.extend_from_slice(&[0; size_of::<u32>()]);
            self.last = Some(key.clone());
            self.keys += 1;
        }
        self.count += 1;
        self.values += 1;
        self.bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(value);
        Ok(())
    }

    fn end_key(&mut self) {
        if self.last.take().is_some() {
            let count = std::mem::take(&mut self.count).to_le_bytes();
            self.bytes[self.count_at..self.count_at + count.len()].copy_from_slice(&count);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= BLOCK
    }

    /// The encoded block, and what it will take decoded; empties this.
    pub(super) fn take(&mut self) -> (Vec<u8>, usize) {
        self.end_key();
        let (keys, values) = (std::mem::take(&mut self.keys), std::mem::take(&mut self.values));
        let bytes = std::mem::take(&mut self.bytes);
        let cost = Block::<K>::cost(bytes.len(), keys, values);
        (bytes, cost)
    }
}
