use serde::{Deserialize, Serialize};

use super::origin::Listed;

/// A range of a file's bytes. It holds the lines that begin in `(start, end]`, and the first line if it starts at 0:
/// so each line of a file is in exactly one of the splits that cover it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSplit {
    /// The file.
    pub path: String,
    /// Behind which byte its first line begins.
    pub start: u64,
    /// At which byte its last line begins at the latest; `u64::MAX` for a file that is read to its end.
    pub end: u64,
    /// When the file was last changed, in microseconds since the epoch: a split is not read on in another file of
    /// the same name.
    pub modified: Option<i64>,
    /// Whether its bytes are compressed; then `start` and `end` are those of the whole.
    pub gzip: bool,
    /// For an object of Cloud Storage, which version of it.
    pub object: Option<ObjectVersion>,
}

/// A version of an object: what is written under its name later is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectVersion {
    /// Its generation, which no other version has.
    pub generation: i64,
    /// How many bytes are stored.
    pub bytes: u64,
}

impl FileSplit {
    /// Cuts a file into splits of about `size` bytes.
    pub(super) fn cut(file: Listed, size: u64) -> impl Iterator<Item = FileSplit> {
        // Devices, pipes and the files of /proc have no length; compressed files can only be read from the start.
        let whole = file.len == 0 || file.gzip;
        let pieces = if whole { 1 } else { file.len.div_ceil(size) };
        (0..pieces).map(move |piece| FileSplit {
            path: file.path.clone(),
            start: piece * size,
            end: if whole { u64::MAX } else { file.len.min((piece + 1) * size) },
            modified: file.modified,
            gzip: file.gzip,
            object: file.object,
        })
    }

    /// The whole of a file.
    pub(super) fn whole(file: Listed) -> Self {
        let Listed { path, modified, gzip, object, .. } = file;
        FileSplit { path, start: 0, end: u64::MAX, modified, gzip, object }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::read::gunzip::is_gzip;

    fn ranges(path: &str, len: u64) -> Vec<(u64, u64)> {
        let file = Listed { path: path.into(), len, modified: None, gzip: is_gzip(path), object: None };
        FileSplit::cut(file, 10).map(|split| (split.start, split.end)).collect()
    }

    #[test]
    fn splits_cover_the_file() {
        assert_eq!(ranges("a.txt", 25), [(0, 10), (10, 20), (20, 25)]);
        assert_eq!(ranges("a.txt", 10), [(0, 10)]);
    }

    #[test]
    fn compressed_files_and_those_without_length_are_one_split() {
        assert_eq!(ranges("a.txt.gz", 25), [(0, u64::MAX)]);
        assert_eq!(ranges("/proc/cpuinfo", 0), [(0, u64::MAX)]);
    }
}
