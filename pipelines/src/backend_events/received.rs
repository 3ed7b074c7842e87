//! Messages as they come out of files, pipes and subscriptions.

use bytes::Bytes;
use flow_core::Timestamp;
use flow_io::files::{BadRecord, Decode, Record};
use serde_json::Value;

use super::catalog::Catalog;
use super::decode::Dialect;
use super::event::{DeadLetter, UNKNOWN};
use super::message::{Checked, Message};

/// A message on its way to the check: its owner is the pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its bytes.
    pub data: Bytes,
    /// Its attribute `type`, which lines of files do not have.
    pub attribute: Option<String>,
    /// When it was published; lines of files do not say, and have the least of all times.
    pub published: Timestamp,
}

impl Received {
    /// A message without anything but its bytes.
    pub fn data(data: impl Into<Bytes>) -> Self {
        Received { data: data.into(), attribute: None, published: Timestamp::MIN }
    }

    /// A message of a subscription.
    pub fn from_pubsub(message: flow_io::pubsub::Message) -> Self {
        let attribute = message.attributes.get("type").cloned();
        Received { data: message.data, attribute, published: message.publish_time }
    }

    /// See [`Message::check`].
    pub fn check(&self, catalog: &Catalog, dialect: Dialect) -> Checked {
        let message =
            Message { data: &self.data, attribute: self.attribute.as_deref(), published: self.published };
        message.check(catalog, dialect)
    }
}

/// Lines of files as messages. One that is too long to be read is a dead letter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lines;

impl Decode for Lines {
    type Item = Result<Received, DeadLetter>;

    fn decode(&self, record: Record<'_>) -> Option<Self::Item> {
        let is_blank = record.bytes.trim_ascii().is_empty();
        (!is_blank).then(|| Ok(Received::data(record.bytes.to_vec())))
    }

    fn bad(&self, bad: BadRecord) -> Result<Self::Item, BadRecord> {
        let errors = vec![bad.to_string()];
        let (kind, at, event) = (UNKNOWN.into(), Timestamp::MIN, Value::String(bad.text));
        Ok(Err(DeadLetter { kind, at, errors, event }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_message_and_a_blank_one_is_none() {
        let line = |bytes| Lines.decode(Record { bytes, file: "in.json", line: Some(1), offset: 0 });
        assert_eq!(line(b"{}"), Some(Ok(Received::data("{}"))));
        assert_eq!(line(b" \t"), None);
    }

    #[test]
    fn a_line_that_is_too_long_is_a_dead_letter_that_says_where() {
        let bad = BadRecord {
            file: "in.json".into(),
            line: Some(7),
            offset: 100,
            bytes: 1 << 30,
            reason: "the record is too long".into(),
            text: "{\"a".into(),
        };
        let letter = Lines.bad(bad).unwrap().unwrap_err();
        assert_eq!(letter.errors, ["in.json:7: the record is too long"]);
        assert_eq!(letter.event, "{\"a");
        assert!(letter.is_unknown());
    }
}
