use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use flow_core::Timestamp;
use flow_core::window::Window;

use super::TempFile;
use super::ranges::Ranges;
use super::registry::lock;
use super::settings::Place;
use super::temp::Kept;

/// Which elements go to one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub(super) window: Window,
    pub(super) shard: u32,
    /// Set for a file that takes the elements of one epoch only: those that came when their window was complete.
    pub(super) epoch: Option<u64>,
    /// Set for a file that takes those of one worker only.
    pub(super) worker: Option<usize>,
}

impl Slot {
    /// Whether all of its elements have been prepared when this epoch has.
    pub(super) fn is_complete(self, epoch: u64, watermark: Timestamp) -> bool {
        match self.epoch {
            Some(own) => own <= epoch,
            None => self.window.max_timestamp() < watermark,
        }
    }
}

/// A file that several workers append to.
pub(super) struct SharedFile<B> {
    pub(super) slot: Slot,
    /// The path it was opened for, in words.
    pub(super) label: String,
    /// The epoch of its first element.
    pub(super) since: AtomicU64,
    /// How many have been appended, by this process.
    pub(super) elements: AtomicU64,
    pub(super) replace: bool,
    pub(super) inner: Mutex<Inner<B>>,
    _place: Place,
}

pub(super) struct Inner<B> {
    pub(super) path: PathBuf,
    pub(super) temporary: PathBuf,
    pub(super) stage: Stage<B>,
    /// In a durable run, the bytes that have been committed: no others are to become visible.
    pub(super) committed: Ranges,
    /// Has what was written outlive the process; set once there is a file.
    pub(super) kept: Option<Kept>,
}

pub(super) enum Stage<B> {
    /// Nothing was written yet, and there is no file.
    Empty,
    Writing(B),
    /// Whole, but without its name.
    Whole(Arc<TempFile>),
    Published,
}

impl<B> SharedFile<B> {
    pub(super) fn new(slot: Slot, since: u64, replace: bool, inner: Inner<B>, place: Place) -> Self {
        SharedFile {
            slot,
            label: inner.path.display().to_string(),
            since: AtomicU64::new(since),
            elements: AtomicU64::new(0),
            replace,
            inner: Mutex::new(inner),
            _place: place,
        }
    }

    pub(super) fn temporary(&self) -> PathBuf {
        lock(&self.inner).temporary.clone()
    }

    /// Where the file is now, and where it will be.
    pub(super) fn paths(&self) -> (String, String) {
        let inner = lock(&self.inner);
        (inner.temporary.display().to_string(), inner.path.display().to_string())
    }

    /// Whether a commit makes it whole: in a durable run only what was committed may be in it.
    pub(super) fn is_due(&self, durable: bool) -> bool {
        let inner = lock(&self.inner);
        !durable || !inner.committed.is_empty() || matches!(inner.stage, Stage::Empty)
    }

    pub(super) fn count(&self, elements: u64) {
        self.elements.fetch_add(elements, Ordering::Relaxed);
    }
}

impl<B> Inner<B> {
    pub(super) fn new(path: PathBuf, temporary: PathBuf) -> Self {
        Inner { path, temporary, stage: Stage::Empty, committed: Ranges::default(), kept: None }
    }
}
