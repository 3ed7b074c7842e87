//! Directories beneath a root, without leaving it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};

use uuid::Uuid;

use super::registry::lock;
use super::target::sync_directory;
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
    hidden_name(&prefix(name))
}

fn hidden_name(prefix: &str) -> String {
    static PROCESS: LazyLock<String> = LazyLock::new(|| Uuid::new_v4().simple().to_string());
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{prefix}{}-{}", *PROCESS, COUNT.fetch_add(1, Ordering::Relaxed))
}

fn prefix(name: &str) -> String {
    format!(".{name}.tmp-")
}

/// Whose hidden files are gone on with: a durable pipeline's. Others leave them alone, whether a process of it runs or not,
/// for what is in them is acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Keeper(String);

impl Keeper {
    /// That of a state directory, which it has as long as it is there.
    pub(super) fn of(state: &Path) -> io::Result<Self> {
        static ONE_BY_ONE: Mutex<()> = Mutex::new(());
        let _turn = lock(&ONE_BY_ONE);
        let (path, new) = (state.join("files.id"), state.join("files.id.new"));
        match fs::read_to_string(&path) {
            Ok(id) if Uuid::try_parse(&id).is_ok() => return Ok(Keeper(id)),
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
        let id = Uuid::new_v4().simple().to_string();
        let mut file = File::create(&new)?;
        file.write_all(id.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        sync_directory(state)?;
        Ok(Keeper(id))
    }

    /// A hidden name for the file that becomes `name`.
    pub(super) fn hidden_name(&self, name: &str) -> String {
        hidden_name(&self.prefix(name))
    }

    fn prefix(&self, name: &str) -> String {
        format!(".{name}.kept-{}-", self.0)
    }
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

    /// Removes those of one file, and the keeper's own, but for what somebody in this process has.
    pub(super) fn remove(&mut self, directory: &Path, name: &str, keeper: Option<&Keeper>) -> io::Result<()> {
        let (prefix, kept) = (prefix(name), keeper.map(|keeper| keeper.prefix(name)));
        self.remove_if(directory, |leftover| {
            leftover.starts_with(&prefix) || kept.as_ref().is_some_and(|kept| leftover.starts_with(kept))
        })
    }

    /// Removes all of them, but for what somebody in this process has.
    #[cfg(feature = "gcs")]
    pub(crate) fn remove_all(&mut self, directory: &Path) -> io::Result<()> {
        self.remove_if(directory, |leftover| leftover.contains(".tmp-"))
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
    name.starts_with('.') && (name.contains(".tmp-") || name.contains(".kept-"))
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
    fn only_the_leftovers_of_the_name_are_removed_and_those_that_others_keep_are_not() {
        let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let keeper = Keeper::of(state.path()).unwrap();
        let kept = format!(".a.txt.kept-{}-1-0", keeper.0);
        for name in
            [".a.txt.tmp-1-0", ".a.txt.tmp-2-7", ".a.txt.kept-7-1-0", &kept, ".b.txt.tmp-1-0", "a.txt"]
        {
            fs::write(root.path().join(name), "").unwrap();
        }
        let left = |keeper: Option<&Keeper>| {
            Leftovers::of(root.path()).unwrap().remove(root.path(), "a.txt", keeper).unwrap();
            let names = fs::read_dir(root.path()).unwrap();
            let mut names: Vec<_> = names.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        assert_eq!(left(None).len(), 4);
        assert_eq!(left(Some(&keeper)), [".a.txt.kept-7-1-0", ".b.txt.tmp-1-0", "a.txt"]);
    }

    #[test]
    fn a_state_directory_keeps_its_id_and_gets_another_for_a_torn_one() {
        let state = tempfile::tempdir().unwrap();
        let id = Keeper::of(state.path()).unwrap().0;
        assert_eq!(Keeper::of(state.path()).unwrap().0, id);
        fs::write(state.path().join("files.id"), "").unwrap();
        assert_ne!(Keeper::of(state.path()).unwrap().0, id);
    }
}
