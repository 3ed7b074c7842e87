use flow_core::Element;

use super::BadRecord;

/// How the bytes of one record become an element: implement it to read another format of lines.
///
/// ```
/// use flow_io::files::{BadRecord, Decode, ReadFiles, Record};
///
/// #[derive(Clone, Default)]
/// struct Number;
///
/// impl Decode for Number {
///     type Item = Result<i64, BadRecord>;
///     fn decode(&self, record: Record<'_>) -> Option<Self::Item> {
///         let text = std::str::from_utf8(record.bytes).unwrap_or_default();
///         Some(text.trim().parse().map_err(|e| record.refuse(format!("not a number: {e}"))))
///     }
///     fn bad(&self, bad: BadRecord) -> Result<Self::Item, BadRecord> {
///         Ok(Err(bad))
///     }
/// }
///
/// let numbers = ReadFiles::new("in/*.num", Number);
/// ```
pub trait Decode: Clone + Send + Sync + 'static {
    /// What a record becomes.
    type Item: Element;

    /// Reads a record; `None` for one that means nothing, as an empty line between JSON records.
    fn decode(&self, record: Record<'_>) -> Option<Self::Item>;

    /// Makes an element of a record that could not be read at all, being too long; or gives it back, and the run
    /// fails with it.
    fn bad(&self, bad: BadRecord) -> Result<Self::Item, BadRecord>;
}

/// The bytes of one record, and where they come from.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The line, without its end (`\n` or `\r\n`).
    pub bytes: &'a [u8],
    /// The file, as it was found.
    pub file: &'a str,
    /// The line's number from 1, where known.
    pub line: Option<u64>,
    /// Where it begins in the file.
    pub offset: u64,
}

impl Record<'_> {
    /// This record as a [`BadRecord`].
    pub fn refuse(&self, reason: impl Into<String>) -> BadRecord {
        let head = &self.bytes[..self.bytes.len().min(BadRecord::TEXT_LIMIT)];
        BadRecord {
            file: self.file.to_owned(),
            line: self.line,
            offset: self.offset,
            bytes: self.bytes.len() as u64,
            reason: reason.into(),
            text: String::from_utf8_lossy(head).into_owned(),
        }
    }
}
