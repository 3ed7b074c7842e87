//! Lines of text.

use std::fmt::Display;
use std::io::Write as _;
use std::path::PathBuf;

use flow_core::{BoxError, Element};

use super::read::{BadRecord, Decode, ReadFiles, Record, Stdin};
use super::write::{Encode, Format, Line, LineBody, LineEncoder, TempFile, WriteFiles};

/// Text, a line an element.
///
/// ```
/// use flow_io::files::TextFiles;
/// let read = TextFiles::matching("in/*.txt");
/// let checked = TextFiles::matching("in/*.txt").checked();
/// let written = TextFiles::under("out").shards(4);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TextFiles;

impl TextFiles {
    /// Reads the lines of the files that a pattern matches: a file, a directory or a glob. See [`ReadFiles`].
    ///
    /// Bytes that are not UTF-8 are replaced by U+FFFD, and a line longer than the limit fails the run; with
    /// [`checked`](ReadFiles::checked) such lines become values.
    pub fn matching(pattern: impl Into<String>) -> ReadFiles<Text> {
        ReadFiles::new(pattern, Text)
    }

    /// Reads the lines of standard input.
    pub fn stdin() -> Stdin<Text> {
        Stdin::new(Text)
    }

    /// Writes each element's `Display` and a newline to files beneath a directory. See [`WriteFiles`].
    ///
    /// An element that holds line breaks becomes several lines.
    pub fn under(root: impl Into<PathBuf>) -> WriteFiles<TextLines> {
        WriteFiles::new(root, TextLines)
    }
}

/// Lines as they are, with bytes that are not UTF-8 replaced.
#[derive(Clone, Copy, Debug, Default)]
pub struct Text;

impl Decode for Text {
    type Item = String;

    #[inline]
    fn decode(&self, record: Record<'_>) -> Option<String> {
        Some(match std::str::from_utf8(record.bytes) {
            Ok(text) => text.to_owned(), // faster than asking `from_utf8_lossy` first
            Err(_) => String::from_utf8_lossy(record.bytes).into_owned(),
        })
    }

    fn bad(&self, bad: BadRecord) -> Result<String, BadRecord> {
        Err(bad)
    }
}

/// Lines that are UTF-8 and not too long, or what is wrong with them.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckedText;

impl Decode for CheckedText {
    type Item = Result<String, BadRecord>;

    #[inline]
    fn decode(&self, record: Record<'_>) -> Option<Self::Item> {
        let text = std::str::from_utf8(record.bytes);
        Some(text.map(str::to_owned).map_err(|error| record.refuse(error.to_string())))
    }

    fn bad(&self, bad: BadRecord) -> Result<Self::Item, BadRecord> {
        Ok(Err(bad))
    }
}

impl ReadFiles<Text> {
    /// Gives lines that are not UTF-8, or too long, as [`BadRecord`]s.
    pub fn checked(self) -> ReadFiles<CheckedText> {
        self.decoded_by(CheckedText)
    }
}

impl Stdin<Text> {
    /// Gives lines that are not UTF-8, or too long, as [`BadRecord`]s.
    pub fn checked(self) -> Stdin<CheckedText> {
        self.decoded_by(CheckedText)
    }
}

/// Elements by their `Display`, each on a line.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextLines;

impl Format for TextLines {
    const EXTENSION: &'static str = "txt";
    const GOES_ON: bool = true;
    type Body = LineBody;

    fn begin(&self, file: TempFile) -> Result<LineBody, BoxError> {
        Ok(LineBody::new(file))
    }
}

impl<T: Element + Display> Encode<T> for TextLines {
    type Encoder = LineEncoder<TextLines>;

    fn encoder(&self) -> flow_core::Result<Self::Encoder> {
        Ok(LineEncoder::new(*self))
    }
}

impl<T: Display> Line<T> for TextLines {
    #[inline]
    fn write(&self, value: &T, lines: &mut Vec<u8>) -> Result<(), BoxError> {
        write!(lines, "{value}")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(bytes: &[u8]) -> Record<'_> {
        Record { bytes, file: "a.txt", line: Some(3), offset: 20 }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced_or_told() {
        assert_eq!(Text.decode(record(b"caf\xe9")).unwrap(), "caf\u{fffd}");
        let bad = CheckedText.decode(record(b"caf\xe9")).unwrap().unwrap_err();
        assert_eq!(bad.to_string(), "a.txt:3: incomplete utf-8 byte sequence from index 3");
        assert_eq!((bad.offset, bad.bytes, bad.text.as_str()), (20, 4, "caf\u{fffd}"));
    }

    #[test]
    fn an_empty_line_is_an_element() {
        assert_eq!(Text.decode(record(b"")).unwrap(), "");
    }
}
