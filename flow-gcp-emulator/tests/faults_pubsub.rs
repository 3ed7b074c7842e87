//! Faults in front of Pub/Sub, and in its streams.

mod common;

use std::time::Duration;

use common::{SUBSCRIPTION, TOPIC, publisher, shop, subscriber, take, texts, topics};
use flow_gcp_emulator::{Code, Fault, PubsubMessage, When};
use google_cloud_pubsub::model::Message;

const RESPONSE: &str = "pubsub.StreamingPull.response";

fn publish(emulator: &flow_gcp_emulator::Emulator, texts: &[&'static str]) {
    let messages = texts.iter().map(|text| PubsubMessage::new(*text));
    emulator.pubsub().publish_all(TOPIC, messages).unwrap();
}

#[tokio::test]
async fn a_publisher_tries_again_when_the_service_is_away() {
    let emulator = shop();
    emulator.faults().add("pubsub.Publish", When::First(1), Fault::Grpc(Code::Unavailable));
    let publisher = publisher(&emulator, TOPIC).await;
    publisher.publish(Message::new().set_data("one")).await.unwrap();
    assert_eq!(emulator.calls("pubsub.Publish"), 2);
    assert_eq!(emulator.pubsub().backlog(SUBSCRIPTION).unwrap().unacked, 1);
}

#[tokio::test]
async fn a_lost_answer_makes_a_publisher_publish_twice() {
    let emulator = shop();
    emulator.faults().add("pubsub.Publish", When::First(1), Fault::LostAnswer);
    let publisher = publisher(&emulator, TOPIC).await;
    let id = publisher.publish(Message::new().set_data("one")).await.unwrap();
    let unacked = emulator.pubsub().unacked(SUBSCRIPTION).unwrap();
    assert_eq!(unacked.iter().map(|m| m.data.as_ref()).collect::<Vec<_>>(), [b"one", b"one"]);
    assert_eq!(unacked[1].id, id);
}

#[tokio::test]
async fn a_status_of_http_is_its_like_in_grpc() {
    let emulator = shop();
    emulator.faults().add("pubsub.*", When::Always, Fault::status(403));
    let publisher = publisher(&emulator, TOPIC).await;
    let error = publisher.publish(Message::new().set_data("one")).await.unwrap_err();
    assert!(format!("{error:?}").contains("PermissionDenied"), "{error:?}");
    let error = topics(&emulator).await.get_topic().set_topic(TOPIC).send().await.unwrap_err();
    assert_eq!(error.http_status_code(), Some(403));
}

#[tokio::test]
async fn messages_come_twice() {
    let emulator = shop();
    emulator.faults().add(RESPONSE, When::First(1), Fault::Duplicate);
    publish(&emulator, &["one", "two"]);
    let mut stream = subscriber(&emulator).await.subscribe(SUBSCRIPTION).build();
    let all = take(&mut stream, 4).await;
    assert_eq!(texts(&all), ["one", "two", "one", "two"]);
    assert_eq!(all[0].0.message_id, all[2].0.message_id);
    for (_, handler) in all {
        handler.ack();
    }
    stream.shutdown_token().shutdown().await;
    let backlog = emulator.pubsub().backlog(SUBSCRIPTION).unwrap();
    assert_eq!((backlog.unacked, backlog.leased, backlog.acknowledged), (0, 0, 2));
}

#[tokio::test]
async fn messages_come_in_reverse() {
    let emulator = shop();
    emulator.faults().add(RESPONSE, When::First(1), Fault::Reverse);
    publish(&emulator, &["one", "two", "three"]);
    let mut stream = subscriber(&emulator).await.subscribe(SUBSCRIPTION).build();
    assert_eq!(texts(&take(&mut stream, 3).await), ["three", "two", "one"]);
}

#[tokio::test]
async fn leases_expire_at_once() {
    let emulator = shop();
    emulator.faults().add(RESPONSE, When::First(1), Fault::ExpireLeases);
    publish(&emulator, &["one"]);
    let mut stream = subscriber(&emulator).await.subscribe(SUBSCRIPTION).build();
    let both = take(&mut stream, 2).await;
    assert_eq!(texts(&both), ["one", "one"]);
    assert_eq!(emulator.pubsub().backlog(SUBSCRIPTION).unwrap().unacked, 1);
}

#[tokio::test]
async fn a_stream_that_ends_well_is_over() {
    let emulator = shop();
    emulator.faults().add(RESPONSE, When::First(1), Fault::EndStream);
    publish(&emulator, &["one"]);
    let mut stream = subscriber(&emulator).await.subscribe(SUBSCRIPTION).build();
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_stream_that_breaks_is_opened_again() {
    let emulator = shop();
    emulator.faults().add(RESPONSE, When::First(1), Fault::Grpc(Code::Unavailable));
    publish(&emulator, &["one"]);
    let mut stream = subscriber(&emulator).await.subscribe(SUBSCRIPTION).build();
    publish(&emulator, &["two"]);
    let first = tokio::time::timeout(Duration::from_secs(20), stream.next());
    let turn = async {
        while emulator.calls("pubsub.StreamingPull") < 2 {
            tokio::task::yield_now().await;
        }
        emulator.clock().advance(Duration::from_secs(700));
    };
    let (first, ()) = tokio::join!(first, turn);
    assert!(first.unwrap().unwrap().is_ok());
    assert_eq!(emulator.faults().met(RESPONSE), 1);
}
