use std::collections::VecDeque;
use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use flow_core::source::{Next, Reader, ReaderContext, Source};
use flow_core::{Bundle, Column, Error, Meta, Result, Timestamp};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::time::Sleep;

use super::origin::Listed;
use super::seen::{Seen, Version};
use super::source::{Found, by_name};
use super::{Decode, FileSplit, LinePosition, LineReader, ReadFiles};
use crate::files::blocking::wait_for;

/// Reads files as they appear, until the run is stopped: made by [`ReadFiles::watch`].
///
/// Each file is read once, in the order of names among those that are new. A file is another if it was written anew: an
/// object's generation tells, and a local file's length and time of change. So files must appear whole, as by renaming
/// them; one that grows is read again from its start. A file that is removed or replaced before it is read is passed
/// over, with a warning; one of which a part has been read ends the run. Objects that were made more than an hour before
/// the newest of those that were read are not told apart any more: they count as read.
///
/// An element's time is when its file was written, but not before the files read earlier, so that none is late; the
/// watermark follows as files come. For times that the elements themselves hold, use
/// [`with_timestamps_skewed`](flow_core::PCollection::with_timestamps_skewed).
#[derive(Clone, Debug)]
pub struct WatchFiles<D> {
    files: ReadFiles<D>,
    every: Duration,
}

impl<D: Decode> WatchFiles<D> {
    pub(super) fn new(files: ReadFiles<D>, every: Duration) -> Self {
        WatchFiles { files, every }
    }
}

/// All that appears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchSplit;

/// Which files have been read, and how far the one is that is being read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchPosition {
    seen: Seen,
    current: Option<(FileSplit, Version, LinePosition)>,
    watermark: Timestamp,
}

impl<D: Decode> Source for WatchFiles<D> {
    type Item = D::Item;
    type Split = WatchSplit;
    type Position = WatchPosition;
    type Reader = WatchReader<D>;

    fn is_bounded(&self) -> bool {
        false
    }

    fn splits(&self, _: usize) -> Result<Vec<WatchSplit>> {
        wait_for(self.files.find()?)?; // what is wrong with the patterns or the bucket is said at the start
        Ok(vec![WatchSplit])
    }

    fn reader(
        &self,
        _: &WatchSplit,
        from: Option<WatchPosition>,
        cx: &ReaderContext,
    ) -> Result<WatchReader<D>> {
        let mut reader = WatchReader {
            watch: self.clone(),
            cx: cx.clone(),
            seen: Seen::default(),
            current: None,
            found: Vec::new(),
            pending: VecDeque::new(),
            turn: Turn::Looking(self.files.find()?),
            watermark: Timestamp::MIN,
            read: Bundle::default(),
        };
        if let Some(from) = from {
            (reader.seen, reader.watermark) = (from.seen, from.watermark);
            if let Some((split, version, position)) = from.current {
                reader.open(split, version, Some(position))?;
            }
        }
        Ok(reader)
    }

    fn describe(&self) -> String {
        format!("{} as they appear", self.files.describe())
    }
}

/// Whether a file was removed or replaced after it was found.
fn is_gone(error: &Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::NotFound)
}

/// Reads files as they appear.
pub struct WatchReader<D: Decode> {
    watch: WatchFiles<D>,
    cx: ReaderContext,
    seen: Seen,
    current: Option<Current<D>>,
    /// What was found when it was last looked, by name, and which of it is still to be read.
    found: Vec<Listed>,
    pending: VecDeque<Listed>,
    turn: Turn,
    watermark: Timestamp,
    read: Bundle<D::Item>,
}

struct Current<D> {
    split: FileSplit,
    version: Version,
    reader: LineReader<D>,
    time: Timestamp,
}

/// What is done when no file is left to read.
enum Turn {
    Looking(BoxFuture<'static, Result<Found>>),
    Resting(Pin<Box<Sleep>>),
}

impl<D: Decode> fmt::Debug for WatchReader<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchReader").field("pending", &self.pending.len()).finish_non_exhaustive()
    }
}

impl<D: Decode> WatchReader<D> {
    fn open(&mut self, split: FileSplit, version: Version, from: Option<LinePosition>) -> Result<()> {
        let reader = self.watch.files.open(&split, from, &self.cx)?;
        let written = split.modified.map_or(Timestamp::MIN, Timestamp::from_micros);
        let time = written.max(self.watermark);
        self.current = Some(Current { split, version, reader, time });
        Ok(())
    }

    /// Opens a file that was found and may be gone.
    fn open_found(&mut self, file: Listed) -> Result<()> {
        let is_current = self.watch.files.remote.origin(&file.path)?.is_current(&file);
        if !is_current {
            self.rest(); // what is there now is found when it is looked next
            return Ok(());
        }
        let version = Version::of(&file);
        match self.open(FileSplit::whole(file), version, None) {
            Err(error) if is_gone(&error) => self.pass_over(&error),
            opened => opened?,
        }
        Ok(())
    }

    fn pass_over(&mut self, error: &Error) {
        tracing::warn!(%error, "a file was removed or replaced before it was read, and is passed over");
        self.current = None;
        self.rest();
    }

    /// Waits until there is a file to read.
    fn poll_found(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        while self.pending.is_empty() {
            match &mut self.turn {
                Turn::Resting(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    self.turn = Turn::Looking(self.watch.files.find()?);
                }
                Turn::Looking(looking) => {
                    let found = ready!(looking.as_mut().poll(cx))?;
                    self.found = by_name(found.into_iter().flat_map(|(_, files)| files).collect());
                    let new = self.found.iter().filter(|file| !self.seen.has(file));
                    self.pending = new.cloned().collect();
                    self.turn = Turn::Resting(Box::pin(tokio::time::sleep(self.watch.every)));
                    self.rest();
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Moves on if everything that was found has been read.
    fn rest(&mut self) {
        if !self.pending.is_empty() || matches!(self.turn, Turn::Looking(_)) {
            return;
        }
        self.seen.forget(&self.found);
        let newest = self.found.iter().filter_map(|file| file.modified).max();
        self.watermark = self.watermark.max(newest.map_or(Timestamp::MIN, Timestamp::from_micros));
    }

    fn close(&mut self) {
        if let Some(Current { split, version, .. }) = self.current.take() {
            self.seen.add(split.path, version);
            self.rest();
        }
    }

    /// Hands over what was read of a file, with its time.
    fn hand_over(&mut self, out: &mut Bundle<D::Item>, time: Timestamp) {
        if out.is_empty() {
            std::mem::swap(out, &mut self.read);
            out.times = Column::Uniform(time);
            return;
        }
        for (value, meta) in self.read.drain() {
            out.push(value, Meta { time, ..meta });
        }
    }
}

impl<D: Decode> Reader for WatchReader<D> {
    type Item = D::Item;
    type Position = WatchPosition;

    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Bundle<D::Item>) -> Poll<Result<Next>> {
        let Some(current) = &mut self.current else {
            ready!(self.poll_found(cx))?;
            if let Some(file) = self.pending.pop_front() {
                self.open_found(file)?;
            }
            return Poll::Ready(Ok(Next::More));
        };
        let time = current.time;
        let next = match ready!(current.reader.poll_next(cx, &mut self.read)) {
            Err(error) if is_gone(&error) && current.reader.position() == LinePosition::START => {
                self.pass_over(&error);
                Next::More
            }
            next => next?,
        };
        self.hand_over(out, time);
        if next == Next::End {
            self.close();
        }
        Poll::Ready(Ok(Next::More))
    }

    fn watermark(&self) -> Timestamp {
        self.watermark
    }

    fn position(&self) -> WatchPosition {
        let current = self.current.as_ref().map(|at| (at.split.clone(), at.version, at.reader.position()));
        WatchPosition { seen: self.seen.clone(), current, watermark: self.watermark }
    }
}
