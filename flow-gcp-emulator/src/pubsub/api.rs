//! What tests ask of the service without a client.

use std::collections::BTreeMap;

use bytes::Bytes;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1 as wire;
use prost::Message as _;
use serde_json::{Map, Value};

use super::PubSub;
use super::message::{Message, PublishRequest};
use super::subscription::Backlog;
use crate::Refused;

/// A published message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PubsubMessage {
    /// The service's id of it; empty when it is still to be published.
    pub id: String,
    /// The payload.
    pub data: Bytes,
    /// Names and values.
    pub attributes: BTreeMap<String, String>,
    /// Messages of one key come in order; empty is no key.
    pub ordering_key: String,
    /// When it was published, in microseconds since 1970.
    pub published: i64,
}

impl PubsubMessage {
    /// A message with a payload.
    pub fn new(data: impl Into<Bytes>) -> Self {
        PubsubMessage { data: data.into(), ..PubsubMessage::default() }
    }

    /// With one attribute more.
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// With an ordering key.
    pub fn ordering_key(mut self, key: impl Into<String>) -> Self {
        self.ordering_key = key.into();
        self
    }

    fn read(message: &Message) -> Self {
        let wire = message.decode();
        PubsubMessage {
            id: message.id.to_string(),
            data: wire.data.into(),
            attributes: wire.attributes.into_iter().collect(),
            ordering_key: wire.ordering_key,
            published: message.published,
        }
    }

    fn encode(self) -> Bytes {
        let message = wire::PubsubMessage {
            data: self.data.into(),
            attributes: self.attributes.into_iter().collect(),
            ordering_key: self.ordering_key,
            ..wire::PubsubMessage::default()
        };
        message.encode_to_vec().into()
    }
}

impl PubSub {
    /// Makes a topic.
    pub fn create_topic(&self, name: &str) -> Result<(), Refused> {
        self.put_topic(name, Map::new()).map(drop)
    }

    /// Makes a subscription with the service's defaults: ten seconds to acknowledge, no order, at least once.
    pub fn create_subscription(&self, name: &str, topic: &str) -> Result<(), Refused> {
        self.create_subscription_with(name, topic, Value::Null)
    }

    /// Makes a subscription with settings of the REST resource, such as
    /// `json!({"enableExactlyOnceDelivery": true, "ackDeadlineSeconds": 60})`.
    pub fn create_subscription_with(&self, name: &str, topic: &str, settings: Value) -> Result<(), Refused> {
        let mut resource = match settings {
            Value::Object(settings) => settings,
            _ => Map::new(),
        };
        resource.insert("topic".into(), topic.into());
        self.put_subscription(name, resource).map(drop)
    }

    /// Publishes a message; returns its id.
    pub fn publish(
        &self,
        topic: &str,
        data: impl Into<Bytes>,
        attributes: &[(&str, &str)],
    ) -> Result<String, Refused> {
        let mut message = PubsubMessage::new(data);
        message.attributes = attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Ok(self.publish_all(topic, [message])?.remove(0))
    }

    /// Publishes messages with one request; returns their ids. Id and time of a message are the service's to give.
    pub fn publish_all(
        &self,
        topic: &str,
        messages: impl IntoIterator<Item = PubsubMessage>,
    ) -> Result<Vec<String>, Refused> {
        let messages = messages.into_iter().map(PubsubMessage::encode).collect();
        let request = PublishRequest { topic: topic.to_owned(), messages };
        Ok(self.publish_request(request)?.message_ids)
    }

    /// How much a subscription holds, and how much it has delivered.
    pub fn backlog(&self, subscription: &str) -> Result<Backlog, Refused> {
        Ok(self.state().subscription(subscription)?.backlog())
    }

    /// The messages that a subscription has not acknowledged, leased ones too, in the order of their ids. With a
    /// subscription that nobody reads, these are all that were published.
    pub fn unacked(&self, subscription: &str) -> Result<Vec<PubsubMessage>, Refused> {
        let unacked = self.state().subscription(subscription)?.unacked();
        Ok(unacked.values().map(|message| PubsubMessage::read(message)).collect())
    }

    /// The ids of the messages that were acknowledged, in that order.
    pub fn acknowledged(&self, subscription: &str) -> Result<Vec<String>, Refused> {
        let mut state = self.state();
        Ok(state.subscription(subscription)?.acknowledged().iter().map(u64::to_string).collect())
    }
}
