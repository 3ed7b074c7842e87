use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::target::Target;
use super::temp::{OpenFiles, TempFile, discard};

/// Which bytes of a file count, as ranges in order that do not touch.
///
/// Workers that share a file append to it in turns, and one may be an epoch ahead of another: after a crash what counts
/// need not be the beginning of the file alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// Adds the bytes of a range.
    pub(super) fn add(&mut self, from: u64, to: u64) {
        match self.0.last_mut() {
            _ if from >= to => {}
            Some((_, end)) if *end == from => *end = to,
            Some((_, end)) if *end > from => {
                self.0.push((from, to));
                self.put_in_order();
            }
            _ => self.0.push((from, to)),
        }
    }

    /// Adds all bytes of others.
    pub(super) fn add_all(&mut self, others: &Ranges) {
        self.0.extend(&others.0);
        self.put_in_order();
    }

    fn put_in_order(&mut self) {
        self.0.sort_unstable();
        let mut in_order: Vec<(u64, u64)> = Vec::with_capacity(self.0.len());
        for (from, to) in self.0.drain(..) {
            match in_order.last_mut() {
                Some((_, end)) if from <= *end => *end = to.max(*end),
                _ => in_order.push((from, to)),
            }
        }
        self.0 = in_order;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Behind the last byte.
    pub(super) fn end(&self) -> u64 {
        self.0.last().map_or(0, |(_, end)| *end)
    }

    /// Whether these are the first so many bytes, without a gap.
    pub(super) fn are_first(&self, bytes: u64) -> bool {
        match self.0[..] {
            [] => bytes == 0,
            [range] => range == (0, bytes),
            _ => false,
        }
    }

    /// These bytes of a file as another, which has a name of its own that is always the same.
    pub(super) fn copy_of(
        &self,
        file: &TempFile,
        target: &dyn Target,
        open_files: Arc<OpenFiles>,
    ) -> io::Result<TempFile> {
        let path = copy_of(file.path());
        discard(&path)?;
        let mut copy = TempFile::create(path, target, open_files)?;
        copy.kept().set(true); // it may have its name when this process ends, and the file itself is still there
        let mut whole = File::open(file.path())?;
        for (from, to) in &self.0 {
            whole.seek(SeekFrom::Start(*from))?;
            let copied = io::copy(&mut (&whole).take(to - from), &mut copy)?;
            if copied < to - from {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(copy)
    }
}

/// Where the copy of a temporary file is.
pub(super) fn copy_of(temporary: &Path) -> PathBuf {
    let mut name = temporary.as_os_str().to_owned();
    name.push("w");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ranges: &[(u64, u64)]) -> Ranges {
        let mut all = Ranges::default();
        for (from, to) in ranges {
            all.add(*from, *to);
        }
        all
    }

    #[test]
    fn what_touches_becomes_one() {
        assert_eq!(of(&[(0, 3), (3, 5), (5, 5)]).0, [(0, 5)]);
        assert_eq!(of(&[(7, 9), (0, 3), (3, 7)]).0, [(0, 9)]);
        assert_eq!(of(&[(0, 3), (5, 7), (6, 8)]).0, [(0, 3), (5, 8)]);
    }

    #[test]
    fn adding_again_changes_nothing() {
        let mut ranges = of(&[(0, 3), (5, 7)]);
        ranges.add_all(&of(&[(5, 7)]));
        assert_eq!(ranges.0, [(0, 3), (5, 7)]);
        ranges.add_all(&of(&[(3, 5)]));
        assert_eq!(ranges.0, [(0, 7)]);
    }

    #[test]
    fn a_gap_is_noticed() {
        assert!(of(&[(0, 3)]).are_first(3) && Ranges::default().are_first(0));
        assert!(!of(&[(0, 3)]).are_first(4));
        assert!(!of(&[(1, 3)]).are_first(3));
        assert!(!of(&[(0, 3), (4, 5)]).are_first(5));
        assert_eq!(of(&[(0, 3), (4, 5)]).end(), 5);
    }
}
