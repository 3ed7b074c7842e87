use flow_core::sink::Rejects;
use flow_core::{BoxError, Element, Meta, Result};

use super::TempFile;

/// What a file of some format is made of: implement it, and [`Encode`], to write another format.
///
/// Workers encode their share into chunks, each by itself, and append whole chunks to the file that they share.
/// A format of lines needs only a [`Line`](super::Line).
pub trait Format: Clone + Send + Sync + 'static {
    /// The end of the files' names, without a dot.
    const EXTENSION: &'static str;
    /// Whether a file that another process has begun can be gone on with: [`begin`](Format::begin) may be given one that
    /// has content, which is whole chunks. A format whose files have an end of their own cannot, and a durable run
    /// writes a file for each epoch and worker instead.
    const GOES_ON: bool = false;
    /// A file that is being written.
    type Body: Body;

    /// Begins a file.
    fn begin(&self, file: TempFile) -> Result<Self::Body, BoxError>;
}

/// A [`Format`] that can hold elements of a type.
pub trait Encode<T>: Format {
    /// Encodes one worker's share of one file.
    type Encoder: Encoder<T, Chunk = <Self::Body as Body>::Chunk>;

    /// A new one.
    ///
    /// # Errors
    /// If the format was given wrong settings.
    fn encoder(&self) -> Result<Self::Encoder>;
}

/// A file of which some chunks are written.
pub trait Body: Send + 'static {
    /// A piece of a file, encoded.
    type Chunk: Send + 'static;

    /// Appends a chunk, leaving it empty. Other workers wait meanwhile: nothing should be encoded here. Of a format that
    /// [goes on](Format::GOES_ON) it must be in the file when this returns.
    fn append(&mut self, chunk: &mut Self::Chunk) -> Result<(), BoxError>;

    /// How many bytes have been written.
    fn written(&self) -> u64;

    /// Writes what belongs at the end.
    fn finish(self) -> Result<TempFile, BoxError>;
}

/// Turns elements into chunks.
pub trait Encoder<T>: Send + 'static {
    /// A piece of a file, encoded.
    type Chunk;

    /// Takes an element, or refuses it.
    fn encode(&mut self, value: T, meta: Meta, refused: &mut Refused<'_, T>) -> Result<(), BoxError>;

    /// About how many bytes of memory it holds.
    fn bytes(&self) -> usize;

    /// Whether there is enough for a chunk.
    fn is_full(&self) -> bool;

    /// What has been encoded since the last call; `None` if nothing.
    fn chunk(&mut self, refused: &mut Refused<'_, T>) -> Result<Option<&mut Self::Chunk>, BoxError>;
}

/// Where an [`Encoder`] puts the elements that do not fit the format.
#[derive(Debug)]
pub struct Refused<'a, T> {
    pub(super) rejects: &'a mut Rejects<T>,
    pub(super) destination: &'a str,
}

impl<T: Element> Refused<'_, T> {
    /// Refuses an element.
    pub fn reject(&mut self, value: T, meta: Meta, reason: impl Into<String>) {
        self.rejects.reject(value, meta, self.destination, reason);
    }
}
