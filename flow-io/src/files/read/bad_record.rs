use std::fmt;

use serde::{Deserialize, Serialize};

/// A record that could not be read, with all that is needed to find it and to set it aside.
///
/// It is a value, so that a pipeline can write it to a dead-letter file; and an error, so that a function can
/// return it.
///
/// ```
/// use flow_io::files::BadRecord;
/// let bad = BadRecord {
///     file: "in/orders.jsonl".into(),
///     line: Some(17),
///     offset: 2_048,
///     bytes: 9,
///     reason: "expected value at column 1".into(),
///     text: "not json!".into(),
/// };
/// assert_eq!(bad.to_string(), "in/orders.jsonl:17: expected value at column 1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BadRecord {
    /// The file, as it was found.
    pub file: String,
    /// The line's number from 1; unknown when reading began in the middle of a big file.
    pub line: Option<u64>,
    /// Where the record begins, in bytes from the start of the file (after decompression).
    pub offset: u64,
    /// How long the record is, in bytes.
    pub bytes: u64,
    /// What is wrong with it, in one line.
    pub reason: String,
    /// The record, at most [`TEXT_LIMIT`](BadRecord::TEXT_LIMIT) bytes of it; bytes that are not UTF-8 are
    /// replaced.
    pub text: String,
}

impl BadRecord {
    /// How many bytes of a record are kept in [`text`](BadRecord::text).
    pub const TEXT_LIMIT: usize = 64 * 1024;
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.reason),
            None => write!(f, "{} at byte {}: {}", self.file, self.offset, self.reason),
        }
    }
}

impl std::error::Error for BadRecord {}
