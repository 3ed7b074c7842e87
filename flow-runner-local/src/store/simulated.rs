//! A disk that loses what was not synced: the worst that a file system may do when the power fails.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Disk, DiskFile};

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Default)]
pub(super) struct SimulatedDisk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Contents, by number.
    files: BTreeMap<u64, Content>,
    next: u64,
    /// Names as the running system sees them.
    names: BTreeMap<String, u64>,
    /// Names as they are after a power failure, if none of `unsynced` comes through.
    durable: BTreeMap<String, u64>,
    unsynced: Vec<Change>,
    /// How many operations succeed from now on.
    left: Option<u64>,
    lies: Lies,
}

/// What the disk only pretends to do: bugs that its users are tested to notice.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) enum Lies {
    #[default]
    None,
    AboutFiles,
    AboutNames,
}

#[derive(Clone, Default)]
struct Content {
    written: Vec<u8>,
    durable: usize,
}

#[derive(Clone)]
enum Change {
    Named(String, u64),
    Unnamed(String),
    Renamed(String, String, u64),
}

impl SimulatedDisk {
    pub(super) fn lying(lies: Lies) -> Self {
        let disk = SimulatedDisk::default();
        disk.state().lies = lies;
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The power fails after so many more operations.
    pub(super) fn fail_after(&self, operations: u64) {
        self.state().left = Some(operations);
    }

    /// The power is back: of what was not synced, `choose` says what has come through, a number below its argument at a
    /// time.
    pub(super) fn restart(&self, mut choose: impl FnMut(u64) -> u64) {
        let state = &mut *self.state();
        state.left = None;
        for change in std::mem::take(&mut state.unsynced) {
            if choose(2) == 1 {
                change.apply(&mut state.durable);
            }
        }
        state.names = state.durable.clone();
        for content in state.files.values_mut() {
            let unsynced = content.written.len() - content.durable;
            let kept = content.durable + choose(unsynced as u64 + 1) as usize;
            // Sectors in between may never have been written.
            for sector in content.written[content.durable..kept].chunks_mut(512) {
                if choose(4) == 0 {
                    sector.fill(0);
                }
            }
            content.written.truncate(kept);
            content.durable = kept;
        }
    }

    /// Changes a byte of a file.
    pub(super) fn damage(&self, name: &str, at: usize) {
        let state = &mut *self.state();
        let file = state.names[name];
        let content = state.files.get_mut(&file).expect("a file that is named is there");
        content.written[at] ^= 0x20;
    }
}

impl State {
    fn operate(&mut self) -> io::Result<()> {
        match &mut self.left {
            Some(0) => Err(io::Error::other("the power has failed")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.unsynced.push(change);
    }
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Change::Named(name, file) => drop(names.insert(name.clone(), *file)),
            Change::Unnamed(name) => drop(names.remove(name)),
            Change::Renamed(from, to, file) => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
        }
    }
}

fn not_found() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl Disk for SimulatedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state().names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        let state = self.state();
        let file = state.names.get(name).ok_or_else(not_found)?;
        Ok(Box::new(Cursor::new(state.files[file].written.clone())))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.operate()?;
        if state.names.contains_key(name) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        let file = state.next;
        state.next += 1;
        state.files.insert(file, Content::default());
        state.change(Change::Named(name.to_owned(), file));
        drop(state);
        Ok(Box::new(SimulatedFile { disk: self.clone(), file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        let file = *state.names.get(from).ok_or_else(not_found)?;
        state.change(Change::Renamed(from.to_owned(), to.to_owned(), file));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        if !state.names.contains_key(name) {
            return Err(not_found());
        }
        state.change(Change::Unnamed(name.to_owned()));
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        if state.lies != Lies::AboutNames {
            state.unsynced.clear();
            state.durable = state.names.clone();
        }
        Ok(())
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    file: u64,
}

impl DiskFile for SimulatedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        state.operate()?;
        let content = state.files.get_mut(&self.file).expect("an open file is there");
        content.written.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.operate()?;
        if state.lies != Lies::AboutFiles {
            let content = state.files.get_mut(&self.file).expect("an open file is there");
            content.durable = content.written.len();
        }
        Ok(())
    }
}
