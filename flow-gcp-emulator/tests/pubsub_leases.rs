//! Deadlines of acknowledgement, exactly-once delivery, flow control.

mod common;

use std::time::Duration;

use common::{SUBSCRIPTION, TOPIC, shop_at_noon, subscriber, take, texts};
use google_cloud_pubsub::subscriber::handler::Handler;
use serde_json::json;

#[tokio::test]
async fn a_message_comes_again_when_its_lease_is_over_and_not_before() {
    let emulator = shop_at_noon();
    emulator.pubsub().create_subscription(SUBSCRIPTION, TOPIC).unwrap();
    let id = emulator.pubsub().publish(TOPIC, "one", &[]).unwrap();
    let subscribe = subscriber(&emulator).await.subscribe(SUBSCRIPTION);
    let mut stream = subscribe.set_max_lease_extension(Duration::from_secs(20)).build();
    let first = take(&mut stream, 1).await;

    emulator.clock().advance(Duration::from_secs(19));
    assert_eq!(emulator.pubsub().backlog(SUBSCRIPTION).unwrap().delivered, 1);
    emulator.clock().advance(Duration::from_mins(10));
    let again = take(&mut stream, 1).await;
    assert_eq!((&first[0].0.message_id, &again[0].0.message_id), (&id, &id));
    assert_eq!(emulator.pubsub().backlog(SUBSCRIPTION).unwrap().unacked, 1);
}

#[tokio::test]
async fn exactly_once_says_that_an_acknowledgement_was_taken() {
    let emulator = shop_at_noon();
    let settings = json!({ "enableExactlyOnceDelivery": true });
    emulator.pubsub().create_subscription_with(SUBSCRIPTION, TOPIC, settings).unwrap();
    let id = emulator.pubsub().publish(TOPIC, "one", &[]).unwrap();
    let mut stream = subscriber(&emulator).await.subscribe(SUBSCRIPTION).build();
    let Handler::ExactlyOnce(handler) = take(&mut stream, 1).await.remove(0).1 else {
        panic!("not exactly once")
    };
    handler.confirmed_ack().await.unwrap();
    assert_eq!(emulator.pubsub().acknowledged(SUBSCRIPTION).unwrap(), [id]);
}

#[tokio::test]
async fn exactly_once_refuses_an_acknowledgement_that_comes_too_late() {
    let emulator = shop_at_noon();
    let settings = json!({ "enableExactlyOnceDelivery": true });
    emulator.pubsub().create_subscription_with(SUBSCRIPTION, TOPIC, settings).unwrap();
    emulator.pubsub().publish(TOPIC, "one", &[]).unwrap();
    let mut stream = subscriber(&emulator).await.subscribe(SUBSCRIPTION).build();
    let Handler::ExactlyOnce(handler) = take(&mut stream, 1).await.remove(0).1 else {
        panic!("not exactly once")
    };
    emulator.clock().advance(Duration::from_secs(700));
    let error = handler.confirmed_ack().await.unwrap_err();
    assert!(format!("{error:?}").contains("PERMANENT_FAILURE_INVALID_ACK_ID"), "{error:?}");
    let Handler::ExactlyOnce(handler) = take(&mut stream, 1).await.remove(0).1 else {
        panic!("not exactly once")
    };
    handler.confirmed_ack().await.unwrap();
}

#[tokio::test]
async fn a_stream_holds_no_more_messages_than_it_asked_for() {
    let emulator = shop_at_noon();
    emulator.pubsub().create_subscription(SUBSCRIPTION, TOPIC).unwrap();
    for n in 0..5 {
        emulator.pubsub().publish(TOPIC, n.to_string(), &[]).unwrap();
    }
    let subscribe = subscriber(&emulator).await.subscribe(SUBSCRIPTION);
    let mut stream = subscribe.set_max_outstanding_messages(2_i64).build();
    let mut held = take(&mut stream, 2).await;
    assert_eq!(texts(&held), ["0", "1"]);
    assert_eq!(emulator.pubsub().backlog(SUBSCRIPTION).unwrap().leased, 2);
    held.remove(0).1.ack();
    assert_eq!(texts(&take(&mut stream, 1).await), ["2"]);
    assert_eq!(emulator.pubsub().backlog(SUBSCRIPTION).unwrap().delivered, 3);
}

#[tokio::test]
async fn a_stream_holds_no_more_bytes_than_it_asked_for_but_one_message() {
    let emulator = shop_at_noon();
    emulator.pubsub().create_subscription(SUBSCRIPTION, TOPIC).unwrap();
    for _ in 0..3 {
        emulator.pubsub().publish(TOPIC, "x".repeat(1_000), &[]).unwrap();
    }
    let subscribe = subscriber(&emulator).await.subscribe(SUBSCRIPTION);
    let mut stream = subscribe.set_max_outstanding_bytes(500_i64).build();
    let held = take(&mut stream, 1).await;
    assert_eq!(emulator.pubsub().backlog(SUBSCRIPTION).unwrap().leased, 1);
    drop(held);
    take(&mut stream, 1).await;
}

#[tokio::test]
async fn what_was_given_back_waits_as_long_as_the_retry_policy_says() {
    let emulator = shop_at_noon();
    let settings = json!({ "retryPolicy": { "minimumBackoff": "30s", "maximumBackoff": "60s" } });
    emulator.pubsub().create_subscription_with(SUBSCRIPTION, TOPIC, settings).unwrap();
    emulator.pubsub().publish(TOPIC, "one", &[]).unwrap();
    let mut stream = subscriber(&emulator).await.subscribe(SUBSCRIPTION).build();
    take(&mut stream, 1).await.remove(0).1.nack();
    emulator.pubsub().publish(TOPIC, "two", &[]).unwrap();
    let two = take(&mut stream, 1).await;
    assert_eq!(texts(&two), ["two"]);
    while emulator.pubsub().backlog(SUBSCRIPTION).unwrap().leased == 2 {
        tokio::task::yield_now().await;
    }
    emulator.clock().advance(Duration::from_secs(29));
    assert_eq!(emulator.pubsub().backlog(SUBSCRIPTION).unwrap().delivered, 2);
    emulator.clock().advance(Duration::from_secs(1));
    assert_eq!(texts(&take(&mut stream, 1).await), ["one"]);
}
