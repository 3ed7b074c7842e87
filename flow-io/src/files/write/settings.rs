use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::shared::Slot;
use super::temp::OpenFiles;
use super::{FileName, FilePath};
use crate::files::remote::Remote;

type Naming = Arc<dyn Fn(FileName<'_>) -> FilePath + Send + Sync>;

/// What a [`WriteFiles`](super::WriteFiles) was told.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) root: PathBuf,
    pub(super) within: Vec<String>,
    pub(super) naming: Naming,
    pub(super) shards: u32,
    /// Unless set: in runs that end.
    pub(super) replace: Option<bool>,
    pub(super) open_files: Arc<OpenFiles>,
    pub(super) places: Places,
    pub(super) remote: Remote,
}

impl Settings {
    pub(super) fn new(root: PathBuf) -> Self {
        Settings {
            root,
            within: Vec::new(),
            naming: Arc::new(|_| FilePath::new()),
            shards: 1,
            replace: None,
            open_files: Arc::new(OpenFiles::new(256)),
            places: Places::new(10_000),
            remote: Remote::default(),
        }
    }

    /// The confined path of a part, from the root; or why there is none.
    pub(super) fn path(&self, slot: Slot, part: u32, extension: &str) -> Result<Vec<String>, String> {
        let name = FileName { window: slot.window, shard: slot.shard, shards: self.shards, part, extension };
        (self.naming)(name).confined(&self.within, name)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("root", &self.root)
            .field("within", &self.within)
            .finish_non_exhaustive()
    }
}

/// How many files may be in progress at a time, whether open or closed for now.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) limit: usize,
    taken: Arc<AtomicUsize>,
}

/// One file's place; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

impl Places {
    pub(super) fn new(limit: usize) -> Self {
        Places { limit, taken: Arc::default() }
    }

    /// A place for a file that is there already.
    pub(super) fn take_anyway(&self) -> Place {
        self.taken.fetch_add(1, Ordering::Relaxed);
        Place(Arc::clone(&self.taken))
    }

    /// A place, if there is one.
    pub(super) fn take(&self) -> Option<Place> {
        let place = Place(Arc::clone(&self.taken));
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        (before < self.limit).then_some(place) // else `place` gives back what was taken
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
