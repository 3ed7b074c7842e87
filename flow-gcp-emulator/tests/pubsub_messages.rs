//! Publishing, pulling and acknowledging.

mod common;

use std::collections::BTreeSet;

use common::{SUBSCRIPTION, TOPIC, publisher, shop, subscriber};
use google_cloud_pubsub::model::Message;

#[tokio::test]
async fn what_is_published_comes_out_once_and_is_acknowledged() {
    let emulator = shop();
    let publisher = publisher(&emulator, TOPIC).await;
    let message = Message::new().set_data("three apples").set_attributes([("region", "eu")]);
    let id = publisher.publish(message).await.unwrap();

    let mut stream = subscriber(&emulator).await.subscribe(SUBSCRIPTION).build();
    let (message, handler) = stream.next().await.unwrap().unwrap();
    assert_eq!(message.data, "three apples");
    assert_eq!(message.attributes["region"], "eu");
    assert_eq!(message.message_id, id);
    assert!(message.publish_time.is_some());
    handler.ack();
    stream.shutdown_token().shutdown().await;

    assert_eq!(emulator.pubsub().acknowledged(SUBSCRIPTION).unwrap(), [id]);
    let backlog = emulator.pubsub().backlog(SUBSCRIPTION).unwrap();
    assert_eq!((backlog.unacked, backlog.delivered, backlog.acknowledged), (0, 1, 1));
    assert_eq!(emulator.calls("pubsub.Publish"), 1);
    assert_eq!(emulator.calls("pubsub.StreamingPull"), 1);
}

#[tokio::test]
async fn what_is_not_acknowledged_comes_again() {
    let emulator = shop();
    emulator.pubsub().publish(TOPIC, "one", &[]).unwrap();
    let mut stream = subscriber(&emulator).await.subscribe(SUBSCRIPTION).build();
    let (first, handler) = stream.next().await.unwrap().unwrap();
    handler.nack();
    let (again, handler) = stream.next().await.unwrap().unwrap();
    assert_eq!(again.message_id, first.message_id);
    handler.ack();
}

#[tokio::test]
async fn a_message_published_while_a_stream_waits_comes_through() {
    let emulator = shop();
    let mut stream = subscriber(&emulator).await.subscribe(SUBSCRIPTION).build();
    emulator.pubsub().publish(TOPIC, "one", &[]).unwrap();
    stream.next().await.unwrap().unwrap().1.ack();
    emulator.pubsub().publish(TOPIC, "two", &[]).unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().0.data, "two");
}

#[tokio::test]
async fn ten_thousand_messages_come_out_each_once() {
    let emulator = shop();
    let publisher = publisher(&emulator, TOPIC).await;
    let ids: Vec<_> =
        (0..10_000).map(|n| publisher.publish(Message::new().set_data(n.to_string()))).collect();
    for id in ids {
        id.await.unwrap();
    }
    let mut stream = subscriber(&emulator).await.subscribe(SUBSCRIPTION);
    stream = stream.set_max_outstanding_messages(5_000_i64);
    let mut stream = stream.build();
    let mut seen = BTreeSet::new();
    while seen.len() < 10_000 {
        let (message, handler) = stream.next().await.unwrap().unwrap();
        assert!(seen.insert(message.message_id));
        handler.ack();
    }
    stream.shutdown_token().shutdown().await;
    assert_eq!(emulator.pubsub().backlog(SUBSCRIPTION).unwrap().unacked, 0);
    assert_eq!(emulator.pubsub().backlog(SUBSCRIPTION).unwrap().delivered, 10_000);
}

#[tokio::test]
async fn publishing_to_no_topic_is_refused() {
    let emulator = shop();
    let publisher = publisher(&emulator, "projects/shop/topics/nothing").await;
    let error = publisher.publish(Message::new().set_data("x")).await.unwrap_err();
    assert!(format!("{error:?}").contains("NotFound"), "{error:?}");
}

#[tokio::test]
async fn pulling_from_no_subscription_is_refused() {
    let emulator = shop();
    let mut stream = subscriber(&emulator).await.subscribe("projects/shop/subscriptions/nothing").build();
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!(error.status().unwrap().code, google_cloud_gax::error::rpc::Code::NotFound);
}
