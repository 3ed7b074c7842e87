use flow_core::{Bundle, Column, Error, ErrorKind, Meta, Result};
use serde::{Deserialize, Serialize};

use super::scanner::{Found, Scanner};
use super::{BadRecord, Decode, Record};

/// How far a file has been read: always between two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinePosition {
    /// Where the next record begins, in bytes from the start of the file (after decompression).
    pub offset: u64,
    /// Its line number from 1, where known.
    pub line: Option<u64>,
    /// At which byte the last line begins at the latest, where the rest of the split was given to another reader.
    pub end: Option<u64>,
}

impl LinePosition {
    /// The first byte of a file.
    pub const START: LinePosition = LinePosition { offset: 0, line: Some(1), end: None };
}

/// Elements out of a stream of bytes: what reading a file and reading standard input have in common.
#[derive(Debug)]
pub(super) struct Records<D> {
    pub(super) scanner: Scanner,
    decode: D,
    file: String,
    /// Records that begin behind this are another split's.
    pub(super) stop: u64,
    max_record: usize,
    /// There is nothing more to read.
    pub(super) ended: bool,
}

/// What came of taking records out of what has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The bundle is full.
    Full,
    /// More has to be read first.
    Hungry,
    /// That was all.
    All,
}

impl<D: Decode> Records<D> {
    pub(super) fn new(decode: D, file: String, scanner: Scanner, stop: u64, max_record: usize) -> Self {
        Records { scanner, decode, file, stop, max_record, ended: false }
    }

    pub(super) fn position(&self) -> LinePosition {
        LinePosition { offset: self.scanner.offset(), line: self.scanner.line(), end: None }
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Appends the records that have been read.
    pub(super) fn take(&mut self, out: &mut Bundle<D::Item>) -> Result<Taken> {
        let plain = begin(out);
        while self.scanner.offset() <= self.stop {
            let Some(found) = self.next() else {
                return Ok(if self.ended { Taken::All } else { Taken::Hungry });
            };
            let Some(item) = self.decode(found)? else { continue };
            if plain {
                out.values.push(item);
            } else {
                out.push(item, Meta::default());
            }
            if out.is_full() {
                return Ok(Taken::Full);
            }
        }
        Ok(Taken::All)
    }

    #[inline]
    fn next(&mut self) -> Option<Found> {
        let found = self.scanner.next();
        if found.is_none() && self.ended { self.scanner.finish() } else { found }
    }

    #[inline]
    fn decode(&self, found: Found) -> Result<Option<D::Item>> {
        let Found { offset, line, .. } = found;
        if found.too_long.is_some() {
            return self.too_long(found);
        }
        Ok(self.decode.decode(Record { bytes: self.scanner.bytes(&found), file: &self.file, line, offset }))
    }

    #[cold]
    fn too_long(&self, found: Found) -> Result<Option<D::Item>> {
        let (length, head) = found.too_long.unwrap_or_default();
        let record = Record { bytes: &head, file: &self.file, line: found.line, offset: found.offset };
        let reason = format!("the record is {length} bytes long, more than the allowed {}", self.max_record);
        let bad = BadRecord { bytes: length, ..record.refuse(reason) };
        self.decode.bad(bad).map(Some).map_err(|bad| Error::new(ErrorKind::Source, bad.to_string()))
    }
}

/// Readies a bundle for elements without time; whether its columns then need no care.
fn begin<T>(out: &mut Bundle<T>) -> bool {
    let meta = Meta::default();
    if out.is_empty() {
        out.times = Column::Uniform(meta.time);
        out.windows = Column::Uniform(meta.window);
        out.panes = Column::Uniform(meta.pane);
    }
    out.uniform_meta() == Some(meta)
}
