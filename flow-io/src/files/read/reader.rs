use std::fmt;
use std::io;
use std::task::{Context, Poll, ready};

use flow_core::metrics::Metrics;
use flow_core::source::{Next, Reader};
use flow_core::{Bundle, Error, Result};

use super::gunzip::Gunzip;
use super::origin::{Input, Origin};
use super::records::{Records, Taken};
use super::scanner::Scanner;
use super::source::Settings;
use super::{Decode, FileSplit, LinePosition};

/// Reads one split of [`ReadFiles`](super::ReadFiles).
pub struct LineReader<D> {
    input: Box<dyn Input>,
    records: Records<D>,
    split: FileSplit,
    start: LinePosition,
    ahead: Ahead,
    /// Where it ends, if the rest was given away.
    end: Option<u64>,
}

/// What comes before the first record and is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ahead {
    Nothing,
    /// Bytes of compressed input, which were read before.
    Bytes(u64),
    /// The rest of a line that the split before reads.
    Line,
}

/// The least that an object's reader keeps when it gives a part away.
const LEAST_REMOTE: u64 = 4 << 20;

impl<D> fmt::Debug for LineReader<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineReader").finish_non_exhaustive()
    }
}

impl<D: Decode> LineReader<D> {
    /// Opens a split at its first record, or where it was left.
    pub(super) fn open(
        origin: &dyn Origin,
        decode: D,
        split: &FileSplit,
        from: Option<LinePosition>,
        settings: Settings,
        metrics: &Metrics,
    ) -> Result<Self> {
        let first = LinePosition { offset: split.start, line: (split.start == 0).then_some(1), end: None };
        let start = from.unwrap_or(first);
        let (offset, ahead) = if split.gzip {
            (0, Ahead::Bytes(start.offset))
        } else if split.start > 0 && start.offset == split.start {
            (start.offset, Ahead::Line) // what is left behind the line before has a greater offset
        } else {
            (start.offset, Ahead::Nothing)
        };
        let input = origin.open(split, offset, from.is_some(), metrics)?;
        let input: Box<dyn Input> = if split.gzip { Box::new(Gunzip::new(input)) } else { input };
        let scanner = Scanner::new(start.offset, start.line, settings.chunk, settings.max_record);
        let stop = start.end.unwrap_or(split.end);
        let records = Records::new(decode, split.path.clone(), scanner, stop, settings.max_record);
        Ok(LineReader { input, records, split: split.clone(), end: start.end, start, ahead })
    }

    /// Gives away the second half of the bytes that are still to be read, if each half has so many.
    pub(super) fn give_away(&mut self, least: u64) -> Option<FileSplit> {
        // A download is under way to the old end, and some of what it brings will be for nothing.
        let least = if self.split.object.is_some() { least.max(LEAST_REMOTE) } else { least };
        let (next, end) = (self.position().offset, self.records.stop);
        let half = end.saturating_sub(next) / 2;
        if self.split.end == u64::MAX || half < least.max(1) {
            return None;
        }
        self.records.stop = next + half;
        self.end = Some(next + half);
        Some(FileSplit { start: next + half, end, ..self.split.clone() })
    }

    /// Gives back the file and the buffer: the reader of a split that has ended stays until it is committed.
    fn close(&mut self) {
        self.input = Box::new(io::empty());
        self.records.scanner.release();
    }

    /// Passes over what comes before the first record.
    fn poll_begin(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            match &mut self.ahead {
                Ahead::Line if !self.records.scanner.skip_line() && !self.records.ended => {}
                Ahead::Bytes(left) if *left > 0 && !self.records.ended => {}
                _ => {
                    self.ahead = Ahead::Nothing;
                    return Poll::Ready(Ok(()));
                }
            }
            ready!(self.poll_read(cx))?;
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.input.wake(cx.waker());
        let room = self.records.scanner.room();
        let read = loop {
            match self.input.read(room) {
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(cause) => {
                    let context = format!("cannot read {}", self.records.file());
                    return Poll::Ready(Err(Error::source_failed(context, cause)));
                }
                Ok(read) => break read,
            }
        };
        self.records.ended = read == 0;
        let mut known = 0;
        if let Ahead::Bytes(left) = &mut self.ahead {
            known = read.min(usize::try_from(*left).unwrap_or(usize::MAX));
            room.copy_within(known..read, 0);
            *left -= known as u64;
        }
        self.records.scanner.filled(read - known);
        Poll::Ready(Ok(()))
    }
}

impl<D: Decode> Reader for LineReader<D> {
    type Item = D::Item;
    type Position = LinePosition;

    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Bundle<D::Item>) -> Poll<Result<Next>> {
        let before = out.len();
        ready!(self.poll_begin(cx))?;
        loop {
            match self.records.take(out)? {
                Taken::Full => return Poll::Ready(Ok(Next::More)),
                Taken::All => {
                    self.close();
                    return Poll::Ready(Ok(Next::End));
                }
                Taken::Hungry => match self.poll_read(cx)? {
                    Poll::Ready(()) => {}
                    Poll::Pending if out.len() == before => return Poll::Pending,
                    Poll::Pending => return Poll::Ready(Ok(Next::More)), // what is there goes on at once
                },
            }
        }
    }

    fn position(&self) -> LinePosition {
        let position = if self.ahead == Ahead::Nothing { self.records.position() } else { self.start };
        LinePosition { end: self.end, ..position }
    }
}
