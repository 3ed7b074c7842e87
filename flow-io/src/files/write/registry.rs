//! The files that the writers of a sink share.

use std::collections::BTreeMap;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flow_core::metrics::Counter;
use flow_core::sink::{Claims, Commit, Committed, WriterContext};
use flow_core::window::Window;
use flow_core::{BoxError, Error, Result, Timestamp};

use futures::{StreamExt, stream};

use super::name::with_part;
use super::settings::{Place, Settings};
use super::target::{Named, Spot, Target};
use super::{Body, Format, TempFile};
use crate::files::blocking::off_thread;

/// Locks; a panic of another holder has ended the run anyway.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which elements go to one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub(super) window: Window,
    pub(super) shard: u32,
    /// Set for a file that takes the elements of one epoch only: those that came when their window was complete.
    pub(super) epoch: Option<u64>,
}

impl Slot {
    /// Whether all of its elements have been prepared when this epoch has.
    fn is_complete(self, epoch: u64, watermark: Timestamp) -> bool {
        match self.epoch {
            Some(own) => own <= epoch,
            None => self.window.max_timestamp() < watermark,
        }
    }
}

/// A run without end remembers this many paths, which only saves it from finding them on disk.
const KNOWN_PATHS: usize = 100_000;

/// All clones of a sink share one, and so do its writers on all workers.
pub(super) struct Registry<F: Format> {
    pub(super) settings: Settings,
    pub(super) target: Arc<dyn Target>,
    pub(super) format: F,
    state: Mutex<State<F::Body>>,
}

struct State<B> {
    step: Option<String>,
    claims: Claims,
    /// Elements in files that have their names.
    written: Counter,
    /// The epoch and the watermark of the last commit.
    committed: (u64, Timestamp),
    files: BTreeMap<Slot, Arc<SharedFile<B>>>,
    /// Files that take nothing more and get their names.
    leaving: Vec<Arc<SharedFile<B>>>,
    /// The paths given out in this run, each with the part to try when it is asked for again.
    paths: BTreeMap<Vec<String>, u32>,
}

impl<B> Default for State<B> {
    fn default() -> Self {
        State {
            step: None,
            claims: Claims::default(),
            written: Counter::default(),
            committed: (0, Timestamp::MIN),
            files: BTreeMap::new(),
            leaving: Vec::new(),
            paths: BTreeMap::new(),
        }
    }
}

/// A file that several workers append to.
pub(super) struct SharedFile<B> {
    pub(super) slot: Slot,
    /// The path it was opened for, in words.
    pub(super) label: String,
    /// The epoch of its first element.
    since: AtomicU64,
    /// How many have been appended.
    elements: AtomicU64,
    pub(super) replace: bool,
    inner: Mutex<Inner<B>>,
    _place: Place,
}

struct Inner<B> {
    path: PathBuf,
    temporary: PathBuf,
    stage: Stage<B>,
}

enum Stage<B> {
    /// Nothing was written yet, and there is no file.
    Empty,
    Writing(B),
    /// Whole, but without its name.
    Whole(Arc<TempFile>),
    Published,
}

/// Why elements cannot be written where they belong.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) destination: String,
    pub(super) reason: String,
}

impl<F: Format> Registry<F> {
    pub(super) fn new(settings: Settings, format: F) -> Self {
        let target = settings.remote.target(&settings.root);
        Registry { settings, target, format, state: Mutex::default() }
    }

    /// Makes sure that one step alone writes here: two would end each other's files.
    pub(super) fn begin(&self, cx: &WriterContext) -> Result<()> {
        self.target.begin(&cx.metrics)?;
        let mut state = lock(&self.state);
        if !state.claims.is_of_the_same_run(&cx.claims) {
            *state = State::default(); // an earlier run has failed: what it left half done was not acknowledged
        }
        state.claims = cx.claims.clone();
        state.written = cx.metrics.counter("written");
        let step = &cx.step;
        let owner = state.step.get_or_insert_with(|| step.clone());
        if owner == step {
            return Ok(());
        }
        Err(Error::config(format!(
            "steps `{owner}` and `{step}` write to clones of one sink, so that their files beneath {} would have \
             the same names: write to two directories, or flatten the collections and write them once",
            self.target.root()
        )))
    }

    /// The epoch that comes after the last commit, and that commit's watermark: what a writer that is opened in the
    /// middle of a run goes by until its first epoch ends.
    pub(super) fn progress(&self) -> (u64, Timestamp) {
        let (epoch, watermark) = lock(&self.state).committed;
        (epoch + 1, watermark)
    }

    /// The file of a slot, new or shared.
    pub(super) fn file(
        &self,
        slot: Slot,
        epoch: u64,
        replace: bool,
    ) -> Result<Result<Arc<SharedFile<F::Body>>, Refusal>> {
        let mut state = lock(&self.state);
        if let Some(file) = state.files.get(&slot) {
            file.since.fetch_min(epoch, Ordering::Relaxed);
            return Ok(Ok(Arc::clone(file)));
        }
        let Some(place) = self.settings.places.take() else {
            let limit = self.settings.places.limit;
            return Ok(Err(self.refusal(format!("{limit} files are being written: no more at a time"))));
        };
        let Spot { path, temporary } = match self.locate(&mut state, slot, replace)? {
            Ok(free) => free,
            Err(reason) => return Ok(Err(self.refusal(reason))),
        };
        let label = path.display().to_string();
        let inner = Mutex::new(Inner { path, temporary, stage: Stage::Empty });
        let file = SharedFile {
            slot,
            label,
            since: AtomicU64::new(epoch),
            elements: AtomicU64::new(0),
            replace,
            inner,
            _place: place,
        };
        let file = Arc::new(file);
        state.files.insert(slot, Arc::clone(&file));
        Ok(Ok(file))
    }

    /// Gives the slot's next file a path that no file of this run has.
    fn locate(&self, state: &mut State<F::Body>, slot: Slot, replace: bool) -> Result<Result<Spot, String>> {
        if !replace && state.paths.len() > KNOWN_PATHS {
            state.paths.clear();
        }
        let parts = match self.next_path(&mut state.paths, slot, replace) {
            Ok(parts) => parts,
            Err(reason) => return Ok(Err(reason)),
        };
        if replace {
            let mut path = PathBuf::from(self.target.root());
            path.extend(&parts);
            self.claim(state, &path)?;
        }
        self.target.locate(&parts)
    }

    /// Makes sure that no other sink of the run writes a file that replaces this one, or is replaced by it.
    fn claim(&self, state: &State<F::Body>, path: &Path) -> Result<()> {
        let ours = state.step.as_deref().unwrap_or_default();
        let number = std::ptr::from_ref(self).addr();
        state.claims.claim(&path.to_string_lossy(), number, ours).map_err(|theirs| {
            let path = path.display();
            Error::config(if theirs == ours {
                format!(
                    "two destinations of one step both write {path}, so that one would replace the other: tell \
                     them apart, as with `JsonFiles::under(directory).within(destination)`"
                )
            } else {
                format!(
                    "steps `{theirs}` and `{ours}` both write {path}, so that one would replace the other: write to \
                     two directories, or flatten the collections and write them once"
                )
            })
        })
    }

    /// A path for the slot's next part. Namings that give two windows, shards or parts one path cannot make one
    /// file replace another: whoever comes second gets a part of its own.
    fn next_path(
        &self,
        paths: &mut BTreeMap<Vec<String>, u32>,
        slot: Slot,
        replace: bool,
    ) -> Result<Vec<String>, String> {
        let base = self.settings.path(slot, 0, F::EXTENSION)?;
        let is_free = |path: &Vec<String>| replace || !self.target.is_taken(path);
        let mut part = paths.get(&base).copied().unwrap_or(0);
        let path = loop {
            let named = self.settings.path(slot, part, F::EXTENSION)?;
            if is_free(&named) && (part == 0 || !paths.contains_key(&named)) {
                break named;
            }
            let mut suffixed = base.clone();
            let name = suffixed.last_mut().expect("a path ends in a name");
            *name = with_part(name, part, F::EXTENSION);
            if part > 0 && is_free(&suffixed) && !paths.contains_key(&suffixed) {
                break suffixed;
            }
            part += 1;
        };
        if replace {
            paths.insert(path.clone(), 1); // otherwise a file that is there is seen when it would be replaced
        }
        paths.insert(base, part + 1);
        Ok(path)
    }

    fn refusal(&self, reason: String) -> Refusal {
        Refusal { destination: self.target.root(), reason }
    }

    /// Appends so many elements to a file, and begins it if it is empty; how long it is then, or `None` if it takes nothing more.
    pub(super) fn append(
        &self,
        file: &SharedFile<F::Body>,
        chunk: &mut <F::Body as Body>::Chunk,
        elements: u64,
    ) -> Result<Option<u64>> {
        let mut inner = lock(&file.inner);
        let Inner { path, temporary, stage } = &mut *inner;
        let written = self.append_to(stage, temporary, chunk).map_err(|cause| unwritable(path, cause))?;
        if written.is_some() {
            file.elements.fetch_add(elements, Ordering::Relaxed); // before anyone can give it its name
        }
        Ok(written)
    }

    fn append_to(
        &self,
        stage: &mut Stage<F::Body>,
        temporary: &Path,
        chunk: &mut <F::Body as Body>::Chunk,
    ) -> Result<Option<u64>, BoxError> {
        if matches!(stage, Stage::Empty) {
            let created = self.target.create(temporary)?;
            let file = TempFile::new(temporary.to_owned(), created, Arc::clone(&self.settings.open_files));
            *stage = Stage::Writing(self.format.begin(file)?);
        }
        match stage {
            Stage::Writing(body) => {
                body.append(chunk)?;
                Ok(Some(body.written()))
            }
            Stage::Empty | Stage::Whole(_) | Stage::Published => Ok(None),
        }
    }

    /// Lets a slot's next element begin another file.
    pub(super) fn forget(&self, file: &Arc<SharedFile<F::Body>>) {
        let files = &mut lock(&self.state).files;
        if files.get(&file.slot).is_some_and(|own| Arc::ptr_eq(own, file)) {
            files.remove(&file.slot);
        }
    }

    /// Where a file is now, and where it will be.
    pub(super) fn paths_of(file: &SharedFile<F::Body>) -> (String, String) {
        let inner = lock(&file.inner);
        (inner.temporary.display().to_string(), inner.path.display().to_string())
    }

    /// Makes visible what is complete once this epoch is committed. May be repeated after a failure.
    pub(super) async fn commit<C>(self: Arc<Self>, commit: Commit<C>) -> Result<Committed<C>> {
        let files = self.complete(&commit);
        let mut under_way = stream::iter(files).map(|file| self.publish(file)).buffer_unordered(AT_ONCE);
        let (mut named, mut failed) = (Vec::new(), None);
        while let Some(published) = under_way.next().await {
            match published {
                Ok(path) => named.extend(path),
                Err(error) => failed = Some(error), // the others are waited for: nothing happens behind our back
            }
        }
        drop(under_way);
        if let Some(error) = failed {
            return Err(error);
        }
        self.target.settle(named, commit.last).await?;
        Ok(self.finish(&commit))
    }

    /// The files that take nothing more once this epoch is committed.
    fn complete<C>(&self, commit: &Commit<C>) -> Vec<Arc<SharedFile<F::Body>>> {
        let mut state = lock(&self.state);
        let is_complete = |slot: &Slot| commit.last || slot.is_complete(commit.epoch, commit.watermark);
        let complete: Vec<_> = state.files.extract_if(.., |slot, _| is_complete(slot)).collect();
        state.leaving.extend(complete.into_iter().map(|(_, file)| file));
        state.leaving.clone()
    }

    /// Says what is still to come.
    fn finish<C>(&self, commit: &Commit<C>) -> Committed<C> {
        let mut state = lock(&self.state);
        state.committed = (commit.epoch, commit.watermark);
        if commit.last {
            *state = State::default(); // another run may follow, and replaces the files of this one
        }
        let since = state.files.values().map(|file| file.since.load(Ordering::Relaxed));
        Committed { held_since: since.filter(|since| *since <= commit.epoch).min(), ..Committed::default() }
    }

    /// Finishes a file and gives it its name; where, if there was something in it.
    async fn publish(&self, file: Arc<SharedFile<F::Body>>) -> Result<Option<PathBuf>> {
        let path = match self.whole(&file).await? {
            Some(whole) => Some(self.name(&file, whole).await?),
            None => None,
        };
        lock(&self.state).leaving.retain(|other| !Arc::ptr_eq(other, &file));
        Ok(path)
    }

    /// A file that takes nothing more, if there is something in it.
    async fn whole(&self, file: &Arc<SharedFile<F::Body>>) -> Result<Option<Arc<TempFile>>> {
        let file = Arc::clone(file);
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
            Ok(Some(whole))
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

/// How many files get their names at the same time: a journal syncs several in about the time of one, and a server
/// takes several at once.
const AT_ONCE: usize = 8;

pub(super) fn unwritable(path: &Path, cause: impl Into<BoxError>) -> Error {
    Error::sink_failed(format!("cannot write {}", path.display()), cause)
}
