use std::io::Write;

use flow_core::{BoxError, Element, Meta};

use super::{Body, Encoder, Refused, TempFile};

/// How an element becomes a line: all that a format of lines has to say.
pub trait Line<T>: Send + 'static {
    /// Appends the line without its end. On an error whatever was appended is taken back, and the element refused.
    fn write(&self, value: &T, lines: &mut Vec<u8>) -> Result<(), BoxError>;
}

/// A file of lines.
#[derive(Debug)]
pub struct LineBody(TempFile);

impl LineBody {
    /// An empty one.
    pub fn new(file: TempFile) -> Self {
        LineBody(file)
    }
}

impl Body for LineBody {
    type Chunk = Vec<u8>;

    fn append(&mut self, chunk: &mut Vec<u8>) -> Result<(), BoxError> {
        self.0.write_all(chunk)?;
        chunk.clear();
        Ok(())
    }

    fn written(&self) -> u64 {
        self.0.written()
    }

    fn finish(self) -> Result<TempFile, BoxError> {
        Ok(self.0)
    }
}

/// Collects lines.
#[derive(Debug)]
pub struct LineEncoder<L> {
    line: L,
    lines: Vec<u8>,
}

impl<L> LineEncoder<L> {
    /// How much is written at once. Each file under way holds so much on each worker.
    const CHUNK: usize = 32 * 1024;

    /// An empty one.
    pub fn new(line: L) -> Self {
        LineEncoder { line, lines: Vec::new() }
    }
}

impl<T: Element, L: Line<T>> Encoder<T> for LineEncoder<L> {
    type Chunk = Vec<u8>;

    #[inline]
    fn encode(&mut self, value: T, meta: Meta, refused: &mut Refused<'_, T>) -> Result<(), BoxError> {
        let before = self.lines.len();
        match self.line.write(&value, &mut self.lines) {
            Ok(()) => self.lines.push(b'\n'),
            Err(reason) => {
                self.lines.truncate(before);
                refused.reject(value, meta, reason.to_string());
            }
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.lines.capacity()
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.lines.len() >= Self::CHUNK
    }

    fn chunk(&mut self, _: &mut Refused<'_, T>) -> Result<Option<&mut Vec<u8>>, BoxError> {
        Ok((!self.lines.is_empty()).then_some(&mut self.lines))
    }
}
