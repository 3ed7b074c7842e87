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
mod tests {
    use std::process::Command;

    use flow_core::prelude::*;
    use flow_core::testing::collect;
    use flow_core::{DeadLetter, Failure};

    use super::*;
    use crate::{LocalRunner, Options};

    /// Where the run of a child process keeps its notes, and which elements end it.
    const CHILD: &str = "FLOW_TEST_CRASHES";

    fn aborts(n: u64, fatal: &[u64]) -> u64 {
        if fatal.contains(&n) { std::process::abort() } else { n }
    }

    /// What came out of a run, and what was put aside.
    fn run(folder: &Path, fatal: Vec<u64>) -> (Vec<u64>, Vec<DeadLetter<u64>>) {
        let p = Pipeline::new();
        let (kept, failed) =
            p.create(0..200_u64).reshuffle().with_dead_letters(move |n| n.map(move |n| aborts(n, &fatal)));
        let (kept, failed) = (collect(&kept), collect(&failed));
        // In one epoch, since what one process had committed is not in the memory of the next.
        let options = Options::default().with_workers(2).with_epoch(std::time::Duration::from_hours(1));
        let options = options.with_state_dir(folder).allowing_ephemeral_state();
        LocalRunner::new(options).run(p).unwrap();
        (kept.sorted(), failed.values())
    }

    /// The body of the child process; nothing in any other.
    #[test]
    fn a_run_in_a_process_of_its_own() {
        let Ok(told) = std::env::var(CHILD) else { return };
        let (folder, fatal) = told.split_once(' ').unwrap();
        let fatal: Vec<u64> = fatal.split(',').map(|n| n.parse().unwrap()).collect();
        let (kept, letters) = run(Path::new(folder), fatal.clone());
        assert_eq!(kept, (0..200).filter(|n| !fatal.contains(n)).collect::<Vec<_>>());
        let mut dead: Vec<_> = letters.iter().map(|letter| letter.element).collect();
        dead.sort_unstable();
        assert_eq!(dead, fatal);
        for letter in letters {
            assert_eq!((letter.failure, letter.attempts), (Failure::Crash, 0));
            assert!(
                letter.error.starts_with("the process ended while this element was tried"),
                "{}",
                letter.error
            );
        }
    }

    /// Whether a start of the child got through.
    fn start(folder: &Path, fatal: &str) -> bool {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "crashes::tests::a_run_in_a_process_of_its_own", "--nocapture"]);
        let output = child.env(CHILD, format!("{} {fatal}", folder.display())).output().unwrap();
        let says = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.success(), says.contains("1 passed"), "{says}");
        assert!(!says.contains("FAILED"), "{says}{}", String::from_utf8_lossy(&output.stderr));
        output.status.success()
    }

    #[test]
    fn an_element_that_aborts_is_put_aside_at_the_fourth_start() {
        let folder = tempfile::tempdir().unwrap();
        let starts: Vec<bool> = (0..4).map(|_| start(folder.path(), "42")).collect();
        assert_eq!(starts, [false, false, false, true]);
    }

    #[test]
    fn a_second_element_takes_one_start_more_and_no_other_is_suspected() {
        let folder = tempfile::tempdir().unwrap();
        let starts: Vec<bool> = (0..5).map(|_| start(folder.path(), "42,142")).collect();
        assert_eq!(starts, [false, false, false, false, true]);
    }

    #[test]
    fn runs_that_end_by_themselves_convict_nobody() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..4 {
            let crashes = Crashes::watch(folder.path()).unwrap();
            assert!(crashes.door().is_none());
        }
    }

    /// A run that dies while it tries an element, if it names any.
    fn dies(folder: &Path, trying: &[u64]) -> bool {
        let crashes = Crashes::watch(folder).unwrap();
        let door = crashes.door().map(|mut door| trying.iter().for_each(|element| door.begin(*element)));
        std::mem::forget(crashes);
        door.is_some()
    }

    #[test]
    fn elements_are_named_once_two_runs_have_died_and_the_innermost_is_convicted() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!([7, 8, 9].map(|element| dies(folder.path(), &[1, element])), [false, false, true]);
        let crashes = Crashes::watch(folder.path()).unwrap();
        let door = crashes.door().unwrap();
        assert_eq!([1, 7, 8, 9].map(|element| door.is_convicted(element)), [false, false, false, true]);
        drop(crashes);
        let again = Crashes::watch(folder.path()).unwrap();
        assert!(again.door().unwrap().is_convicted(9), "an orderly end alone acquits nobody");
        again.committed();
        drop(again);
        assert!(Crashes::watch(folder.path()).unwrap().door().is_none());
    }

    #[test]
    fn an_element_that_is_done_is_not_convicted() {
        let folder = tempfile::tempdir().unwrap();
        (0..2).for_each(|_| assert!(!dies(folder.path(), &[])));
        let crashes = Crashes::watch(folder.path()).unwrap();
        let mut door = crashes.door().unwrap();
        door.begin(5);
        door.begin(6);
        door.end();
        door.end();
        std::mem::forget(crashes);
        let crashes = Crashes::watch(folder.path()).unwrap();
        assert_eq!([5, 6].map(|element| crashes.door().unwrap().is_convicted(element)), [false, false]);
    }

    #[test]
    fn notes_are_read_as_they_were_written_and_damaged_ones_are_begun_anew() {
        let notes = Notes { running: true, crashes: 3, convicted: [7, u64::MAX].into() };
        assert_eq!(Notes::parse(&notes.to_string()), Some(notes));
        for damaged in
            ["", "flow crashes 2\nrunning true\ncrashes 1\n", "flow crashes 1\nrunning true\ncrashes x\n"]
        {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("crashes"), damaged).unwrap();
            assert!(Crashes::watch(folder.path()).unwrap().door().is_none());
        }
    }
}
