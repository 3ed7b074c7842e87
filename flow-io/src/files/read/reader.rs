use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::task::{Context, Poll};
use std::time::UNIX_EPOCH;

use flow_core::source::{Next, Reader};
use flow_core::{Bundle, Error, ErrorKind, Result};

use super::gunzip::{self, Gunzip};
use super::records::{Records, Taken};
use super::scanner::Scanner;
use super::source::Settings;
use super::{Decode, FileSplit, LinePosition};

/// Reads one split of [`ReadFiles`](super::ReadFiles).
pub struct LineReader<D> {
    input: Box<dyn Read + Send>,
    records: Records<D>,
}

impl<D> fmt::Debug for LineReader<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineReader").finish_non_exhaustive()
    }
}

impl<D: Decode> LineReader<D> {
    /// Opens a split at its first record, or where it was left.
    pub(super) fn open(
        decode: D,
        split: &FileSplit,
        from: Option<LinePosition>,
        settings: Settings,
    ) -> Result<Self> {
        let path = &split.path;
        let file = File::open(path).map_err(|cause| unreadable(path, cause))?;
        if from.is_some() {
            check_unchanged(&file, split)?;
        }
        let first = LinePosition { offset: split.start, line: (split.start == 0).then_some(1) };
        let at = from.unwrap_or(first);
        let input = input_at(file, path, at.offset).map_err(|cause| unreadable(path, cause))?;
        let scanner = Scanner::new(at.offset, at.line, settings.chunk, settings.max_record);
        let records = Records::new(decode, path.clone(), scanner, split.end, settings.max_record);
        let mut reader = LineReader { input, records };
        if from.is_none() && split.start > 0 {
            reader.skip_line()?; // the split before reads it
        }
        Ok(reader)
    }

    fn skip_line(&mut self) -> Result<()> {
        while !self.records.scanner.skip_line() && !self.records.ended {
            self.read()?;
        }
        Ok(())
    }

    /// Gives back the file and the buffer: the reader of a split that has ended stays until it is committed.
    fn close(&mut self) {
        self.input = Box::new(io::empty());
        self.records.scanner.release();
    }

    fn read(&mut self) -> Result<()> {
        let read = loop {
            match self.input.read(self.records.scanner.room()) {
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(unreadable(self.records.file(), cause)),
                Ok(read) => break read,
            }
        };
        self.records.scanner.filled(read);
        self.records.ended = read == 0;
        Ok(())
    }
}

/// The bytes of a file from an offset on.
fn input_at(mut file: File, path: &str, offset: u64) -> io::Result<Box<dyn Read + Send>> {
    if gunzip::is_gzip(path) {
        let mut input = Gunzip::new(file);
        io::copy(&mut (&mut input).take(offset), &mut io::sink())?;
        return Ok(Box::new(input));
    }
    if offset > 0 {
        file.seek(SeekFrom::Start(offset))?;
    }
    Ok(Box::new(file))
}

fn check_unchanged(file: &File, split: &FileSplit) -> Result<()> {
    let metadata = file.metadata().map_err(|cause| unreadable(&split.path, cause))?;
    let modified = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let modified = modified.and_then(|since| i64::try_from(since.as_micros()).ok());
    if modified == split.modified {
        return Ok(());
    }
    let reason = format!("{} has changed since it was first read: cannot read on in it", split.path);
    Err(Error::new(ErrorKind::Source, reason))
}

fn unreadable(path: &str, cause: io::Error) -> Error {
    Error::source_failed(format!("cannot read {path}"), cause)
}

impl<D: Decode> Reader for LineReader<D> {
    type Item = D::Item;
    type Position = LinePosition;

    fn poll_next(&mut self, _: &mut Context<'_>, out: &mut Bundle<D::Item>) -> Poll<Result<Next>> {
        loop {
            match self.records.take(out)? {
                Taken::Full => return Poll::Ready(Ok(Next::More)),
                Taken::All => {
                    self.close();
                    return Poll::Ready(Ok(Next::End));
                }
                Taken::Hungry => self.read()?,
            }
        }
    }

    fn position(&self) -> LinePosition {
        self.records.position()
    }
}
