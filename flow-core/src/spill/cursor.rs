use std::sync::Arc;

use super::file::{Piece, SpillFile};
use super::run::{HEADER, Run};
use crate::BoxError;

/// Goes through the pieces of a run in order, with a part of it in memory.
#[derive(Debug)]
pub(super) struct Cursor {
    file: Arc<SpillFile>,
    /// Where the next piece begins, and the run ends.
    next: u64,
    end: u64,
    pub(super) hash: u64,
    pub(super) key: Vec<u8>,
    items: (u64, u32, u32),
    /// What is in memory, from where on, and how much is read at a time.
    buffer: Vec<u8>,
    start: u64,
    size: usize,
}

impl Cursor {
    /// In front of the first piece; with so many bytes of memory, if no key or piece takes more.
    pub(super) fn new(run: &Run, size: usize) -> Self {
        Cursor {
            file: Arc::clone(&run.file),
            next: run.start,
            end: run.end,
            hash: 0,
            key: Vec::new(),
            items: (0, 0, 0),
            buffer: Vec::new(),
            start: 0,
            size,
        }
    }

    /// Moves to the next piece; false if there is none. Items that nobody asks for are not read.
    pub(super) fn next(&mut self) -> Result<bool, BoxError> {
        if self.next >= self.end {
            return Ok(false);
        }
        let at = self.next;
        let header: [u8; HEADER] = self.slice(at, HEADER)?.try_into()?;
        let number = |from: usize| {
            u32::from_le_bytes([header[from], header[from + 1], header[from + 2], header[from + 3]])
        };
        let (key_len, len, count) = (number(8), number(12), number(16));
        self.hash = (u64::from(number(4)) << 32) | u64::from(number(0));
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        key.extend_from_slice(self.slice(at + HEADER as u64, key_len as usize)?);
        self.key = key;
        let items = at + HEADER as u64 + u64::from(key_len);
        self.items = (items, len, count);
        self.next = items + u64::from(len);
        Ok(true)
    }

    /// Where the items are.
    pub(super) fn piece(&self) -> Piece {
        let (at, len, count) = self.items;
        Piece { file: Arc::clone(&self.file), at, len, count }
    }

    /// How many bytes the items take, and how many they are.
    pub(super) fn extent(&self) -> (usize, u32) {
        (self.items.1 as usize, self.items.2)
    }

    /// The items.
    pub(super) fn items(&mut self) -> Result<&[u8], BoxError> {
        let (at, len, _) = self.items;
        self.slice(at, len as usize)
    }

    fn slice(&mut self, at: u64, len: usize) -> Result<&[u8], BoxError> {
        let is_here = at >= self.start && at + len as u64 <= self.start + self.buffer.len() as u64;
        if !is_here {
            let left = usize::try_from(self.end.saturating_sub(at)).unwrap_or(usize::MAX);
            if len > left {
                return Err("a run in scratch is cut short".into());
            }
            self.buffer.resize(self.size.max(len).min(left), 0);
            self.file.read(at, &mut self.buffer)?;
            self.start = at;
        }
        let from = (at - self.start) as usize;
        Ok(&self.buffer[from..from + len])
    }
}
