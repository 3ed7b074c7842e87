//! What is remembered of runs that ended their process, so that one element cannot do so for ever.
//!
//! Two small files in a folder that outlives the process. `crashes` says how many runs in a row have died before an epoch
//! of theirs was committed, and which elements have been found to end the process. `suspect` has the element that is being
//! tried: while elements are named, workers take turns, so that none is suspected for what another did. The writes are not
//! synced: it is the process that dies, and not the machine.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use flow_core::exec::Suspects;
use flow_core::{Error, ErrorKind, Result};

use crate::scratch::write_at;

/// After so many runs in a row that died, elements are tried one by one and named before: what ends that run too is
/// known in the next.
const TOLERATED: u32 = 2;

/// What runs before this one left behind, and what this one leaves to the next.
#[derive(Debug)]
pub(crate) struct Crashes(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    notes: Mutex<Notes>,
    suspect: File,
    /// Elements are named.
    watches: AtomicBool,
    /// A worker is trying an element.
    busy: Mutex<bool>,
    free: Condvar,
}

impl Crashes {
    /// Notes that a run begins. Call it when the folder is locked against other runs, and keep what it returns until the run
    /// has ended: a run that does not come to drop it has died.
    ///
    /// # Errors
    /// The files cannot be written.
    pub(crate) fn watch(folder: &Path) -> Result<Crashes> {
        Self::try_watch(folder).map_err(|e| {
            let folder = folder.display();
            let message = format!("what a crash would leave behind cannot be noted in {folder}");
            Error::new(ErrorKind::Storage, message).caused_by(e)
        })
    }

    fn try_watch(folder: &Path) -> io::Result<Crashes> {
        fs::create_dir_all(folder)?;
        let mut notes = Notes::read(&folder.join("crashes"))?;
        if std::mem::replace(&mut notes.running, true) {
            notes.crashes += 1;
            notes.convicted.extend(under_way(&folder.join("suspect"))?);
            tracing::warn!(
                runs = notes.crashes,
                elements = notes.convicted.len(),
                "the last runs ended with their process, before an epoch was committed"
            );
        }
        let suspect = File::create(folder.join("suspect"))?;
        notes.write(folder)?;
        Ok(Crashes(Arc::new(Shared {
            folder: folder.to_owned(),
            watches: AtomicBool::new(notes.crashes >= TOLERATED),
            notes: Mutex::new(notes),
            suspect,
            busy: Mutex::new(false),
            free: Condvar::new(),
        })))
    }

    /// A worker's door, if the last runs have died.
    pub(crate) fn door(&self) -> Option<Box<dyn Suspects>> {
        let is_watching = self.0.watches.load(Relaxed);
        is_watching.then(|| -> Box<dyn Suspects> {
            Box::new(Door { shared: Arc::clone(&self.0), trying: Vec::new() })
        })
    }

    /// An epoch is committed: what ended the runs before is behind this one.
    pub(crate) fn committed(&self) {
        self.0.watches.store(false, Relaxed);
        self.0.change(|notes| (notes.crashes, notes.convicted) = (0, BTreeSet::new()));
    }
}

impl Drop for Crashes {
    fn drop(&mut self) {
        self.0.change(|notes| notes.running = false);
    }
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut Notes)) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let before = notes.clone();
        change(&mut notes);
        if *notes != before
            && let Err(error) = notes.write(&self.folder)
        {
            tracing::warn!(%error, folder = %self.folder.display(), "what a crash would leave behind cannot be noted");
        }
    }
}

/// What the file `crashes` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Notes {
    /// A run is under way; if there is none, it has died.
    running: bool,
    /// How many runs in a row have died.
    crashes: u32,
    /// The elements that ended them.
    convicted: BTreeSet<u64>,
}

const TITLE: &str = "flow crashes 1";

impl fmt::Display for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TITLE}\nrunning {}\ncrashes {}", self.running, self.crashes)?;
        self.convicted.iter().try_for_each(|element| writeln!(f, "convicted {element:016x}"))
    }
}

impl Notes {
    /// Those in a file. They only help against crashes, so that a run need not fail where they cannot be understood.
    fn read(file: &Path) -> io::Result<Notes> {
        let text = match fs::read(file) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Notes::default()),
            Err(error) => return Err(error),
        };
        Ok(Notes::parse(&text).unwrap_or_else(|| {
            tracing::warn!(file = %file.display(), "notes on crashes are damaged, and begun anew");
            Notes::default()
        }))
    }

    fn parse(text: &str) -> Option<Notes> {
        let mut lines = text.lines();
        let mut notes = Notes::default();
        (lines.next()? == TITLE).then_some(())?;
        notes.running = lines.next()?.strip_prefix("running ")?.parse().ok()?;
        notes.crashes = lines.next()?.strip_prefix("crashes ")?.parse().ok()?;
        for line in lines {
            notes.convicted.insert(u64::from_str_radix(line.strip_prefix("convicted ")?, 16).ok()?);
        }
        Some(notes)
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        let new = folder.join("crashes.tmp");
        fs::write(&new, self.to_string())?;
        fs::rename(new, folder.join("crashes"))
    }
}

/// What `suspect` says: whether an element is being tried, and which.
fn told(trying: Option<u64>) -> [u8; 16] {
    let (is_trying, element) = (u128::from(trying.is_some()), u128::from(trying.unwrap_or(0)));
    ((element << 64) | is_trying).to_le_bytes()
}

/// The element that was being tried.
fn under_way(file: &Path) -> io::Result<Option<u64>> {
    let bytes = match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        read => read?,
    };
    let told = bytes.first_chunk().map(|told| u128::from_le_bytes(*told));
    Ok(told.filter(|told| told & 1 == 1).map(|told| (told >> 64) as u64))
}

/// A worker's way to the file.
#[derive(Debug)]
struct Door {
    shared: Arc<Shared>,
    /// From the outermost region to the innermost.
    trying: Vec<u64>,
}

impl Door {
    /// Writes what is tried innermost. A write that fails leaves a crash without a name, as before.
    fn show(&self) {
        let _ = write_at(&self.shared.suspect, 0, &told(self.trying.last().copied()));
    }

    /// Waits until no other worker tries an element.
    fn take_turn(&self) {
        let busy = self.shared.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.shared.free.wait_while(busy, |busy| *busy);
        *waited.unwrap_or_else(PoisonError::into_inner) = true;
    }

    fn give_turn(&self) {
        *self.shared.busy.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.shared.free.notify_one();
    }
}

impl Suspects for Door {
    fn is_watching(&self) -> bool {
        self.shared.watches.load(Relaxed)
    }

    fn is_convicted(&self, element: u64) -> bool {
        let notes = self.shared.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.convicted.contains(&element)
    }

    fn begin(&mut self, element: u64) {
        if self.trying.is_empty() {
            self.take_turn();
        }
        self.trying.push(element);
        self.show();
    }

    fn end(&mut self) {
        self.trying.pop();
        self.show();
        if self.trying.is_empty() {
            self.give_turn();
        }
    }
}

#[cfg(test)]
#[path = "crashes_tests.rs"]
mod tests;
