//! The official clients, pointed at an emulator.
#![allow(dead_code, reason = "each file of tests uses its part")]

use std::time::{Duration, SystemTime};

use flow_gcp_emulator::{Clock, Emulator};
use google_cloud_auth::credentials::Credentials;
use google_cloud_auth::credentials::anonymous;
use google_cloud_gax::retry_policy::{NeverRetry, RetryPolicyExt};
use google_cloud_pubsub::client::{BasePublisher, Publisher, Subscriber, SubscriptionAdmin, TopicAdmin};
use google_cloud_pubsub::model::Message;
use google_cloud_pubsub::subscriber::MessageStream;
use google_cloud_pubsub::subscriber::handler::Handler;
use google_cloud_storage::client::{Storage, StorageControl};

pub(crate) const TOPIC: &str = "projects/shop/topics/orders";
pub(crate) const SUBSCRIPTION: &str = "projects/shop/subscriptions/late";

pub(crate) fn nobody() -> Credentials {
    anonymous::Builder::new().build()
}

pub(crate) async fn topics(emulator: &Emulator) -> TopicAdmin {
    let retry = NeverRetry.with_attempt_limit(1);
    let builder = TopicAdmin::builder().with_endpoint(emulator.endpoint()).with_credentials(nobody());
    builder.with_retry_policy(retry).build().await.unwrap()
}

pub(crate) async fn subscriptions(emulator: &Emulator) -> SubscriptionAdmin {
    let retry = NeverRetry.with_attempt_limit(1);
    let builder = SubscriptionAdmin::builder().with_endpoint(emulator.endpoint()).with_credentials(nobody());
    builder.with_retry_policy(retry).build().await.unwrap()
}

pub(crate) async fn publisher(emulator: &Emulator, topic: &str) -> Publisher {
    let builder = BasePublisher::builder().with_endpoint(emulator.endpoint()).with_credentials(nobody());
    builder.build().await.unwrap().publisher(topic).build()
}

pub(crate) async fn subscriber(emulator: &Emulator) -> Subscriber {
    Subscriber::builder().with_endpoint(emulator.endpoint()).with_credentials(nobody()).build().await.unwrap()
}

pub(crate) async fn storage(emulator: &Emulator) -> Storage {
    Storage::builder().with_endpoint(emulator.endpoint()).with_credentials(nobody()).build().await.unwrap()
}

pub(crate) async fn control(emulator: &Emulator) -> StorageControl {
    let builder = StorageControl::builder().with_endpoint(emulator.endpoint()).with_credentials(nobody());
    builder.build().await.unwrap()
}

/// 2024-05-01T12:00:00Z, and it stays so until it is turned.
pub(crate) fn noon() -> Clock {
    Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_hours(476_268))
}

/// An emulator whose clock stands at noon, with a topic.
pub(crate) fn shop_at_noon() -> Emulator {
    let emulator = Emulator::builder().clock(noon()).start().unwrap();
    emulator.pubsub().create_topic(TOPIC).unwrap();
    emulator
}

/// The next `n` messages, with what acknowledges them.
pub(crate) async fn take(stream: &mut MessageStream, n: usize) -> Vec<(Message, Handler)> {
    let mut taken = Vec::new();
    while taken.len() < n {
        taken.push(stream.next().await.unwrap().unwrap());
    }
    taken
}

/// The payloads of messages as text.
pub(crate) fn texts(taken: &[(Message, Handler)]) -> Vec<String> {
    taken.iter().map(|(message, _)| String::from_utf8(message.data.to_vec()).unwrap()).collect()
}

/// An emulator with a topic and a subscription to it.
pub(crate) fn shop() -> Emulator {
    let emulator = Emulator::start().unwrap();
    emulator.pubsub().create_topic(TOPIC).unwrap();
    emulator.pubsub().create_subscription(SUBSCRIPTION, TOPIC).unwrap();
    emulator
}
