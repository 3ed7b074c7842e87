//! Messages as they are kept and sent: encoded once, when they are published.

use std::collections::HashMap;

use bytes::{Bytes, BytesMut};
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::PubsubMessage;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::streaming_pull_response::SubscriptionProperties;
use prost::Message as _;
use prost_types::Timestamp;

use crate::Refused;

/// `google.pubsub.v1.PublishRequest`, its messages left encoded.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PublishRequest {
    #[prost(string, tag = "1")]
    pub(crate) topic: String,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(crate) messages: Vec<Bytes>,
}

/// `google.pubsub.v1.StreamingPullResponse`, its messages left encoded.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PullResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) received_messages: Vec<Received>,
    #[prost(message, optional, tag = "4")]
    pub(crate) subscription_properties: Option<SubscriptionProperties>,
}

/// `google.pubsub.v1.ReceivedMessage`, its message left encoded.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Received {
    #[prost(string, tag = "1")]
    pub(crate) ack_id: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) message: Bytes,
    #[prost(int32, tag = "3")]
    pub(crate) delivery_attempt: i32,
}

/// What has to be known of a `PubsubMessage` to keep it.
#[derive(Clone, PartialEq, prost::Message)]
struct Head {
    #[prost(bytes = "bytes", tag = "1")]
    data: Bytes,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    attributes: Vec<Bytes>,
    #[prost(string, tag = "5")]
    ordering_key: String,
}

/// What the service adds to a `PubsubMessage`; appended to the encoded rest, it is part of it.
#[derive(Clone, PartialEq, prost::Message)]
struct Stamp {
    #[prost(string, tag = "3")]
    message_id: String,
    #[prost(message, optional, tag = "4")]
    publish_time: Option<Timestamp>,
}

/// A published message.
#[derive(Debug)]
pub(crate) struct Message {
    /// Its id; ids ascend.
    pub(crate) id: u64,
    /// When it was published, in microseconds.
    pub(crate) published: i64,
    pub(crate) key: String,
    /// The whole `PubsubMessage`.
    pub(crate) wire: Bytes,
}

impl Message {
    /// Takes in what a publisher sent.
    pub(crate) fn publish(sent: &Bytes, id: u64, now: i64) -> Result<Self, Refused> {
        let head = Head::decode(sent.clone())
            .map_err(|e| Refused::invalid(format!("a message of the request is not a PubsubMessage: {e}")))?;
        if head.data.is_empty() && head.attributes.is_empty() {
            return Err(Refused::invalid("a message needs data or at least one attribute"));
        }
        let stamp = Stamp { message_id: id.to_string(), publish_time: Some(timestamp(now)) };
        let mut wire = BytesMut::with_capacity(sent.len() + stamp.encoded_len());
        wire.extend_from_slice(sent);
        stamp.encode_raw(&mut wire);
        Ok(Message { id, published: now, key: head.ordering_key, wire: wire.freeze() })
    }

    /// Reads what was kept; none if it is nothing of ours.
    pub(crate) fn restore(wire: Bytes) -> Option<Self> {
        let stamp = Stamp::decode(wire.clone()).ok()?;
        let head = Head::decode(wire.clone()).ok()?;
        let time = stamp.publish_time?;
        let published = time.seconds * 1_000_000 + i64::from(time.nanos / 1_000);
        Some(Message { id: stamp.message_id.parse().ok()?, published, key: head.ordering_key, wire })
    }

    /// All of it, for those who need more than its key.
    pub(crate) fn decode(&self) -> PubsubMessage {
        PubsubMessage::decode(self.wire.clone()).unwrap_or_default()
    }

    pub(crate) fn attributes(&self) -> HashMap<String, String> {
        self.decode().attributes
    }
}

pub(crate) fn timestamp(micros: i64) -> Timestamp {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or(0);
    Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}
