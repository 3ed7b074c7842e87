//! Files that nobody sees before they are whole.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::registry::lock;
use super::target::Target;

/// A file that nobody looks for, until it is whole and gets its name. It is removed if it never does, but for what a
/// later process of a durable run is to find.
///
/// Formats write to it; it is closed and opened again as the limit of open files asks.
#[derive(Debug)]
pub struct TempFile {
    path: PathBuf,
    handle: Arc<Handle>,
    open_files: Arc<OpenFiles>,
    written: u64,
    kept: Kept,
}

/// Whether a file stays where it is when nobody has it any more.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept(Arc<AtomicBool>);

impl Kept {
    /// Says so; whether it was so before.
    pub(super) fn set(&self, kept: bool) -> bool {
        self.0.swap(kept, Ordering::Relaxed)
    }
}

/// The files that somebody in this process has, and how often: none of them is left over from another. A run that ends may
/// still hold what the next one goes on with.
static HELD: Mutex<BTreeMap<PathBuf, usize>> = Mutex::new(BTreeMap::new());

/// Whether somebody in this process has the file.
pub(crate) fn is_held(path: &Path) -> bool {
    lock(&HELD).contains_key(path)
}

fn hold(path: &Path) {
    *lock(&HELD).entry(path.to_owned()).or_default() += 1;
}

fn let_go(path: &Path) {
    let mut held = lock(&HELD);
    if let Some(times) = held.get_mut(path) {
        *times -= 1;
        if *times == 0 {
            held.remove(path);
        }
    }
}

#[derive(Debug, Default)]
struct Handle {
    file: Mutex<Option<File>>,
    /// When it was last written to, in ticks of [`OpenFiles`].
    used: AtomicU64,
}

impl TempFile {
    fn new(path: PathBuf, file: File, open_files: Arc<OpenFiles>) -> Self {
        let handle =
            Arc::new(Handle { file: Mutex::new(Some(file)), used: AtomicU64::new(open_files.tick()) });
        open_files.admit(&handle);
        TempFile { path, handle, open_files, written: 0, kept: Kept::default() }
    }

    /// Creates one, as the place says that it becomes part of.
    pub(super) fn create(path: PathBuf, target: &dyn Target, open_files: Arc<OpenFiles>) -> io::Result<Self> {
        hold(&path); // before anyone could take it for a leftover
        match target.create(&path) {
            Ok(file) => Ok(TempFile::new(path, file, open_files)),
            Err(cause) => {
                let_go(&path);
                Err(cause)
            }
        }
    }

    /// Takes charge of a file that an earlier process began: of all of it, or of its first so many bytes, without what
    /// is behind them.
    ///
    /// # Errors
    /// It is not there, or shorter.
    pub(super) fn again(path: PathBuf, bytes: Option<u64>, open_files: Arc<OpenFiles>) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(&path)?;
        let there = file.metadata()?.len();
        let bytes = bytes.unwrap_or(there);
        if there < bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.set_len(bytes)?;
        hold(&path);
        let mut again = TempFile::new(path, file, open_files);
        again.written = bytes;
        again.kept.set(true);
        Ok(again)
    }

    /// Decides whether it stays where it is.
    pub(super) fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes have been written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Makes it durable and gives it its name, over an older file of that name or, if it must not `replace`, with
    /// an error of kind `AlreadyExists`.
    pub(super) fn publish(&self, path: &Path, replace: bool) -> io::Result<()> {
        self.with_file(|file| file.sync_all())?;
        if replace {
            return fs::rename(&self.path, path);
        }
        // A link does not replace what is there, and the hidden name goes when this is dropped.
        match fs::hard_link(&self.path, path) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && has_a_name(&self.path) => Ok(()),
            linked => linked,
        }
    }

    /// Makes it durable, but not its name.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.with_file(|file| file.sync_data())
    }

    fn with_file<R>(&self, act: impl FnOnce(&mut File) -> io::Result<R>) -> io::Result<R> {
        self.handle.used.store(self.open_files.tick(), Ordering::Relaxed);
        let mut file = lock(&self.handle.file);
        if file.is_none() {
            *file = Some(OpenOptions::new().append(true).open(&self.path)?);
            self.open_files.admit(&self.handle);
        }
        act(file.as_mut().expect("just opened"))
    }
}

impl Write for TempFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.with_file(|file| file.write(bytes))?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a file in this directory has a name besides its hidden one: an earlier process gave it that, and came no
/// further. Links elsewhere are those of backups.
#[cfg(unix)]
pub(super) fn has_a_name(hidden: &Path) -> bool {
    use std::os::unix::fs::{DirEntryExt, MetadataExt};
    let Ok(file) = fs::symlink_metadata(hidden) else { return false };
    let beside = hidden.parent().filter(|_| file.nlink() > 1).map(fs::read_dir);
    let Some(Ok(mut beside)) = beside else { return false };
    beside.any(|entry| {
        entry.is_ok_and(|entry| {
            entry.ino() == file.ino() && !entry.file_name().as_encoded_bytes().starts_with(b".")
        })
    })
}

#[cfg(not(unix))]
pub(super) fn has_a_name(_: &Path) -> bool {
    false
}

impl Drop for TempFile {
    fn drop(&mut self) {
        self.open_files.forget(&self.handle);
        let_go(&self.path);
        if self.kept.0.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = discard(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "a temporary file is left behind");
        }
    }
}

/// Removes a file; after a rename there is nothing left to remove.
pub(super) fn discard(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}

/// Keeps the number of open files under a limit by closing the one that was used longest ago.
#[derive(Debug)]
pub(super) struct OpenFiles {
    limit: usize,
    open: Mutex<Vec<Arc<Handle>>>,
    ticks: AtomicU64,
}

impl OpenFiles {
    pub(super) fn new(limit: usize) -> Self {
        OpenFiles { limit: limit.max(1), open: Mutex::default(), ticks: AtomicU64::default() }
    }

    fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::Relaxed)
    }

    fn admit(&self, handle: &Arc<Handle>) {
        let mut open = lock(&self.open);
        while open.len() >= self.limit && close_oldest(&mut open) {}
        open.push(Arc::clone(handle));
    }

    fn forget(&self, handle: &Arc<Handle>) {
        lock(&self.open).retain(|other| !Arc::ptr_eq(other, handle));
    }
}

/// Closes one, the oldest unless it is being written to; false if all are.
fn close_oldest(open: &mut Vec<Arc<Handle>>) -> bool {
    let oldest = (0..open.len()).min_by_key(|&at| open[at].used.load(Ordering::Relaxed));
    let closed = oldest.into_iter().chain(0..open.len()).find(|&at| open[at].close());
    closed.map(|at| open.swap_remove(at)).is_some()
}

impl Handle {
    /// Closes the file, unless it is being written to.
    fn close(&self) -> bool {
        self.file.try_lock().map(|mut file| *file = None).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(path: PathBuf, open_files: Arc<OpenFiles>) -> TempFile {
        hold(&path);
        TempFile::new(path.clone(), File::create_new(path).unwrap(), open_files)
    }

    #[test]
    fn files_over_the_limit_are_closed_and_written_on_all_the_same() {
        let root = tempfile::tempdir().unwrap();
        let open_files = Arc::new(OpenFiles::new(2));
        let mut files: Vec<TempFile> =
            (0..5).map(|n| create(root.path().join(n.to_string()), Arc::clone(&open_files))).collect();
        for round in 0..3 {
            for file in &mut files {
                writeln!(file, "{round}").unwrap();
                assert!(lock(&open_files.open).len() <= 2);
            }
        }
        for file in &files {
            assert_eq!(fs::read_to_string(&file.path).unwrap(), "0\n1\n2\n");
        }
    }

    #[test]
    fn a_file_without_a_name_is_removed_with_its_last_holder() {
        let root = tempfile::tempdir().unwrap();
        let open_files = Arc::new(OpenFiles::new(2));
        drop(create(root.path().join("a"), Arc::clone(&open_files)));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
        assert!(lock(&open_files.open).is_empty());
    }

    #[test]
    fn a_file_that_must_not_replace_leaves_the_other_alone() {
        let root = tempfile::tempdir().unwrap();
        let name = root.path().join("name");
        fs::write(&name, "older").unwrap();
        let mut file = create(root.path().join("a"), Arc::new(OpenFiles::new(2)));
        file.write_all(b"newer").unwrap();
        assert_eq!(file.publish(&name, false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&name).unwrap(), "older");
        file.publish(&name, true).unwrap();
        assert_eq!(fs::read_to_string(&name).unwrap(), "newer");
    }

    #[test]
    fn a_file_that_is_kept_is_gone_on_with_behind_its_first_bytes() {
        let root = tempfile::tempdir().unwrap();
        let (path, open_files) = (root.path().join("a"), Arc::new(OpenFiles::new(2)));
        let mut file = create(path.clone(), Arc::clone(&open_files));
        file.write_all(b"prepared and more").unwrap();
        file.kept().set(true);
        drop(file);
        let mut again = TempFile::again(path.clone(), Some(8), Arc::clone(&open_files)).unwrap();
        again.write_all(b"!").unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), again.written()), ("prepared!", 9));
        drop(again);
        let shorter = TempFile::again(path, Some(10), open_files).unwrap_err();
        assert_eq!(shorter.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_was_given_its_name_before_has_it() {
        let root = tempfile::tempdir().unwrap();
        let file = create(root.path().join("a"), Arc::new(OpenFiles::new(2)));
        let name = root.path().join("name");
        assert!(!has_a_name(&file.path));
        file.publish(&name, false).unwrap();
        assert!(has_a_name(&file.path));
        file.publish(&name, false).unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_an_error_with_its_cause() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let root = tempfile::tempdir().unwrap();
        let mut file = create(root.path().join("a"), Arc::new(OpenFiles::new(2)));
        *lock(&file.handle.file) = Some(full);
        assert_eq!(file.write_all(b"x").unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
