use std::sync::Arc;

use serde::Serialize;

use super::PIECE;
use super::file::SpillFile;
use crate::BoxError;

/// The hash of a key, and the lengths of the key and of its items, and their number, stand in front of them.
pub(super) const HEADER: usize = 8 + 4 + 4 + 4;
/// So much is written at a time.
const BUFFER: usize = 128 << 10;

/// Keys with their pieces, in order, in a part of a file.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) file: Arc<SpillFile>,
    pub(super) start: u64,
    pub(super) end: u64,
    /// How often what is in here was merged.
    pub(super) level: u32,
    /// A durable run has written it where it outlives the process.
    pub(super) is_saved: bool,
}

/// Writes a run: keys in their order, and behind each its items.
#[derive(Debug)]
pub(crate) struct RunWriter {
    file: Arc<SpillFile>,
    start: u64,
    buffer: Vec<u8>,
    hash: u64,
    key: Vec<u8>,
    items: Vec<u8>,
    count: u32,
}

impl RunWriter {
    /// At the end of a file, which nobody else appends to meanwhile.
    pub(super) fn new(file: Arc<SpillFile>) -> Self {
        let start = file.len();
        RunWriter { file, start, buffer: Vec::new(), hash: 0, key: Vec::new(), items: Vec::new(), count: 0 }
    }

    /// The items that follow are of this key.
    pub(crate) fn key(&mut self, hash: u64, key: &impl Serialize) -> Result<(), BoxError> {
        self.end_piece()?;
        self.hash = hash;
        self.key.clear();
        self.key = postcard::to_extend(key, std::mem::take(&mut self.key))?;
        Ok(())
    }

    /// The items that follow are of a key that is encoded already.
    pub(super) fn encoded_key(&mut self, hash: u64, key: &[u8]) -> Result<(), BoxError> {
        self.end_piece()?;
        self.hash = hash;
        self.key.clear();
        self.key.extend_from_slice(key);
        Ok(())
    }

    pub(crate) fn item(&mut self, item: &impl Serialize) -> Result<(), BoxError> {
        self.items = postcard::to_extend(item, std::mem::take(&mut self.items))?;
        self.count += 1;
        self.end_large_piece()
    }

    /// Items that are encoded already.
    pub(crate) fn encoded_items(&mut self, items: &[u8], count: u32) -> Result<(), BoxError> {
        self.items.extend_from_slice(items);
        self.count += count;
        self.end_large_piece()
    }

    fn end_large_piece(&mut self) -> Result<(), BoxError> {
        if self.items.len() >= PIECE { self.end_piece() } else { Ok(()) }
    }

    fn end_piece(&mut self) -> Result<(), BoxError> {
        if self.count == 0 {
            return Ok(());
        }
        let too_large =
            |_| format!("a key or value of it takes {} bytes: 4 GiB is the most", self.items.len());
        let (key, items) = (u32::try_from(self.key.len()), u32::try_from(self.items.len()));
        self.buffer.extend_from_slice(&self.hash.to_le_bytes());
        for number in [key.map_err(too_large)?, items.map_err(too_large)?, self.count] {
            self.buffer.extend_from_slice(&number.to_le_bytes());
        }
        self.buffer.extend_from_slice(&self.key);
        self.buffer.extend_from_slice(&self.items);
        self.items.clear();
        self.count = 0;
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), BoxError> {
        self.file.append(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    pub(super) fn finish(mut self, level: u32, is_saved: bool) -> Result<Run, BoxError> {
        self.end_piece()?;
        self.flush()?;
        let end = self.file.len();
        Ok(Run { file: self.file, start: self.start, end, level, is_saved })
    }
}
