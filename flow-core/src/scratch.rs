//! Space beside memory, for what a run must keep and memory need not hold.
//!
//! The core does no I/O: a step that has more than its share of memory asks its runner for [`Scratch`]. A runner gives
//! files, or memory for tests ([`MemoryScratch`]). It is the one door to such space: sorted tables of side inputs go
//! through it today, and whatever else is spilled goes through it too.

use std::fmt::Debug;
use std::sync::Arc;

use crate::BoxError;

/// Where blobs can be put for as long as a run lasts; shared by all workers.
pub trait Scratch: Debug + Send + Sync {
    /// A new, empty blob.
    ///
    /// # Errors
    /// There is no place for it; the error names the place and says what to do.
    fn blob(&self) -> Result<Box<dyn Blob>, BoxError>;
}

/// Bytes that are appended to and read in ranges; gone when it is dropped, and when the process ends.
pub trait Blob: Debug + Send + Sync {
    /// Puts bytes behind those that are there; they can be read once this returns.
    ///
    /// # Errors
    /// There is no space for them, as on a full disk: the error names the place.
    fn append(&mut self, bytes: &[u8]) -> Result<(), BoxError>;

    /// Fills `into` with the bytes from `offset` on. Reads may come from several threads at once.
    ///
    /// # Errors
    /// They are not there, or cannot be read.
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), BoxError>;
}

/// Scratch, and how many bytes of memory a step may use before it goes there.
#[derive(Clone, Debug)]
pub struct Space {
    pub(crate) scratch: Arc<dyn Scratch>,
    pub(crate) memory: usize,
}

impl Space {
    /// Scratch with a share of memory in front of it, in bytes.
    pub fn new(scratch: Arc<dyn Scratch>, memory: usize) -> Self {
        Space { scratch, memory }
    }
}

impl Default for Space {
    /// [`MemoryScratch`] behind 64 MiB.
    fn default() -> Self {
        Space::new(Arc::new(MemoryScratch), 64 << 20)
    }
}

/// Blobs in memory: for tests, and for runners that have no other place.
///
/// ```
/// use flow_core::scratch::{Blob, MemoryScratch, Scratch};
/// let mut blob = MemoryScratch.blob()?;
/// blob.append(b"hello ")?;
/// blob.append(b"world")?;
/// let mut read = [0; 5];
/// blob.read(6, &mut read)?;
/// assert_eq!(&read, b"world");
/// # Ok::<(), flow_core::BoxError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryScratch;

impl Scratch for MemoryScratch {
    fn blob(&self) -> Result<Box<dyn Blob>, BoxError> {
        Ok(Box::new(Bytes(Vec::new())))
    }
}

#[derive(Debug)]
struct Bytes(Vec<u8>);

impl Blob for Bytes {
    fn append(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), BoxError> {
        let start = usize::try_from(offset)?;
        let bytes = start.checked_add(into.len()).and_then(|end| self.0.get(start..end));
        into.copy_from_slice(bytes.ok_or("a blob was read behind its end")?);
        Ok(())
    }
}
