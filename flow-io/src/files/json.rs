//! JSON, a record a line.

use std::marker::PhantomData;
use std::path::PathBuf;

use flow_core::{BoxError, Element};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::read::{BadRecord, Decode, ReadFiles, Record, Stdin};
use super::write::{Encode, FilePath, Format, Line, LineBody, LineEncoder, TempFile, WriteEach, WriteFiles};

/// JSON, a record a line: `.jsonl`, `.ndjson`.
///
/// ```
/// use flow_io::files::JsonFiles;
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// struct Order { id: u64, total: f64 }
///
/// let read = JsonFiles::<Order>::matching("in/*.jsonl");
/// let written = JsonFiles::under("out");
/// ```
#[derive(Debug)]
pub struct JsonFiles<T = ()>(PhantomData<fn() -> T>);

impl<T: Element + DeserializeOwned> JsonFiles<T> {
    /// Reads the records of the files that a pattern matches: a file, a directory or a glob. See [`ReadFiles`].
    ///
    /// What is not a `T` becomes a [`BadRecord`]; empty lines mean nothing.
    pub fn matching(pattern: impl Into<String>) -> ReadFiles<Json<T>> {
        ReadFiles::new(pattern, Json::default())
    }

    /// Reads the records of standard input.
    pub fn stdin() -> Stdin<Json<T>> {
        Stdin::new(Json::default())
    }
}

impl JsonFiles {
    /// Writes each element as a line of JSON to files beneath a directory. See [`WriteFiles`].
    ///
    /// Elements that JSON cannot hold, as maps whose keys are not text, are refused. As serde_json has it, a float
    /// that is not a number becomes `null`.
    pub fn under(root: impl Into<PathBuf>) -> WriteFiles<JsonLines> {
        WriteFiles::new(root, JsonLines)
    }

    /// Writes each element to a file of its own beneath a directory, named after the element. See [`WriteEach`].
    ///
    /// ```
    /// use flow_io::files::{FilePath, JsonFiles};
    /// let sink = JsonFiles::each_under("out", |order: &u64| FilePath::new().file(format_args!("order-{order}.json")));
    /// ```
    pub fn each_under<T: Element + Serialize>(
        root: impl Into<PathBuf>,
        naming: impl Fn(&T) -> FilePath + Send + Sync + 'static,
    ) -> WriteEach<T, JsonLines> {
        WriteEach::new(root, JsonLines, naming)
    }
}

/// Records of JSON, parsed from the reader's own buffer.
pub struct Json<T>(PhantomData<fn() -> T>);

impl<T> Clone for Json<T> {
    fn clone(&self) -> Self {
        Json::default()
    }
}

impl<T> Default for Json<T> {
    fn default() -> Self {
        Json(PhantomData)
    }
}

impl<T> std::fmt::Debug for Json<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Json")
    }
}

impl<T: Element + DeserializeOwned> Decode for Json<T> {
    type Item = Result<T, BadRecord>;

    #[inline]
    fn decode(&self, record: Record<'_>) -> Option<Self::Item> {
        match parse(record.bytes) {
            Ok(value) => Some(Ok(value)),
            Err(_) if record.bytes.trim_ascii().is_empty() => None,
            Err(error) => Some(Err(record.refuse(reason(&error)))),
        }
    }

    fn bad(&self, bad: BadRecord) -> Result<Self::Item, BadRecord> {
        Ok(Err(bad))
    }
}

/// What is UTF-8 is looked at once for all, and not string by string.
#[inline]
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(bytes), // which says where
    }
}

/// The parser's words without its line, which is always 1.
fn reason(error: &serde_json::Error) -> String {
    error.to_string().replacen(" at line 1 column ", " at column ", 1)
}

/// Elements as JSON, each on a line.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonLines;

impl Format for JsonLines {
    const EXTENSION: &'static str = "jsonl";
    const GOES_ON: bool = true;
    type Body = LineBody;

    fn begin(&self, file: TempFile) -> Result<LineBody, BoxError> {
        Ok(LineBody::new(file))
    }
}

impl<T: Element + Serialize> Encode<T> for JsonLines {
    type Encoder = LineEncoder<JsonLines>;

    fn encoder(&self) -> flow_core::Result<Self::Encoder> {
        Ok(LineEncoder::new(*self))
    }
}

impl<T: Serialize> Line<T> for JsonLines {
    #[inline]
    fn write(&self, value: &T, lines: &mut Vec<u8>) -> Result<(), BoxError> {
        serde_json::to_writer(lines, value)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Option<Result<u32, BadRecord>> {
        Json::<u32>::default().decode(Record { bytes, file: "a.jsonl", line: None, offset: 20 })
    }

    #[test]
    fn a_record_is_a_value_or_says_what_is_wrong() {
        assert_eq!(decode(b" 7 "), Some(Ok(7)));
        let bad = decode(b"-7").unwrap().unwrap_err();
        let wanted = "a.jsonl at byte 20: invalid value: integer `-7`, expected u32 at column 2";
        assert_eq!(bad.to_string(), wanted);
        assert!(decode(b"{\"a\": \xff}").unwrap().is_err());
    }

    #[test]
    fn empty_lines_mean_nothing() {
        assert_eq!(decode(b""), None);
        assert_eq!(decode(b" \t"), None);
    }
}
