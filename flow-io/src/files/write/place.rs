//! Directories beneath a root, without leaving it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

use super::temp::{discard, is_held};

/// Why there is no such directory.
#[derive(Debug)]
pub(super) enum Blocked {
    /// It leads elsewhere, and what was to be written there is refused.
    Link(PathBuf),
    /// The file system says no.
    Failed(PathBuf, io::Error),
}

/// Makes the directories of a path beneath the root. What is a link beneath the root could lead out of it.
pub(super) fn make_dirs(root: &Path, dirs: &[String]) -> Result<PathBuf, Blocked> {
    fs::create_dir_all(root).map_err(|cause| Blocked::Failed(root.to_owned(), cause))?;
    let mut path = root.to_owned();
    for dir in dirs {
        path.push(dir);
        make_dir(&path)?;
    }
    Ok(path)
}

fn make_dir(path: &Path) -> Result<(), Blocked> {
    let failed = |cause| Blocked::Failed(path.to_owned(), cause);
    match fs::create_dir(path) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made.map_err(failed),
    }
    let found = fs::symlink_metadata(path).map_err(failed)?;
    if found.is_symlink() {
        return Err(Blocked::Link(path.to_owned()));
    }
    if found.is_dir() { Ok(()) } else { Err(failed(io::ErrorKind::NotADirectory.into())) }
}

/// A hidden name for the file that becomes `name`, unlike that of any other process: in a container all of them have
/// one number.
pub(crate) fn temporary_name(name: &str) -> String {
    static PROCESS: LazyLock<String> = LazyLock::new(|| Uuid::new_v4().simple().to_string());
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{}{}-{}", prefix(name), *PROCESS, COUNT.fetch_add(1, Ordering::Relaxed))
}

fn prefix(name: &str) -> String {
    format!(".{name}.tmp-")
}

/// The temporary files in a directory, which runs that were killed have left there.
#[derive(Debug)]
pub(crate) struct Leftovers(Vec<String>);

impl Leftovers {
    pub(crate) fn of(directory: &Path) -> io::Result<Self> {
        let mut names = Vec::new();
        for entry in fs::read_dir(directory)? {
            let name = entry?.file_name();
            names.extend(name.to_str().filter(|name| is_temporary(name)).map(str::to_owned));
        }
        Ok(Leftovers(names))
    }

    /// Removes those of one file, but for what somebody in this process has.
    pub(super) fn remove(&mut self, directory: &Path, name: &str) -> io::Result<()> {
        let prefix = prefix(name);
        self.remove_if(directory, |leftover| leftover.starts_with(&prefix))
    }

    /// Removes all of them, but for what somebody in this process has.
    #[cfg(feature = "gcs")]
    pub(crate) fn remove_all(&mut self, directory: &Path) -> io::Result<()> {
        self.remove_if(directory, |_| true)
    }

    fn remove_if(&mut self, directory: &Path, is_due: impl Fn(&str) -> bool) -> io::Result<()> {
        for leftover in self.0.extract_if(.., |leftover| is_due(leftover)) {
            let path = directory.join(leftover);
            if !is_held(&path) {
                discard(&path)?;
            }
        }
        Ok(())
    }
}

fn is_temporary(name: &str) -> bool {
    name.starts_with('.') && name.contains(".tmp-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_link_beneath_the_root_is_not_followed() {
        let (root, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(elsewhere.path(), root.path().join("a")).unwrap();
        let blocked = make_dirs(root.path(), &["a".into(), "b".into()]).unwrap_err();
        assert!(matches!(blocked, Blocked::Link(path) if path == root.path().join("a")));
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_the_leftovers_of_the_name_are_removed() {
        let root = tempfile::tempdir().unwrap();
        for name in [".a.txt.tmp-1-0", ".a.txt.tmp-2-7", ".b.txt.tmp-1-0", "a.txt", ".other"] {
            fs::write(root.path().join(name), "").unwrap();
        }
        Leftovers::of(root.path()).unwrap().remove(root.path(), "a.txt").unwrap();
        let mut left: Vec<_> = fs::read_dir(root.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, [".b.txt.tmp-1-0", ".other", "a.txt"]);
    }
}
