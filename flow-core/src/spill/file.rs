use std::sync::{Arc, PoisonError, RwLock};

use crate::BoxError;
use crate::scratch::{Blob, Scratch};

/// A blob that is appended to while parts of it are read.
#[derive(Debug)]
pub(crate) struct SpillFile(RwLock<Appended>);

#[derive(Debug)]
struct Appended {
    blob: Box<dyn Blob>,
    len: u64,
}

impl SpillFile {
    pub(crate) fn new(scratch: &dyn Scratch) -> Result<Self, BoxError> {
        Ok(SpillFile(RwLock::new(Appended { blob: scratch.blob()?, len: 0 })))
    }

    pub(super) fn len(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len
    }

    pub(super) fn append(&self, bytes: &[u8]) -> Result<(), BoxError> {
        let mut file = self.0.write().unwrap_or_else(PoisonError::into_inner);
        file.blob.append(bytes)?;
        file.len += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn read(&self, at: u64, into: &mut [u8]) -> Result<(), BoxError> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).blob.read(at, into)
    }
}

/// Some items of one key, encoded one behind the other.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(super) file: Arc<SpillFile>,
    pub(super) at: u64,
    pub(super) len: u32,
    pub(super) count: u32,
}

impl Piece {
    /// How many items.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// How many bytes they take.
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// Reads it in place of what a buffer has.
    pub(crate) fn read(&self, into: &mut Vec<u8>) -> Result<(), BoxError> {
        into.resize(self.len(), 0);
        self.file.read(self.at, into)
    }
}
