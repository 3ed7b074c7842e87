use std::collections::BTreeMap;
#[cfg(feature = "gcs")]
use std::future::poll_fn;
use std::time::Duration;

#[cfg(feature = "gcs")]
use flow_core::Bundle;
#[cfg(feature = "gcs")]
use flow_core::source::{Next, Reader};
use flow_core::source::{ReaderContext, Source};
use flow_core::{Error, ErrorKind, Result};
use futures::future::BoxFuture;

use super::origin::Listed;
use super::{Decode, FileSplit, LinePosition, LineReader, WatchFiles};
use crate::files::blocking::wait_for;
use crate::files::remote::Remote;

/// Reads the lines of files: made by [`TextFiles::matching`](crate::files::TextFiles::matching),
/// [`JsonFiles::matching`](crate::files::JsonFiles::matching), or [`new`](ReadFiles::new) for a format of your own.
///
/// Big files are read by several workers at once, and a worker that has nothing left takes half of what another has still to
/// read of one. Files that end in `.gz` are decompressed, each by one worker.
///
/// A pattern that begins with `gs://bucket/` stands for objects of Cloud Storage (feature `gcs`): a name, the part of
/// names before a slash as a directory, or a glob. Each object is read in the version that was found when the run
/// started; one that is deleted or replaced before it is read ends the run.
#[derive(Clone, Debug)]
pub struct ReadFiles<D> {
    pub(super) patterns: Vec<String>,
    pub(super) decode: D,
    pub(super) settings: Settings,
    pub(super) remote: Remote,
}

/// Patterns with the files that they match.
pub(super) type Found = Vec<(String, Vec<Listed>)>;

/// Each file once, by name.
pub(super) fn by_name(files: Vec<Listed>) -> Vec<Listed> {
    let once: BTreeMap<_, _> = files.into_iter().map(|file| (file.path.clone(), file)).collect();
    once.into_values().collect()
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

/// Splits are not made smaller than this to occupy more workers, at the start or later.
const SMALLEST_SPLIT: u64 = 1 << 20;

impl<D: Decode> ReadFiles<D> {
    /// Reads the files that a pattern matches, with a decoder. The pattern is a file, a directory (all files
    /// beneath it but hidden and temporary ones) or a glob as in a shell (`in/*.txt`, `in/**/*.json`).
    ///
    /// # Errors
    /// The run fails if a pattern matches nothing.
    pub fn new(pattern: impl Into<String>, decode: D) -> Self {
        ReadFiles {
            patterns: vec![pattern.into()],
            decode,
            settings: Settings::default(),
            remote: Remote::default(),
        }
    }

    /// Reaches `gs://` by these endpoints and credentials; [`GoogleCloud::from_env`](crate::gcp::GoogleCloud::from_env)
    /// unless set.
    #[cfg(feature = "gcs")]
    pub fn on(mut self, cloud: &crate::gcp::GoogleCloud) -> Self {
        self.remote.storage = self.remote.storage.on(cloud);
        self
    }

    /// Goes on looking for new files, every so often, until the run is stopped: a source without end. See
    /// [`WatchFiles`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use flow_io::files::TextFiles;
    /// let arriving = TextFiles::matching("in/*.log").watch(Duration::from_secs(10));
    /// ```
    pub fn watch(self, every: Duration) -> WatchFiles<D> {
        WatchFiles::new(self, every)
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
        ReadFiles { patterns: self.patterns, decode, settings: self.settings, remote: self.remote }
    }

    /// The files that are there now, each once, by name.
    pub(super) fn list(&self) -> Result<Vec<Listed>> {
        let mut files = Vec::new();
        for (pattern, found) in wait_for(self.find()?)? {
            if found.is_empty() {
                return Err(Error::new(ErrorKind::Source, format!("no file matches `{pattern}`")));
            }
            files.extend(found);
        }
        Ok(by_name(files))
    }

    /// The files that each pattern matches.
    pub(super) fn find(&self) -> Result<BoxFuture<'static, Result<Found>>> {
        let origin = |pattern: &String| Ok((pattern.clone(), self.remote.origin(pattern)?));
        let origins: Vec<_> = self.patterns.iter().map(origin).collect::<Result<_>>()?;
        Ok(Box::pin(async move {
            let mut found = Found::new();
            for (pattern, origin) in origins {
                let files = origin.list(&pattern).await?;
                found.push((pattern, files));
            }
            Ok(found)
        }))
    }

    /// Reads a split, or the rest of it.
    pub(super) fn open(
        &self,
        split: &FileSplit,
        from: Option<LinePosition>,
        cx: &ReaderContext,
    ) -> Result<LineReader<D>> {
        let origin = self.remote.origin(&split.path)?;
        LineReader::open(&*origin, self.decode.clone(), split, from, self.settings, &cx.metrics)
    }
}

#[cfg(feature = "gcs")]
impl<D: Decode> ReadFiles<D> {
    /// All records of a file.
    pub(crate) async fn read_whole(&self, file: Listed) -> Result<Vec<D::Item>> {
        let mut reader = self.open(&FileSplit::whole(file), None, &ReaderContext::default())?;
        let (mut records, mut bundle) = (Vec::new(), Bundle::default());
        while poll_fn(|cx| reader.poll_next(cx, &mut bundle)).await? == Next::More {
            records.append(&mut bundle.values);
            bundle.clear();
        }
        records.append(&mut bundle.values);
        Ok(records)
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
        let files = self.list()?;
        let total: u64 = files.iter().map(|file| file.len).sum();
        let share = (total / desired.max(1) as u64).max(SMALLEST_SPLIT);
        let size = self.settings.split.min(share);
        Ok(files.into_iter().flat_map(|file| FileSplit::cut(file, size)).collect())
    }

    fn reader(
        &self,
        split: &FileSplit,
        from: Option<LinePosition>,
        cx: &ReaderContext,
    ) -> Result<LineReader<D>> {
        self.open(split, from, cx)
    }

    fn split_off(&self, reader: &mut LineReader<D>) -> Option<FileSplit> {
        reader.give_away((self.settings.split / 16).min(SMALLEST_SPLIT))
    }

    fn describe(&self) -> String {
        format!("files {}", self.patterns.join(", "))
    }
}
