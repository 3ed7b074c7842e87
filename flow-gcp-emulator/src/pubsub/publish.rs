//! Publishing.

use bytes::Bytes;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::PublishResponse;
use prost::Message as _;

use super::PubSub;
use super::message::PublishRequest;
use super::subscription::Waiting;
use crate::Refused;

/// The most that the service takes in one request.
const MAX_MESSAGES: usize = 1_000;
const MAX_BYTES: usize = 10_000_000;

impl PubSub {
    pub(crate) fn publish_request(&self, request: PublishRequest) -> Result<PublishResponse, Refused> {
        let PublishRequest { topic, messages } = request;
        let bytes: usize = messages.iter().map(Bytes::len).sum();
        if messages.is_empty() {
            return Err(Refused::invalid("the request has no messages"));
        }
        if messages.len() > MAX_MESSAGES || bytes > MAX_BYTES {
            let had = format!("{} messages of {bytes} bytes", messages.len());
            return Err(Refused::invalid(format!(
                "at most 1000 messages of 10 MB go into a request, not {had}"
            )));
        }
        let message_ids = self.state().publish(&topic, &messages, self.now())?;
        Ok(PublishResponse { message_ids })
    }
}

/// A message on its way to the topic for dead letters, with the attributes that say where it comes from.
pub(crate) fn dead_letter(subscription: &str, waiting: &Waiting) -> Bytes {
    let mut message = waiting.message.decode();
    let mut parts = subscription.split('/').skip(1).step_by(2);
    let mut add = |name: &str, value: String| {
        message.attributes.insert(format!("CloudPubSubDeadLetterSource{name}"), value);
    };
    add("SubscriptionProject", parts.next().unwrap_or_default().to_owned());
    add("Subscription", parts.next().unwrap_or_default().to_owned());
    add("DeliveryCount", waiting.deliveries.to_string());
    add("TopicPublishTime", crate::rest::time(waiting.message.published));
    message.message_id.clear();
    message.publish_time = None;
    Bytes::from(message.encode_to_vec())
}
