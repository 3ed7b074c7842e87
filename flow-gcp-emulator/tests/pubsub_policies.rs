//! Filters, dead letters, seeks.

mod common;

use std::time::{Duration, SystemTime};

use common::{SUBSCRIPTION, TOPIC, shop_at_noon, subscriber, subscriptions, take, texts};
use google_cloud_wkt::Timestamp;
use serde_json::json;

const LETTERS: &str = "projects/shop/topics/letters";
const DEAD: &str = "projects/shop/subscriptions/dead";

#[tokio::test]
async fn a_filter_lets_some_messages_through() {
    let emulator = shop_at_noon();
    let settings = json!({ "filter": "attributes.region = \"eu\"" });
    emulator.pubsub().create_subscription_with(SUBSCRIPTION, TOPIC, settings).unwrap();
    for (data, region) in [("one", "us"), ("two", "eu"), ("three", "us")] {
        emulator.pubsub().publish(TOPIC, data, &[("region", region)]).unwrap();
    }
    let unacked = emulator.pubsub().unacked(SUBSCRIPTION).unwrap();
    assert_eq!(unacked.iter().map(|m| m.data.as_ref()).collect::<Vec<_>>(), [b"two"]);
}

#[tokio::test]
async fn what_is_given_back_too_often_becomes_a_dead_letter() {
    let emulator = shop_at_noon();
    let pubsub = emulator.pubsub();
    pubsub.create_topic(LETTERS).unwrap();
    pubsub.create_subscription(DEAD, LETTERS).unwrap();
    let settings = json!({ "deadLetterPolicy": { "deadLetterTopic": LETTERS, "maxDeliveryAttempts": 5 } });
    pubsub.create_subscription_with(SUBSCRIPTION, TOPIC, settings).unwrap();
    pubsub.publish(TOPIC, "poison", &[("kind", "bad")]).unwrap();

    let mut stream = subscriber(&emulator).await.subscribe(SUBSCRIPTION).build();
    for attempt in 1..=5 {
        let (_, handler) = take(&mut stream, 1).await.remove(0);
        assert_eq!(handler.delivery_attempt(), Some(attempt));
        handler.nack();
    }
    let mut letters = subscriber(&emulator).await.subscribe(DEAD).build();
    let (letter, _handler) = take(&mut letters, 1).await.remove(0);
    assert_eq!(letter.data, "poison");
    assert_eq!(letter.attributes["kind"], "bad");
    assert_eq!(letter.attributes["CloudPubSubDeadLetterSourceSubscription"], "late");
    assert_eq!(letter.attributes["CloudPubSubDeadLetterSourceSubscriptionProject"], "shop");
    assert_eq!(letter.attributes["CloudPubSubDeadLetterSourceDeliveryCount"], "5");
    assert_eq!(letter.attributes["CloudPubSubDeadLetterSourceTopicPublishTime"], "2024-05-01T12:00:00Z");
    assert_eq!(pubsub.backlog(SUBSCRIPTION).unwrap().unacked, 0);
}

#[tokio::test]
async fn a_seek_back_brings_what_was_acknowledged() {
    let emulator = shop_at_noon();
    let settings = json!({ "retainAckedMessages": true });
    emulator.pubsub().create_subscription_with(SUBSCRIPTION, TOPIC, settings).unwrap();
    emulator.pubsub().publish(TOPIC, "at noon", &[]).unwrap();
    emulator.clock().advance(Duration::from_mins(1));
    emulator.pubsub().publish(TOPIC, "a minute later", &[]).unwrap();
    let mut stream = subscriber(&emulator).await.subscribe(SUBSCRIPTION).build();
    for (_, handler) in take(&mut stream, 2).await {
        handler.ack();
    }
    while emulator.pubsub().backlog(SUBSCRIPTION).unwrap().unacked > 0 {
        tokio::task::yield_now().await;
    }
    let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(1_714_564_830);
    let seek = subscriptions(&emulator).await.seek().set_subscription(SUBSCRIPTION);
    seek.set_time(Timestamp::try_from(moment).unwrap()).send().await.unwrap();
    assert_eq!(texts(&take(&mut stream, 1).await), ["a minute later"]);
    assert_eq!(emulator.pubsub().backlog(SUBSCRIPTION).unwrap().unacked, 1);
}

#[tokio::test]
async fn a_seek_forward_acknowledges_what_is_older() {
    let emulator = shop_at_noon();
    emulator.pubsub().create_subscription(SUBSCRIPTION, TOPIC).unwrap();
    emulator.pubsub().publish(TOPIC, "at noon", &[]).unwrap();
    emulator.clock().advance(Duration::from_mins(1));
    emulator.pubsub().publish(TOPIC, "a minute later", &[]).unwrap();
    let seek = subscriptions(&emulator).await.seek().set_subscription(SUBSCRIPTION);
    let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(1_714_564_830);
    seek.set_time(Timestamp::try_from(moment).unwrap()).send().await.unwrap();
    let left = emulator.pubsub().unacked(SUBSCRIPTION).unwrap();
    assert_eq!(left.iter().map(|m| m.data.as_ref()).collect::<Vec<_>>(), [b"a minute later"]);
}

#[tokio::test]
async fn messages_are_kept_for_a_week() {
    let emulator = shop_at_noon();
    emulator.pubsub().create_subscription(SUBSCRIPTION, TOPIC).unwrap();
    emulator.pubsub().publish(TOPIC, "old", &[]).unwrap();
    emulator.clock().advance(Duration::from_hours(8 * 24));
    emulator.pubsub().publish(TOPIC, "new", &[]).unwrap();
    let mut stream = subscriber(&emulator).await.subscribe(SUBSCRIPTION).build();
    assert_eq!(texts(&take(&mut stream, 1).await), ["new"]);
}
