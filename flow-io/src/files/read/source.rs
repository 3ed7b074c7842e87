use flow_core::source::{ReaderContext, Source};
use flow_core::{Error, Result};

use super::pattern;
use super::{Decode, FileSplit, LinePosition, LineReader};

/// Reads the lines of files: made by [`TextFiles::matching`](crate::files::TextFiles::matching),
/// [`JsonFiles::matching`](crate::files::JsonFiles::matching), or [`new`](ReadFiles::new) for a format of your own.
///
/// Big files are read by several workers at once. Files that end in `.gz` are decompressed, each by one worker.
#[derive(Clone, Debug)]
pub struct ReadFiles<D> {
    patterns: Vec<String>,
    decode: D,
    pub(super) settings: Settings,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// The largest split, in bytes.
    pub(super) split: u64,
    /// The longest record, in bytes.
    pub(super) max_record: usize,
    /// How much is read at once, in bytes.
    pub(super) chunk: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { split: 32 << 20, max_record: 16 << 20, chunk: 256 << 10 }
    }
}

/// Splits are not made smaller than this to occupy more workers.
const SMALLEST_SPLIT: u64 = 1 << 20;

impl<D: Decode> ReadFiles<D> {
    /// Reads the files that a pattern matches, with a decoder. The pattern is a file, a directory (all files
    /// beneath it but hidden and temporary ones) or a glob as in a shell (`in/*.txt`, `in/**/*.json`).
    ///
    /// # Errors
    /// The run fails if a pattern matches nothing.
    pub fn new(pattern: impl Into<String>, decode: D) -> Self {
        ReadFiles { patterns: vec![pattern.into()], decode, settings: Settings::default() }
    }

    /// Also reads the files that another pattern matches; a file that both match is read once.
    ///
    /// ```
    /// use flow_io::files::TextFiles;
    /// let lines = TextFiles::matching("2024/*.log").and("2025/*.log.gz");
    /// ```
    pub fn and(mut self, pattern: impl Into<String>) -> Self {
        self.patterns.push(pattern.into());
        self
    }

    /// The longest record that is read, in bytes; 16 MiB unless set. Longer ones are passed over in bounded memory
    /// and become bad records.
    pub fn max_record_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_record = bytes;
        self
    }

    /// The largest piece of a file that one worker takes at a time, in bytes; 32 MiB unless set.
    pub fn split_bytes(mut self, bytes: u64) -> Self {
        self.settings.split = bytes.max(1);
        self
    }

    /// The same files and settings with another decoder.
    pub(crate) fn decoded_by<E: Decode>(self, decode: E) -> ReadFiles<E> {
        ReadFiles { patterns: self.patterns, decode, settings: self.settings }
    }
}

impl<D: Decode> Source for ReadFiles<D> {
    type Item = D::Item;
    type Split = FileSplit;
    type Position = LinePosition;
    type Reader = LineReader<D>;

    fn is_bounded(&self) -> bool {
        true
    }

    fn splits(&self, desired: usize) -> Result<Vec<FileSplit>> {
        let files = pattern::list(&self.patterns)?;
        let total: u64 = files.iter().map(|file| file.len).sum();
        let share = (total / desired.max(1) as u64).max(SMALLEST_SPLIT);
        let size = self.settings.split.min(share);
        Ok(files.into_iter().flat_map(|file| FileSplit::cut(file, size)).collect())
    }

    fn reader(
        &self,
        split: &FileSplit,
        from: Option<LinePosition>,
        _: &ReaderContext,
    ) -> Result<LineReader<D>, Error> {
        LineReader::open(self.decode.clone(), split, from, self.settings)
    }

    fn describe(&self) -> String {
        format!("files {}", self.patterns.join(", "))
    }
}
