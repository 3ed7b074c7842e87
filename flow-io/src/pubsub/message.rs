//! What comes out of a subscription, and what goes into a topic.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use flow_core::Timestamp;
use google_cloud_pubsub::model;
use serde::{Deserialize, Serialize};

/// A message as it was received.
///
/// ```
/// use flow_io::pubsub::Message;
/// let message = Message { data: "three apples".into(), ..Message::default() };
/// assert_eq!(message.data, "three apples");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The payload.
    pub data: Bytes,
    /// Names and values.
    pub attributes: BTreeMap<String, String>,
    /// The service's id, unique in the topic; a message that is delivered again keeps it.
    pub id: String,
    /// When the service got it.
    pub publish_time: Timestamp,
    /// Messages of one key come in order, if the subscription keeps order; empty is no key.
    pub ordering_key: String,
    /// The how manieth delivery it is, counted from 1; known if the subscription has a topic for dead letters.
    pub delivery_attempt: Option<u32>,
}

impl Default for Message {
    fn default() -> Self {
        Message {
            data: Bytes::new(),
            attributes: BTreeMap::new(),
            id: String::new(),
            publish_time: Timestamp::MIN,
            ordering_key: String::new(),
            delivery_attempt: None,
        }
    }
}

impl Message {
    pub(super) fn of(message: model::Message, delivery_attempt: Option<i32>) -> Self {
        Message {
            publish_time: publish_time(&message),
            data: message.data,
            attributes: message.attributes.into_iter().collect(),
            id: message.message_id,
            ordering_key: message.ordering_key,
            delivery_attempt: delivery_attempt.and_then(|attempt| u32::try_from(attempt).ok()),
        }
    }

    /// The same message as one that could not be used.
    pub(super) fn refuse(&self, reason: impl Into<String>) -> BadMessage {
        BadMessage {
            data: self.data.clone(),
            attributes: self.attributes.clone(),
            id: self.id.clone(),
            publish_time: self.publish_time,
            reason: reason.into(),
        }
    }
}

/// When the service got a message.
pub(super) fn publish_time(message: &model::Message) -> Timestamp {
    let Some(time) = message.publish_time else { return Timestamp::MIN };
    Timestamp::from_secs(time.seconds()).offset_micros(i64::from(time.nanos()) / 1_000)
}

/// A message that could not be decoded, whole, and why.
///
/// ```
/// use flow_io::pubsub::BadMessage;
/// let bad = BadMessage { id: "17".into(), reason: "expected value at column 1".into(), ..BadMessage::default() };
/// assert_eq!(bad.to_string(), "message 17: expected value at column 1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadMessage {
    /// The payload.
    pub data: Bytes,
    /// Names and values.
    pub attributes: BTreeMap<String, String>,
    /// The service's id.
    pub id: String,
    /// When the service got it.
    pub publish_time: Timestamp,
    /// What is wrong with it, in one line.
    pub reason: String,
}

impl Default for BadMessage {
    fn default() -> Self {
        Message::default().refuse("")
    }
}

impl fmt::Display for BadMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {}: {}", self.id, self.reason)
    }
}

impl std::error::Error for BadMessage {}

/// A message to be published.
///
/// ```
/// use flow_io::pubsub::Outgoing;
/// let order = Outgoing::new("three apples").attribute("region", "eu").ordering_key("customer 7");
/// assert_eq!(order.attributes["region"], "eu");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// The payload.
    pub data: Bytes,
    /// Names and values.
    pub attributes: BTreeMap<String, String>,
    /// Messages of one key are published in the order in which they were written; empty is no key.
    pub ordering_key: String,
}

impl Outgoing {
    /// A message with a payload.
    pub fn new(data: impl Into<Bytes>) -> Self {
        Outgoing { data: data.into(), ..Outgoing::default() }
    }

    /// With one attribute more.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// With an ordering key.
    #[must_use]
    pub fn ordering_key(mut self, key: impl Into<String>) -> Self {
        self.ordering_key = key.into();
        self
    }

    /// About how many bytes it is on the wire.
    pub(super) fn size(&self) -> usize {
        let attributes: usize =
            self.attributes.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
        self.data.len() + self.ordering_key.len() + attributes + 16
    }

    pub(super) fn into_model(self) -> model::Message {
        let message = model::Message::new().set_data(self.data).set_ordering_key(self.ordering_key);
        message.set_attributes(self.attributes)
    }
}

macro_rules! outgoing_from {
    ($($payload:ty),+) => {
        $(impl From<$payload> for Outgoing {
            fn from(data: $payload) -> Self {
                Outgoing::new(data)
            }
        })+
    };
}

outgoing_from!(Bytes, Vec<u8>, String, &'static str, &'static [u8]);

impl From<Message> for Outgoing {
    /// Payload, attributes and ordering key; id and time are the service's to give.
    fn from(message: Message) -> Self {
        let Message { data, attributes, ordering_key, .. } = message;
        Outgoing { data, attributes, ordering_key }
    }
}
