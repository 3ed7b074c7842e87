//! Where files get their names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use flow_core::sink::WriterContext;
use flow_core::{Error, Result};
use futures::future::BoxFuture;

use super::TempFile;
use super::place::{Blocked, Keeper, Leftovers, make_dirs, temporary_name};
use super::registry::{lock, unwritable};
use crate::files::blocking::off_thread;

/// A place beneath which a sink writes: a directory or a bucket.
pub(crate) trait Target: Debug + Send + Sync {
    /// It, in the user's words.
    fn root(&self) -> String;

    /// Makes sure that files can be written there, as far as can be known before there are any.
    fn check(&self) -> BoxFuture<'static, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// A step begins to write there, and counts for its report; an error if it never can.
    fn begin(&self, cx: &WriterContext) -> Result<()> {
        let _ = cx;
        Ok(())
    }

    /// Makes way for a file of this path beneath the root; or says why elements for it are refused.
    fn locate(&self, parts: &[String]) -> Result<Result<Spot, String>>;

    /// Whether it is known that a file that must not replace another cannot have this path.
    fn is_taken(&self, parts: &[String]) -> bool {
        let _ = parts;
        false
    }

    /// Creates the file under its temporary name, and nobody else's.
    fn create(&self, temporary: &Path) -> io::Result<File>;

    /// Has the temporary names outlive the machine's failure.
    fn anchor(&self, temporary: Vec<PathBuf>) -> BoxFuture<'static, Result<()>>;

    /// Whether a file is in its place whose temporary name is gone. Where temporary files are in the state's directory
    /// nobody else removes them, and it is.
    fn has(&self, path: &Path) -> bool {
        let _ = path;
        true
    }

    /// Gives a whole file its name, for good, unless it is taken. May be repeated.
    fn publish(&self, file: Arc<TempFile>, path: &Path, replace: bool) -> BoxFuture<'static, Result<Named>>;

    /// Makes the names durable that have been given. After the `last` ones another run may follow.
    fn settle(&self, named: Vec<PathBuf>, last: bool) -> BoxFuture<'static, Result<()>> {
        let _ = (named, last);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Where a file is going to be, and where it is until it is whole.
#[derive(Debug)]
pub(crate) struct Spot {
    pub(crate) path: PathBuf,
    pub(crate) temporary: PathBuf,
}

/// What came of naming a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// It has its name.
    Done,
    /// Another file has it, and must not be replaced.
    Taken,
}

/// A directory of this machine. Its temporary files lie beside what they become.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    root: PathBuf,
    leftovers: Arc<Mutex<BTreeMap<PathBuf, Leftovers>>>,
    /// In a durable run.
    keeper: Arc<Mutex<Option<Keeper>>>,
}

impl Directory {
    pub(crate) fn new(root: &Path) -> Self {
        Directory { root: root.to_owned(), leftovers: Arc::default(), keeper: Arc::default() }
    }

    /// Removes the temporary files that killed runs have left of one file.
    fn clear_leftovers(&self, directory: &Path, name: &str, keeper: Option<&Keeper>) -> io::Result<()> {
        let mut listed = lock(&self.leftovers);
        if !listed.contains_key(directory) {
            listed.insert(directory.to_owned(), Leftovers::of(directory)?);
        }
        let leftovers = listed.get_mut(directory).expect("just listed");
        leftovers.remove(directory, name, keeper)
    }

    /// Makes the names of files durable.
    fn sync_above(&self, files: &[PathBuf]) -> Result<()> {
        let directories: BTreeSet<_> = files.iter().flat_map(|path| self.above(path)).collect();
        for directory in directories {
            sync_directory(directory).map_err(|cause| unwritable(directory, cause))?;
        }
        Ok(())
    }

    /// The directories in which a name is new.
    fn above<'a>(&self, path: &'a Path) -> impl Iterator<Item = &'a Path> {
        let root = self.root.clone();
        path.ancestors().skip(1).take_while(move |path| path.starts_with(&root))
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

impl Target for Directory {
    fn root(&self) -> String {
        self.root.display().to_string()
    }

    fn begin(&self, cx: &WriterContext) -> Result<()> {
        let mut keeper = lock(&self.keeper);
        *keeper = match &cx.durable {
            Some(state) => Some(Keeper::of(state).map_err(|cause| unwritable(state, cause))?),
            None => None,
        };
        Ok(())
    }

    fn locate(&self, parts: &[String]) -> Result<Result<Spot, String>> {
        let (name, dirs) = parts.split_last().expect("a path ends in a name");
        let directory = match make_dirs(&self.root, dirs) {
            Ok(directory) => directory,
            Err(Blocked::Link(path)) => {
                return Ok(Err(format!("{} is a symbolic link, which is not followed", path.display())));
            }
            Err(Blocked::Failed(path, cause)) => return Err(unwritable(&path, cause)),
        };
        let keeper = lock(&self.keeper).clone();
        let cleared = self.clear_leftovers(&directory, name, keeper.as_ref());
        cleared.map_err(|cause| unwritable(&directory, cause))?;
        let hidden = keeper.map_or_else(|| temporary_name(name), |keeper| keeper.hidden_name(name));
        Ok(Ok(Spot { path: directory.join(name), temporary: directory.join(hidden) }))
    }

    fn create(&self, temporary: &Path) -> io::Result<File> {
        // `create_new` refuses whatever is there, a link to elsewhere too.
        OpenOptions::new().write(true).create_new(true).open(temporary)
    }

    fn publish(&self, file: Arc<TempFile>, path: &Path, replace: bool) -> BoxFuture<'static, Result<Named>> {
        let path = path.to_owned();
        Box::pin(off_thread(move || match file.publish(&path, replace) {
            Ok(()) => Ok(Named::Done),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && !replace => Ok(Named::Taken),
            Err(cause) => Err(unwritable(&path, cause)),
        }))
    }

    fn anchor(&self, temporary: Vec<PathBuf>) -> BoxFuture<'static, Result<()>> {
        let target = self.clone();
        Box::pin(off_thread(move || target.sync_above(&temporary)))
    }

    fn has(&self, path: &Path) -> bool {
        path.symlink_metadata().is_ok()
    }

    fn settle(&self, named: Vec<PathBuf>, last: bool) -> BoxFuture<'static, Result<()>> {
        let target = self.clone();
        Box::pin(off_thread(move || {
            target.sync_above(&named)?;
            if last {
                lock(&target.leftovers).clear();
            }
            Ok(())
        }))
    }
}

/// A root that cannot be written to, and why: told when the run starts.
#[derive(Debug)]
pub(crate) struct Nowhere {
    root: String,
    reason: String,
}

impl Nowhere {
    pub(crate) fn new(root: &str, error: &Error) -> Self {
        Nowhere { root: root.to_owned(), reason: error.to_string() }
    }

    fn error(&self) -> Error {
        Error::config(self.reason.clone())
    }
}

impl Target for Nowhere {
    fn root(&self) -> String {
        self.root.clone()
    }

    fn check(&self) -> BoxFuture<'static, Result<()>> {
        Box::pin(std::future::ready(Err(self.error())))
    }

    fn begin(&self, _: &WriterContext) -> Result<()> {
        Err(self.error())
    }

    fn locate(&self, _: &[String]) -> Result<Result<Spot, String>> {
        Err(self.error())
    }

    fn create(&self, _: &Path) -> io::Result<File> {
        Err(io::Error::other(self.reason.clone()))
    }

    fn anchor(&self, _: Vec<PathBuf>) -> BoxFuture<'static, Result<()>> {
        Box::pin(std::future::ready(Err(self.error())))
    }

    fn publish(&self, _: Arc<TempFile>, _: &Path, _: bool) -> BoxFuture<'static, Result<Named>> {
        Box::pin(std::future::ready(Err(self.error())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_link_in_the_place_of_a_temporary_file_is_not_written_through() {
        let (root, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (temporary, victim) = (root.path().join(".a.tmp-1-0"), elsewhere.path().join("victim"));
        std::os::unix::fs::symlink(&victim, &temporary).unwrap();
        let error = Directory::new(root.path()).create(&temporary).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(!victim.exists());
    }
}
