//! What outlives the process: files that are being written, as the tokens of an epoch tell them.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flow_core::sink::{Commit, Committed};
use flow_core::{Error, ErrorKind, Result};
use futures::{StreamExt, TryStreamExt, stream};

use super::commit::AT_ONCE;
use super::ranges::{Ranges, copy_of};
use super::registry::{Registry, State, lock, unwritable};
use super::shared::{Inner, SharedFile, Slot, Stage};
use super::target::sync_directory;
use super::temp::{discard, has_a_name};
use super::{Body, Format, Prepared, TempFile};
use crate::files::blocking::off_thread;

impl<B> State<B> {
    /// Of files that are not whole, what a later process must know.
    pub(super) fn carried(&self, epoch: u64) -> Vec<Prepared> {
        let open = self.files.values().chain(&self.aside);
        open.filter_map(|file| {
            let committed = lock(&file.inner).committed.clone();
            (!committed.is_empty()).then(|| file.prepared(epoch, committed))
        })
        .collect()
    }
}

impl<B> SharedFile<B> {
    /// The token of some of its bytes.
    pub(super) fn prepared(&self, epoch: u64, written: Ranges) -> Prepared {
        let (temporary, path) = self.paths();
        let Slot { window, shard, epoch: only, .. } = self.slot;
        let bytes = written.end();
        Prepared { path, temporary, window, epoch, bytes, shard, only, replace: self.replace, written }
    }
}

impl<B: Body> SharedFile<B> {
    /// Finishes a file of one epoch and worker, which nobody could go on with; how long it is.
    pub(super) fn finish(&self) -> Result<u64> {
        let mut inner = lock(&self.inner);
        let stage = std::mem::replace(&mut inner.stage, Stage::Published);
        inner.stage = match stage {
            Stage::Writing(body) => {
                Stage::Whole(Arc::new(body.finish().map_err(|cause| unwritable(&inner.path, cause))?))
            }
            other => other,
        };
        Ok(if let Stage::Whole(whole) = &inner.stage { whole.written() } else { 0 })
    }
}

impl<F: Format> Registry<F> {
    /// Has what was written to files outlive the process and the machine's failure, at the end of an epoch.
    pub(super) async fn keep(&self, files: Vec<Arc<SharedFile<F::Body>>>) -> Result<()> {
        let new = files.iter().filter(|file| {
            let inner = lock(&file.inner);
            inner.kept.as_ref().is_some_and(|kept| !kept.set(true))
        });
        let new: Vec<PathBuf> = new.map(|file| file.temporary()).collect();
        let synced = stream::iter(files).map(|file| off_thread(move || sync(&file)));
        synced.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        if new.is_empty() { Ok(()) } else { self.target.anchor(new).await }
    }

    /// In a durable run, notes what a manifest has: nothing else becomes visible.
    pub(super) fn note(&self, tokens: &[Prepared]) {
        let state = lock(&self.state);
        if !state.durable || tokens.is_empty() {
            return;
        }
        let open = state.files.values().chain(&state.aside).map(|file| (file.paths().0, file));
        let open: BTreeMap<String, _> = open.collect();
        for token in tokens {
            if let Some(file) = open.get(&token.temporary) {
                lock(&file.inner).committed.add_all(&token.written);
            }
        }
    }

    /// Takes up what an earlier process left behind.
    pub(super) async fn resume(self: Arc<Self>, commit: Commit<Prepared>) -> Result<Committed<Prepared>> {
        *lock(&self.state) = State::resumed(commit.epoch, commit.watermark);
        let mut files: BTreeMap<String, Prepared> = BTreeMap::new();
        for token in &commit.tokens {
            let known = files.entry(token.temporary.clone()).or_insert_with(|| token.clone());
            known.written.add_all(&token.written);
        }
        let left = Left { epoch: commit.epoch, last: commit.last, watermark: commit.watermark };
        let registry = Arc::clone(&self);
        off_thread(move || files.into_values().try_for_each(|file| registry.take_up(&file, &left))).await?;
        self.make_visible(&commit).await
    }

    /// Takes up one file.
    fn take_up(&self, file: &Prepared, left: &Left) -> Result<()> {
        let slot = Slot { window: file.window, shard: file.shard, epoch: file.only, worker: None };
        let is_whole = left.last || !F::GOES_ON || slot.is_complete(left.epoch, left.watermark);
        let (temporary, path) = (PathBuf::from(&file.temporary), PathBuf::from(&file.path));
        let copy = copy_of(&temporary);
        if is_whole && (has_a_name(&temporary) || has_a_name(&copy)) {
            let beside = path.parent().unwrap_or(&path);
            let named = sync_directory(beside).and_then(|()| discard(&temporary));
            return named.and_then(|()| discard(&copy)).map_err(|cause| unwritable(&path, cause));
        }
        let bytes = file.written.end();
        let found =
            match TempFile::again(temporary.clone(), Some(bytes), Arc::clone(&self.settings.open_files)) {
                Err(cause)
                    if cause.kind() == io::ErrorKind::NotFound && is_whole && self.target.has(&path) =>
                {
                    return Ok(());
                }
                found => found.map_err(|cause| lost(file, is_whole, cause))?,
            };
        let mut inner = Inner::new(path, temporary);
        inner.committed = file.written.clone();
        inner.kept = Some(found.kept().clone());
        inner.stage = if is_whole {
            Stage::Whole(Arc::new(found))
        } else {
            Stage::Writing(self.format.begin(found).map_err(|cause| unwritable(&inner.path, cause))?)
        };
        let place = self.settings.places.take_anyway();
        let file = Arc::new(SharedFile::new(slot, left.epoch, file.replace, inner, place));
        let mut state = lock(&self.state);
        if is_whole {
            state.leaving.push(file);
        } else if let Some(other) = state.files.insert(slot, file) {
            state.aside.push(other);
        }
        Ok(())
    }
}

/// Where an earlier process stopped.
struct Left {
    epoch: u64,
    last: bool,
    watermark: flow_core::Timestamp,
}

fn sync<B>(file: &SharedFile<B>) -> Result<()> {
    let temporary = file.temporary();
    let synced = OpenOptions::new().append(true).open(&temporary).and_then(|file| file.sync_data());
    synced.map_err(|cause| unwritable(&temporary, cause))
}

fn lost(file: &Prepared, is_whole: bool, cause: io::Error) -> Error {
    let Prepared { path, temporary, bytes, .. } = file;
    let missing = match cause.kind() {
        io::ErrorKind::NotFound => "is not there",
        io::ErrorKind::UnexpectedEof => "is shorter",
        _ => return unwritable(Path::new(temporary), cause),
    };
    let taken =
        if is_whole { ", or an empty file to where it is missing if it was taken away since" } else { "" };
    let message = format!(
        "{path} cannot be gone on with: an earlier process has left {bytes} bytes of it in {temporary}, which {missing}; \
         bring that back{taken}, or begin anew with another state directory and without what it held"
    );
    Error::new(ErrorKind::State, message)
}
