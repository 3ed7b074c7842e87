//! Ordering keys.

mod common;

use common::{SUBSCRIPTION, TOPIC, shop_at_noon, subscriber, take, texts};
use flow_gcp_emulator::{Emulator, PubsubMessage};
use serde_json::json;

fn ordered(messages: &[(&'static str, &str)]) -> Emulator {
    let emulator = shop_at_noon();
    let settings = json!({ "enableMessageOrdering": true });
    emulator.pubsub().create_subscription_with(SUBSCRIPTION, TOPIC, settings).unwrap();
    let messages = messages.iter().map(|(data, key)| PubsubMessage::new(*data).ordering_key(*key));
    emulator.pubsub().publish_all(TOPIC, messages).unwrap();
    emulator
}

#[tokio::test]
async fn messages_of_a_key_come_in_order() {
    let emulator = ordered(&[("a1", "a"), ("b1", "b"), ("a2", "a"), ("b2", "b"), ("x", ""), ("a3", "a")]);
    let mut stream = subscriber(&emulator).await.subscribe(SUBSCRIPTION).build();
    let all = texts(&take(&mut stream, 6).await);
    let of = |key: char| all.iter().filter(|text| text.starts_with(key)).cloned().collect::<Vec<_>>();
    assert_eq!(of('a'), ["a1", "a2", "a3"]);
    assert_eq!(of('b'), ["b1", "b2"]);
    assert_eq!(of('x'), ["x"]);
}

#[tokio::test]
async fn a_key_waits_until_what_is_out_is_acknowledged() {
    let emulator = ordered(&[("a1", "a")]);
    let mut stream = subscriber(&emulator).await.subscribe(SUBSCRIPTION).build();
    let first = take(&mut stream, 1).await.remove(0);
    let more = ["a2", "a3"].map(|data| PubsubMessage::new(data).ordering_key("a"));
    emulator.pubsub().publish_all(TOPIC, more).unwrap();
    emulator.pubsub().publish_all(TOPIC, [PubsubMessage::new("b1").ordering_key("b")]).unwrap();
    assert_eq!(texts(&take(&mut stream, 1).await), ["b1"]);
    let backlog = emulator.pubsub().backlog(SUBSCRIPTION).unwrap();
    assert_eq!((backlog.delivered, backlog.unacked), (2, 4));
    first.1.ack();
    // The client gave back b1, which was dropped above.
    let mut rest = texts(&take(&mut stream, 3).await);
    rest.retain(|text| text != "b1");
    assert_eq!(rest, ["a2", "a3"]);
}

#[tokio::test]
async fn what_comes_back_brings_all_that_is_behind_it() {
    let emulator = ordered(&[("a1", "a"), ("a2", "a"), ("a3", "a"), ("a4", "a")]);
    let mut stream = subscriber(&emulator).await.subscribe(SUBSCRIPTION).build();
    let mut held = take(&mut stream, 4).await;
    held.remove(0).1.ack();
    held.remove(1).1.ack();
    held.remove(0).1.nack();
    assert_eq!(texts(&take(&mut stream, 3).await), ["a2", "a3", "a4"]);
    assert_eq!(texts(&held), ["a4"]);
}
