use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::files::{Leftovers, sync_directory};

/// A directory that nobody else may enter, made when the first file is staged. It goes, with all that is in it, when the
/// last sink does that stages there; not so that of a durable run, which is gone on with.
#[derive(Debug)]
pub(super) struct Staging {
    within: PathBuf,
    made: Mutex<Option<PathBuf>>,
    stays: bool,
}

impl Staging {
    pub(super) fn within(within: PathBuf) -> Self {
        Staging { within, made: Mutex::new(None), stays: false }
    }

    /// In the directory of a durable run, without what an earlier process has left there that nobody goes on with: called
    /// when all sinks have taken up theirs.
    pub(super) fn durable(state: &Path) -> io::Result<Self> {
        let path = state.join("objects");
        match private_directory().create(&path) {
            Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => return Err(cause),
            Err(_) => Leftovers::of(&path)?.remove_all(&path)?,
            Ok(()) => sync_directory(state)?,
        }
        Ok(Staging { within: state.to_owned(), made: Mutex::new(Some(path)), stays: true })
    }

    /// Its path.
    pub(super) fn path(&self) -> io::Result<PathBuf> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &*made {
            return Ok(path.clone());
        }
        fs::create_dir_all(&self.within)?;
        let mut number = 0;
        let path = loop {
            // What is there already, a link to elsewhere too, belongs to others.
            let path = self.within.join(format!("flow-staging-{}-{number}", std::process::id()));
            match private_directory().create(&path) {
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => number += 1,
                created => break created.map(|()| path)?,
            }
        };
        *made = Some(path.clone());
        Ok(path)
    }

    /// Creates a file in it.
    pub(super) fn create(path: &Path) -> io::Result<File> {
        private_file().write(true).create_new(true).open(path)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let made = self.made.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = made
            && !self.stays
            && let Err(error) = fs::remove_dir_all(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "a staging directory is left behind");
        }
    }
}

#[cfg(unix)]
fn private_directory() -> DirBuilder {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

#[cfg(unix)]
fn private_file() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(not(unix))]
fn private_directory() -> DirBuilder {
    DirBuilder::new()
}

#[cfg(not(unix))]
fn private_file() -> OpenOptions {
    OpenOptions::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn nobody_else_may_look_into_it() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let staging = Staging::within(root.path().join("new"));
        let path = staging.path().unwrap();
        Staging::create(&path.join("a")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join("a"))), (0o700, 0o600));
        assert!(Staging::create(&path.join("a")).is_err());
    }

    #[test]
    fn that_of_a_durable_run_stays_but_for_what_nobody_goes_on_with() {
        let root = tempfile::tempdir().unwrap();
        let path = Staging::durable(root.path()).unwrap().path().unwrap();
        assert_eq!(path, root.path().join("objects"));
        Staging::create(&path.join(".a.txt.tmp-1-0")).unwrap();
        assert_eq!(Staging::durable(root.path()).unwrap().path().unwrap(), path);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
    }

    #[test]
    fn each_has_its_own_and_removes_it() {
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (Staging::within(root.path().to_owned()), Staging::within(root.path().to_owned()));
        assert_ne!(one.path().unwrap(), two.path().unwrap());
        assert_eq!(one.path().unwrap(), one.path().unwrap());
        Staging::create(&one.path().unwrap().join("a")).unwrap();
        drop(one);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
