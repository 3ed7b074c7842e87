//! Where files are found and read.

use std::fmt::Debug;
use std::fs::{self, File, Metadata};
use std::future::ready;
use std::io::{self, Read, Seek, SeekFrom};
use std::task::Waker;
use std::time::UNIX_EPOCH;

use flow_core::metrics::Metrics;
use flow_core::{Error, ErrorKind, Result};
use futures::future::BoxFuture;

use super::split::ObjectVersion;
use super::{FileSplit, pattern};

/// A file that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) path: String,
    pub(crate) len: u64,
    /// When it was last changed, in microseconds since the epoch.
    pub(crate) modified: Option<i64>,
    /// Whether its bytes are compressed.
    pub(crate) gzip: bool,
    /// Set for an object.
    pub(crate) object: Option<ObjectVersion>,
}

/// A place of files: this machine or a bucket.
pub(crate) trait Origin: Debug + Send + Sync {
    /// The files that a pattern matches, by name; there may be none.
    fn list(&self, pattern: &str) -> BoxFuture<'static, Result<Vec<Listed>>>;

    /// Whether a file is still what was found, as far as can be told at once.
    fn is_current(&self, file: &Listed) -> bool {
        let _ = file;
        true
    }

    /// The bytes of a split's file from an offset on, as they are stored. One that is `resumed` must be the same as
    /// it was.
    fn open(
        &self,
        split: &FileSplit,
        offset: u64,
        resumed: bool,
        metrics: &Metrics,
    ) -> Result<Box<dyn Input>>;
}

/// Bytes in order. Reading fails with `NotFound` if the file is gone; and with `WouldBlock` if there are none yet, and the waker is woken when there are.
pub(crate) trait Input: Read + Send {
    /// Whom to wake from now on.
    fn wake(&mut self, waker: &Waker) {
        let _ = waker;
    }
}

impl Input for File {}
impl Input for io::Empty {}

impl Input for Box<dyn Input> {
    fn wake(&mut self, waker: &Waker) {
        (**self).wake(waker);
    }
}

/// This machine's files.
#[derive(Debug)]
pub(crate) struct Local;

impl Origin for Local {
    fn list(&self, pattern: &str) -> BoxFuture<'static, Result<Vec<Listed>>> {
        Box::pin(ready(pattern::list(pattern))) // as reading, done at once by whoever asks
    }

    fn is_current(&self, file: &Listed) -> bool {
        let metadata = fs::metadata(&file.path);
        metadata.is_ok_and(|now| now.len() == file.len && modified(&now) == file.modified)
    }

    fn open(&self, split: &FileSplit, offset: u64, resumed: bool, _: &Metrics) -> Result<Box<dyn Input>> {
        let unreadable = |cause| Error::source_failed(format!("cannot read {}", split.path), cause);
        let mut file = File::open(&split.path).map_err(unreadable)?;
        if resumed {
            check_unchanged(&file, split)?;
        }
        if offset > 0 {
            file.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
        }
        Ok(Box::new(file))
    }
}

fn check_unchanged(file: &File, split: &FileSplit) -> Result<()> {
    let unreadable = |cause| Error::source_failed(format!("cannot read {}", split.path), cause);
    let metadata = file.metadata().map_err(unreadable)?;
    if modified(&metadata) == split.modified {
        return Ok(());
    }
    let reason = format!("{} has changed since it was first read: cannot read on in it", split.path);
    Err(Error::new(ErrorKind::Source, reason))
}

/// When a file was last changed, in microseconds since the epoch.
pub(super) fn modified(metadata: &Metadata) -> Option<i64> {
    let since = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_micros()).ok()
}
