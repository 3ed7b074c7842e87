use std::borrow::Borrow;
use std::cmp::Ordering;
use std::marker::PhantomData;
use std::mem::size_of;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::BoxError;

/// About so many bytes are read at a time: a key of the index stands for so many.
pub(super) const BLOCK: usize = 4 << 10;

/// Neighbouring keys with their values, encoded: what is read at once.
///
/// Each key stands in front of the number of its values, and each value behind its length. At the end are the places of
/// the keys and their number, so that a key is found by decoding a few of them.
#[derive(Debug)]
pub(super) struct Block<K> {
    bytes: Vec<u8>,
    keys: usize,
    key: PhantomData<fn() -> K>,
}

/// Where the next value of a key stands, and how many are left.
#[derive(Clone, Copy, Debug)]
pub(super) struct ValuesAt {
    next: usize,
    left: u32,
}

impl<K> Block<K> {
    pub(super) fn new(bytes: Vec<u8>) -> Result<Self, BoxError> {
        let end = bytes.len().checked_sub(size_of::<u32>()).ok_or(CUT_SHORT)?;
        let keys = number(&bytes, end)? as usize;
        if keys > end / size_of::<u32>() {
            return Err(CUT_SHORT.into());
        }
        Ok(Block { bytes, keys, key: PhantomData })
    }

    pub(super) fn keys(&self) -> usize {
        self.keys
    }

    /// The next value of a key, encoded.
    pub(super) fn value(&self, values: &mut ValuesAt) -> Result<Option<&[u8]>, BoxError> {
        let Some(left) = values.left.checked_sub(1) else { return Ok(None) };
        let start = values.next + size_of::<u32>();
        let end = start + number(&self.bytes, values.next)? as usize;
        *values = ValuesAt { next: end, left };
        Ok(Some(self.bytes.get(start..end).ok_or(CUT_SHORT)?))
    }
}

impl<K: DeserializeOwned> Block<K> {
    /// The key at a place, and its values.
    pub(super) fn entry(&self, place: usize) -> Result<(K, ValuesAt), BoxError> {
        let places = self.bytes.len() - (self.keys + 1) * size_of::<u32>();
        let at = number(&self.bytes, places + place * size_of::<u32>())? as usize;
        let (key, rest) = postcard::take_from_bytes(self.bytes.get(at..places).ok_or(CUT_SHORT)?)?;
        let count = places - rest.len();
        Ok((key, ValuesAt { next: count + size_of::<u32>(), left: number(&self.bytes, count)? }))
    }

    /// The place of a key, if it is in here, and its values.
    pub(super) fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<Option<(usize, ValuesAt)>, BoxError>
    where
        K: Borrow<Q>,
    {
        let (mut from, mut to) = (0, self.keys);
        while from < to {
            let middle = from.midpoint(to);
            let (found, values) = self.entry(middle)?;
            match found.borrow().cmp(key) {
                Ordering::Equal => return Ok(Some((middle, values))),
                Ordering::Less => from = middle + 1,
                Ordering::Greater => to = middle,
            }
        }
        Ok(None)
    }
}

const CUT_SHORT: &str = "a block of it is cut short";

fn number(bytes: &[u8], at: usize) -> Result<u32, BoxError> {
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(CUT_SHORT)?;
    Ok(u32::from_le_bytes(*number))
}

/// Puts keys and values behind each other, as blocks are encoded.
#[derive(Debug)]
pub(super) struct Encoder<K> {
    bytes: Vec<u8>,
    places: Vec<u32>,
    /// The last key, where the number of its values stands, and what it is.
    last: Option<(K, usize, u32)>,
}

impl<K: Serialize + Clone + PartialEq> Encoder<K> {
    pub(super) fn new() -> Self {
        Encoder { bytes: Vec::new(), places: Vec::new(), last: None }
    }

    pub(super) fn push(&mut self, key: &K, value: &[u8]) -> Result<(), BoxError> {
        match &mut self.last {
            Some((last, _, count)) if last == key => *count += 1,
            _ => self.begin(key)?,
        }
        self.bytes.extend_from_slice(&u32::try_from(value.len())?.to_le_bytes());
        self.bytes.extend_from_slice(value);
        Ok(())
    }

    fn begin(&mut self, key: &K) -> Result<(), BoxError> {
        self.end_key();
        self.places.push(u32::try_from(self.bytes.len())?);
        postcard::to_io(key, &mut self.bytes)?;
        self.last = Some((key.clone(), self.bytes.len(), 1));
        self.bytes.extend_from_slice(&[0; size_of::<u32>()]);
        Ok(())
    }

    fn end_key(&mut self) {
        if let Some((_, at, count)) = self.last.take() {
            self.bytes[at..at + size_of::<u32>()].copy_from_slice(&count.to_le_bytes());
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() + self.places.len() * size_of::<u32>() >= BLOCK
    }

    /// The encoded block; empties this.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.end_key();
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.extend(self.places.iter().flat_map(|place| place.to_le_bytes()));
        bytes.extend((self.places.len() as u32).to_le_bytes());
        self.places.clear();
        bytes
    }
}
