//! Files get their names.

use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use flow_core::sink::{Commit, Committed};
use flow_core::{Error, Result};
use futures::{StreamExt, stream};

use super::registry::{Registry, State, lock, unwritable};
use super::shared::{SharedFile, Stage};
use super::target::Named;
use super::{Body, Format, Prepared, TempFile};
use crate::files::blocking::off_thread;

/// How many files get their names at the same time: a journal syncs several in about the time of one, and a server
/// takes several at once.
pub(super) const AT_ONCE: usize = 8;

/// A file that has its name, and the hidden ones that it came of, in the order in which they are to go.
struct Published {
    path: PathBuf,
    hidden: Vec<Arc<TempFile>>,
}

impl<F: Format> Registry<F> {
    /// Makes visible what is complete once this epoch is committed. May be repeated after a failure.
    pub(super) async fn commit(self: Arc<Self>, commit: Commit<Prepared>) -> Result<Committed<Prepared>> {
        self.note(&commit.tokens);
        self.make_visible(&commit).await
    }

    pub(super) async fn make_visible(&self, commit: &Commit<Prepared>) -> Result<Committed<Prepared>> {
        let files = self.complete(commit);
        let mut under_way = stream::iter(files).map(|file| self.publish(file)).buffer_unordered(AT_ONCE);
        let (mut done, mut failed) = (Vec::new(), None);
        while let Some(published) = under_way.next().await {
            match published {
                Ok(published) => done.extend(published),
                Err(error) => failed = Some(error), // the others are waited for: nothing happens behind our back
            }
        }
        drop(under_way);
        if let Some(error) = failed {
            return Err(error);
        }
        let named = done.iter().map(|published| published.path.clone()).collect();
        self.target.settle(named, commit.last).await?;
        for hidden in done.into_iter().flat_map(|published| published.hidden) {
            hidden.kept().set(false); // until its name is durable it is all there is
        }
        Ok(self.finish(commit))
    }

    /// The files that take nothing more once this epoch is committed.
    fn complete(&self, commit: &Commit<Prepared>) -> Vec<Arc<SharedFile<F::Body>>> {
        let mut state = lock(&self.state);
        let State { files, aside, leaving, durable, .. } = &mut *state;
        let is_complete = |file: &SharedFile<F::Body>| {
            let is_over = commit.last || file.slot.is_complete(commit.epoch, commit.watermark);
            is_over && file.is_due(*durable)
        };
        leaving.extend(files.extract_if(.., |_, file| is_complete(file)).map(|(_, file)| file));
        leaving.extend(aside.extract_if(.., |file| is_complete(file)));
        leaving.clone()
    }

    /// Says what is still to come.
    fn finish(&self, commit: &Commit<Prepared>) -> Committed<Prepared> {
        let mut state = lock(&self.state);
        state.committed = (commit.epoch, commit.watermark);
        if commit.last {
            // Another run may follow, and replaces the files of this one.
            *state = State { durable: state.durable, ..State::default() };
        }
        if state.durable {
            return Committed { held_since: None, carried: state.carried(commit.epoch) };
        }
        let since = state.files.values().map(|file| file.since.load(Ordering::Relaxed));
        Committed { held_since: since.filter(|since| *since <= commit.epoch).min(), ..Committed::default() }
    }

    /// Finishes a file and gives it its name; where, if there was something in it.
    async fn publish(&self, file: Arc<SharedFile<F::Body>>) -> Result<Option<Published>> {
        let published = match self.whole(&file).await? {
            Some(hidden) => {
                let whole = hidden.last().expect("the file itself is one of them");
                Some(Published { path: self.name(&file, Arc::clone(whole)).await?, hidden })
            }
            None => None,
        };
        lock(&self.state).leaving.retain(|other| !Arc::ptr_eq(other, &file));
        Ok(published)
    }

    /// A file that takes nothing more, if there is something in it: as it is, and behind it without what no manifest has.
    async fn whole(&self, file: &Arc<SharedFile<F::Body>>) -> Result<Option<Vec<Arc<TempFile>>>> {
        let (file, durable) = (Arc::clone(file), self.is_durable());
        let (target, open_files) = (Arc::clone(&self.target), Arc::clone(&self.settings.open_files));
        off_thread(move || {
            let mut inner = lock(&file.inner);
            let whole = match mem::replace(&mut inner.stage, Stage::Published) {
                Stage::Empty | Stage::Published => return Ok(None),
                Stage::Writing(body) => {
                    Arc::new(body.finish().map_err(|cause| unwritable(&inner.path, cause))?)
                }
                Stage::Whole(whole) => whole,
            };
            inner.stage = Stage::Whole(Arc::clone(&whole));
            if !durable || inner.committed.are_first(whole.written()) {
                return Ok(Some(vec![whole]));
            }
            let copy = inner.committed.copy_of(&whole, &*target, open_files);
            let copy = copy.map_err(|cause| unwritable(&inner.path, cause))?;
            Ok(Some(vec![whole, Arc::new(copy)]))
        })
        .await
    }

    /// Gives a file its name, or the next one that nobody has.
    async fn name(&self, file: &SharedFile<F::Body>, whole: Arc<TempFile>) -> Result<PathBuf> {
        loop {
            let path = lock(&file.inner).path.clone();
            match self.target.publish(Arc::clone(&whole), &path, file.replace).await? {
                Named::Done => {
                    lock(&file.inner).stage = Stage::Published;
                    lock(&self.state).written.add(file.elements.load(Ordering::Relaxed));
                    tracing::debug!(path = %path.display(), bytes = whole.written(), "file written");
                    return Ok(path);
                }
                // Another run has been here, and what it wrote may have been acknowledged: write beside it.
                Named::Taken => {
                    let next = self.locate(&mut lock(&self.state), file.slot, file.replace)?;
                    let next = next.map_err(|reason| Error::sink_failed("cannot name a file", reason))?;
                    lock(&file.inner).path = next.path;
                }
            }
        }
    }
}
