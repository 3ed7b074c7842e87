//! Messages as they come, out of a topic or out of files.

use bytes::Bytes;
use flow_core::Timestamp;
use flow_io::files::{BadRecord, Decode, Record};
use flow_io::pubsub::Message;

use super::letter::{DeadLetter, Kind};

/// A message on its way to the decoder: one answer of the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Its bytes.
    pub data: Bytes,
    /// What it is called: the id of a message, or the file and line of one that was kept.
    pub id: String,
    /// When it was published; lines of files do not say.
    pub published: Option<Timestamp>,
}

impl Received {
    /// A message without anything but its bytes.
    pub fn data(data: impl Into<Bytes>) -> Self {
        Received { data: data.into(), ..Received::default() }
    }
}

impl From<Message> for Received {
    fn from(message: Message) -> Self {
        let Message { data, id, publish_time, .. } = message;
        Received { data, id, published: Some(publish_time) }
    }
}

/// Lines of files as messages. One that is too long to be read is a dead letter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lines;

impl Decode for Lines {
    type Item = Result<Received, DeadLetter>;

    fn decode(&self, record: Record<'_>) -> Option<Self::Item> {
        let is_blank = record.bytes.trim_ascii().is_empty();
        let id = match record.line {
            Some(line) => format!("{}:{line}", record.file),
            None => format!("{} at byte {}", record.file, record.offset),
        };
        (!is_blank).then(|| Ok(Received { data: Bytes::copy_from_slice(record.bytes), id, published: None }))
    }

    fn bad(&self, bad: BadRecord) -> Result<Self::Item, BadRecord> {
        Ok(Err(DeadLetter {
            kind: Kind::TooLong,
            reason: bad.reason,
            data: bad.text.into_bytes(),
            message: format!("{} at byte {}", bad.file, bad.offset),
            result: None,
            published: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_message_that_knows_where_it_stood_and_a_blank_one_is_none() {
        let line = |bytes| Lines.decode(Record { bytes, file: "in.jsonl", line: Some(7), offset: 90 });
        let wanted = Received { data: "{}".into(), id: "in.jsonl:7".into(), published: None };
        assert_eq!(line(b"{}"), Some(Ok(wanted)));
        assert_eq!(line(b" \t"), None);
    }

    #[test]
    fn a_line_that_is_too_long_is_a_dead_letter_that_says_where() {
        let bad = BadRecord {
            file: "in.jsonl".into(),
            line: Some(7),
            offset: 100,
            bytes: 1 << 30,
            reason: "the record is too long".into(),
            text: "{\"results".into(),
        };
        let letter = Lines.bad(bad).unwrap().unwrap_err();
        assert_eq!(
            (letter.reason.as_str(), letter.message.as_str(), letter.data.as_slice()),
            ("the record is too long", "in.jsonl at byte 100", b"{\"results".as_slice())
        );
    }
}
