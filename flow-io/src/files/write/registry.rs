//! The files that the writers of a sink share.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flow_core::metrics::Counter;
use flow_core::sink::{Claims, WriterContext};
use flow_core::{BoxError, Error, Result, Timestamp};

use super::name::with_part;
use super::settings::Settings;
use super::shared::{Inner, SharedFile, Slot, Stage};
use super::target::{Spot, Target};
use super::{Body, Format, TempFile};

/// Locks; a panic of another holder has ended the run anyway.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A run without end remembers this many paths, which only saves it from finding them on disk.
const KNOWN_PATHS: usize = 100_000;

/// All clones of a sink share one, and so do its writers on all workers.
pub(super) struct Registry<F: Format> {
    pub(super) settings: Settings,
    pub(super) target: Arc<dyn Target>,
    pub(super) format: F,
    pub(super) state: Mutex<State<F::Body>>,
}

pub(super) struct State<B> {
    pub(super) step: Option<String>,
    pub(super) claims: Claims,
    /// What is prepared outlives the process.
    pub(super) durable: bool,
    /// An earlier process has written here, and no run of this one yet.
    pub(super) resumed: bool,
    /// Files that have their names may be those of an earlier process of the same run, and are not replaced.
    pub(super) goes_on: bool,
    /// Elements in files that have their names.
    pub(super) written: Counter,
    /// The epoch and the watermark of the last commit.
    pub(super) committed: (u64, Timestamp),
    pub(super) files: BTreeMap<Slot, Arc<SharedFile<B>>>,
    /// Files that are whole and wait for the manifest that has them, while another file has their slot.
    pub(super) aside: Vec<Arc<SharedFile<B>>>,
    /// Files that take nothing more and get their names.
    pub(super) leaving: Vec<Arc<SharedFile<B>>>,
    /// The paths given out in this run, each with the part to try when it is asked for again.
    pub(super) paths: BTreeMap<Vec<String>, u32>,
}

impl<B> Default for State<B> {
    fn default() -> Self {
        State {
            step: None,
            claims: Claims::default(),
            durable: false,
            resumed: false,
            goes_on: false,
            written: Counter::default(),
            committed: (0, Timestamp::MIN),
            files: BTreeMap::new(),
            aside: Vec::new(),
            leaving: Vec::new(),
            paths: BTreeMap::new(),
        }
    }
}

impl<B> State<B> {
    /// Behind an epoch of an earlier process.
    pub(super) fn resumed(epoch: u64, watermark: Timestamp) -> Self {
        let committed = (epoch, watermark);
        State { durable: true, resumed: true, goes_on: true, committed, ..State::default() }
    }
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
        self.target.begin(cx)?;
        let mut state = lock(&self.state);
        if !state.claims.is_of_the_same_run(&cx.claims) && !state.resumed {
            *state = State::default(); // an earlier run has failed: what it left half done was not acknowledged
        }
        (state.resumed, state.durable) = (false, cx.durable.is_some());
        state.claims = cx.claims.clone();
        state.written = cx.metrics.counter("written");
        let step = &cx.step;
        state.goes_on |= cx.resumed;
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

    /// What is prepared outlives the process, and nothing is visible twice after a crash.
    pub(super) fn is_durable(&self) -> bool {
        lock(&self.state).durable
    }

    /// Whether files that are there are replaced.
    pub(super) fn replaces(&self, bounded: bool) -> bool {
        self.settings.replace.unwrap_or(bounded) && !lock(&self.state).goes_on
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
        let file = Arc::new(SharedFile::new(slot, epoch, replace, Inner::new(path, temporary), place));
        state.files.insert(slot, Arc::clone(&file));
        Ok(Ok(file))
    }

    /// Gives the slot's next file a path that no file of this run has.
    pub(super) fn locate(
        &self,
        state: &mut State<F::Body>,
        slot: Slot,
        replace: bool,
    ) -> Result<Result<Spot, String>> {
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

    /// Appends so many elements to a file, and begins it if it is empty; where they are in it, or `None` if it takes
    /// nothing more.
    pub(super) fn append(
        &self,
        file: &SharedFile<F::Body>,
        chunk: &mut <F::Body as Body>::Chunk,
        elements: u64,
    ) -> Result<Option<(u64, u64)>> {
        let mut inner = lock(&file.inner);
        let appended = self.append_to(&mut inner, chunk).map_err(|cause| unwritable(&inner.path, cause))?;
        if appended.is_some() {
            file.count(elements); // before anyone can give it its name
        }
        Ok(appended)
    }

    fn append_to(
        &self,
        inner: &mut Inner<F::Body>,
        chunk: &mut <F::Body as Body>::Chunk,
    ) -> Result<Option<(u64, u64)>, BoxError> {
        let Inner { temporary, stage, kept, .. } = inner;
        if matches!(stage, Stage::Empty) {
            let open_files = Arc::clone(&self.settings.open_files);
            let file = TempFile::create(temporary.clone(), &*self.target, open_files)?;
            *kept = Some(file.kept().clone());
            *stage = Stage::Writing(self.format.begin(file)?);
        }
        match stage {
            Stage::Writing(body) => {
                let before = body.written();
                body.append(chunk)?;
                Ok(Some((before, body.written())))
            }
            Stage::Empty | Stage::Whole(_) | Stage::Published => Ok(None),
        }
    }

    /// Lets a slot's next element begin another file.
    pub(super) fn forget(&self, file: &Arc<SharedFile<F::Body>>) {
        let mut state = lock(&self.state);
        if state.files.get(&file.slot).is_some_and(|own| Arc::ptr_eq(own, file)) {
            let forgotten = state.files.remove(&file.slot);
            if state.durable {
                state.aside.extend(forgotten);
            }
        }
    }
}

pub(super) fn unwritable(path: &Path, cause: impl Into<BoxError>) -> Error {
    Error::sink_failed(format!("cannot write {}", path.display()), cause)
}
