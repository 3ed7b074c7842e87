//! What could not be read, with the reason and the bytes.

use std::fmt;

use flow_core::Timestamp;
use flow_core::sink::Rejected;
use serde::{Deserialize, Serialize};

use super::row::UserRow;

/// What kind of thing a dead letter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A message that is not JSON, or not even text.
    NotJson,
    /// A message of JSON that is no answer of the API.
    NoAnswer,
    /// An answer in which the API says that it has failed.
    ApiError,
    /// A result that is no user: a key is missing, or it has the shape of an older version.
    NoUser,
    /// A line of a file that is too long to be read.
    TooLong,
    /// A user whose row the table does not take.
    Refused,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] =
        [Kind::NotJson, Kind::NoAnswer, Kind::ApiError, Kind::NoUser, Kind::TooLong, Kind::Refused];

    /// As counters and the table call it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::NotJson => "not_json",
            Kind::NoAnswer => "no_answer",
            Kind::ApiError => "api_error",
            Kind::NoUser => "no_user",
            Kind::TooLong => "too_long",
            Kind::Refused => "refused",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is no user: a whole message, or one result of a message whose others were fine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// What kind of thing it is.
    pub kind: Kind,
    /// What is wrong, in one line.
    pub reason: String,
    /// The bytes as they came: of the message, or of the one result.
    pub data: Vec<u8>,
    /// What the message is called.
    pub message: String,
    /// Which result of the message it is, from 0; none for a whole message.
    pub result: Option<u32>,
    /// When the message was published.
    pub published: Option<Timestamp>,
}

impl DeadLetter {
    /// Of a row that the table does not take: instead of the bytes there is the row, as JSON.
    pub fn refused(refused: Rejected<UserRow>) -> Self {
        let Rejected { value, destination, reason } = refused;
        DeadLetter {
            kind: Kind::Refused,
            reason: format!("{destination}: {reason}"),
            data: serde_json::to_vec(&value).unwrap_or_default(),
            message: String::new(),
            result: None,
            published: value.published,
        }
    }
}

/// A row of the table of dead letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LetterRow {
    kind: Kind,
    reason: String,
    message: String,
    result: Option<u32>,
    published: Option<Timestamp>,
    data: Option<Vec<u8>>,
}

impl LetterRow {
    /// The columns.
    pub const SCHEMA: &str =
        "kind:STRING, reason:STRING, message:STRING, result:INTEGER, published:TIMESTAMP, data:BYTES";

    /// How many bytes a row holds: no request of the service is larger than 10 MB, and in some of them they are base64.
    pub const MOST_BYTES: usize = 7_000_000;
}

impl From<DeadLetter> for LetterRow {
    /// What is too large for a row keeps all but its bytes, rather than stop the others for ever.
    fn from(letter: DeadLetter) -> Self {
        let DeadLetter { kind, reason, data, message, result, published } = letter;
        let (reason, data) = match data.len() {
            0..=Self::MOST_BYTES => (reason, Some(data)),
            bytes => (format!("{reason} (its {bytes} bytes are too many for a row)"), None),
        };
        LetterRow { kind, reason, message, result, published, data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> DeadLetter {
        DeadLetter {
            kind: Kind::NoUser,
            reason: "email: is missing".into(),
            data: vec![b'{', 0xff],
            message: "17".into(),
            result: Some(3),
            published: Some(Timestamp::from_secs(0)),
        }
    }

    #[test]
    fn a_letter_survives_the_wire() {
        let bytes = postcard::to_allocvec(&letter()).unwrap();
        assert_eq!(postcard::from_bytes::<DeadLetter>(&bytes).unwrap(), letter());
    }

    #[test]
    fn what_is_too_large_for_a_row_keeps_all_but_its_bytes() {
        let row = LetterRow::from(DeadLetter { data: vec![0; 7_000_001], ..letter() });
        assert_eq!(
            serde_json::to_string(&row).unwrap(),
            r#"{"kind":"no_user","reason":"email: is missing (its 7000001 bytes are too many for a row)","message":"17","result":3,"published":"1970-01-01T00:00:00Z","data":null}"#
        );
        let row = LetterRow::from(DeadLetter { data: vec![0; 7_000_000], ..letter() });
        assert_eq!(
            (row.reason.as_str(), row.data.map(|data| data.len())),
            ("email: is missing", Some(7_000_000))
        );
    }
}
