//! Which files have been read.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::origin::Listed;

/// The files that have been read and might be found again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    files: Arc<BTreeMap<String, Version>>,
    /// All objects that were made until then have been read: microseconds since the epoch.
    objects_until: Option<i64>,
}

/// What tells a file from another of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version {
    len: u64,
    modified: Option<i64>,
    generation: Option<i64>,
}

/// Objects are listed as soon as they are there, and made no earlier than that; servers' clocks differ by less.
const CLOCKS_DIFFER: i64 = 3_600_000_000;

impl Version {
    pub(super) fn of(file: &Listed) -> Self {
        let generation = file.object.map(|object| object.generation);
        Version { len: file.len, modified: file.modified, generation }
    }
}

impl Seen {
    pub(super) fn has(&self, file: &Listed) -> bool {
        let version = Version::of(file);
        let is_old = version.generation.is_some() && version.modified.is_some_and(|at| self.is_old(at));
        is_old || self.files.get(&file.path) == Some(&version)
    }

    fn is_old(&self, at: i64) -> bool {
        self.objects_until.is_some_and(|until| at <= until)
    }

    pub(super) fn add(&mut self, path: String, version: Version) {
        Arc::make_mut(&mut self.files).insert(path, version);
    }

    /// Forgets the files that will not be found again, once all that were found have been read.
    pub(super) fn forget(&mut self, found: &[Listed]) {
        let newest = found.iter().filter(|file| file.object.is_some()).filter_map(|file| file.modified).max();
        self.objects_until = self.objects_until.max(newest.map(|at| at - CLOCKS_DIFFER));
        let until = self.objects_until;
        let is_kept = |path: &String, version: &Version| {
            let is_old = version.generation.is_some() && version.modified <= until;
            !is_old && found.binary_search_by(|file| file.path.cmp(path)).is_ok()
        };
        if self.files.iter().any(|(path, version)| !is_kept(path, version)) {
            Arc::make_mut(&mut self.files).retain(|path, version| is_kept(path, version));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::ObjectVersion;

    fn object(name: &str, made: i64) -> Listed {
        let object = Some(ObjectVersion { generation: made, bytes: 1 });
        Listed { path: name.into(), len: 1, modified: Some(made), gzip: false, object }
    }

    fn local(name: &str, modified: i64) -> Listed {
        Listed { path: name.into(), len: 1, modified: Some(modified), gzip: false, object: None }
    }

    fn seen(files: &[Listed]) -> Seen {
        let mut seen = Seen::default();
        for file in files {
            seen.add(file.path.clone(), Version::of(file));
        }
        seen
    }

    #[test]
    fn a_file_is_another_if_it_was_written_anew() {
        let seen = seen(&[object("gs://b/a", 1), local("b", 1)]);
        assert!(seen.has(&object("gs://b/a", 1)) && seen.has(&local("b", 1)));
        assert!(!seen.has(&object("gs://b/a", 2)) && !seen.has(&local("b", 2)) && !seen.has(&local("c", 1)));
    }

    #[test]
    fn old_objects_are_remembered_by_their_time_alone() {
        let hour = CLOCKS_DIFFER;
        let found = [object("gs://b/a", 1), object("gs://b/b", hour), object("gs://b/c", 2 * hour)];
        let mut seen = seen(&found);
        seen.forget(&found);
        assert_eq!(seen.files.keys().collect::<Vec<_>>(), ["gs://b/c"]);
        assert!(found.iter().all(|file| seen.has(file)));
        assert!(!seen.has(&object("gs://b/0", hour + 1)), "made since then, whatever its name");
    }

    #[test]
    fn local_files_that_are_gone_are_forgotten_and_others_never() {
        let mut seen = seen(&[local("a", 1), local("b", 9 * CLOCKS_DIFFER)]);
        seen.forget(&[local("a", 1), local("c", 1)]);
        assert_eq!(seen.files.keys().collect::<Vec<_>>(), ["a"]);
        assert!(!seen.has(&local("c", 1)), "an old file that was moved here is new");
    }
}
