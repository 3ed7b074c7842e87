//! Calls that the official client does not make, but others do.

mod common;

use common::{SUBSCRIPTION, TOPIC, shop};
use flow_gcp_emulator::Emulator;
use futures::stream;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1 as wire;
use tonic::Code;
use tonic::transport::Channel;
use wire::publisher_client::PublisherClient;
use wire::subscriber_client::SubscriberClient;

async fn channel(emulator: &Emulator) -> Channel {
    Channel::from_shared(emulator.endpoint()).unwrap().connect().await.unwrap()
}

#[tokio::test]
async fn a_pull_takes_as_many_messages_as_it_asks_for() {
    let emulator = shop();
    for data in ["one", "two", "three"] {
        emulator.pubsub().publish(TOPIC, data, &[]).unwrap();
    }
    let mut client = SubscriberClient::new(channel(&emulator).await);
    let request =
        wire::PullRequest { subscription: SUBSCRIPTION.to_owned(), max_messages: 2, ..Default::default() };
    let pulled = client.pull(request).await.unwrap().into_inner().received_messages;
    let data: Vec<_> = pulled.iter().map(|r| r.message.as_ref().unwrap().data.clone()).collect();
    assert_eq!(data, [b"one", b"two"]);
    let ack_ids = pulled.into_iter().map(|r| r.ack_id).collect();
    let request = wire::AcknowledgeRequest { subscription: SUBSCRIPTION.to_owned(), ack_ids };
    client.acknowledge(request).await.unwrap();
    assert_eq!(emulator.pubsub().backlog(SUBSCRIPTION).unwrap().unacked, 1);
}

#[tokio::test]
async fn a_stream_may_acknowledge_what_it_brings() {
    let emulator = shop();
    emulator.pubsub().publish(TOPIC, "one", &[]).unwrap();
    let mut client = SubscriberClient::new(channel(&emulator).await);
    let (requests, queue) = futures::channel::mpsc::unbounded();
    let first = wire::StreamingPullRequest {
        subscription: SUBSCRIPTION.to_owned(),
        stream_ack_deadline_seconds: 10,
        ..Default::default()
    };
    requests.unbounded_send(first).unwrap();
    let mut responses = client.streaming_pull(queue).await.unwrap().into_inner();
    let received = responses.message().await.unwrap().unwrap().received_messages;
    let ack_ids = received.into_iter().map(|r| r.ack_id).collect();
    requests.unbounded_send(wire::StreamingPullRequest { ack_ids, ..Default::default() }).unwrap();
    while emulator.pubsub().backlog(SUBSCRIPTION).unwrap().unacked > 0 {
        tokio::task::yield_now().await;
    }
    drop(requests);
    assert_eq!(responses.message().await.unwrap(), None);
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let emulator = shop();
    let channel = channel(&emulator).await;
    let mut publisher = PublisherClient::new(channel.clone());
    let request = |messages| wire::PublishRequest { topic: TOPIC.to_owned(), messages };
    assert_eq!(publisher.publish(request(vec![])).await.unwrap_err().code(), Code::InvalidArgument);
    let empty = vec![wire::PubsubMessage::default()];
    assert_eq!(publisher.publish(request(empty)).await.unwrap_err().code(), Code::InvalidArgument);
    let message = wire::PubsubMessage { data: vec![1], ..Default::default() };
    let many = vec![message; 1_001];
    assert_eq!(publisher.publish(request(many)).await.unwrap_err().code(), Code::InvalidArgument);
    let first = wire::StreamingPullRequest {
        subscription: SUBSCRIPTION.to_owned(),
        stream_ack_deadline_seconds: 5,
        ..Default::default()
    };
    let mut subscriber = SubscriberClient::new(channel);
    let refused = subscriber.streaming_pull(stream::iter([first])).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}
