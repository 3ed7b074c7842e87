//! What is kept in a folder.

mod common;

use common::{SUBSCRIPTION, TOPIC, subscriber, take, texts};
use flow_gcp_emulator::{Emulator, Error};
use serde_json::json;

#[tokio::test]
async fn messages_that_were_not_acknowledged_are_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::builder().folder(folder.path()).start().unwrap();
    emulator.pubsub().create_topic(TOPIC).unwrap();
    let settings = json!({ "enableMessageOrdering": true });
    emulator.pubsub().create_subscription_with(SUBSCRIPTION, TOPIC, settings).unwrap();
    let ids =
        ["one", "two", "three"].map(|data| emulator.pubsub().publish(TOPIC, data, &[("n", data)]).unwrap());
    let mut stream = subscriber(&emulator).await.subscribe(SUBSCRIPTION).build();
    let mut held = take(&mut stream, 3).await;
    held.remove(1).1.ack();
    while emulator.pubsub().backlog(SUBSCRIPTION).unwrap().unacked > 2 {
        tokio::task::yield_now().await;
    }
    drop(emulator);

    // Twice, since the first start writes the journal anew.
    for _ in 0..2 {
        drop(Emulator::builder().folder(folder.path()).start().unwrap());
    }
    let emulator = Emulator::builder().folder(folder.path()).start().unwrap();
    let left = emulator.pubsub().unacked(SUBSCRIPTION).unwrap();
    assert_eq!(left.iter().map(|m| m.id.clone()).collect::<Vec<_>>(), [ids[0].clone(), ids[2].clone()]);
    assert_eq!(left[1].attributes["n"], "three");
    let mut stream = subscriber(&emulator).await.subscribe(SUBSCRIPTION).build();
    assert_eq!(texts(&take(&mut stream, 2).await), ["one", "three"]);
    let next = emulator.pubsub().publish(TOPIC, "four", &[]).unwrap();
    assert!(next.parse::<u64>().unwrap() > ids[2].parse().unwrap());
}

#[test]
fn what_was_deleted_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::builder().folder(folder.path()).start().unwrap();
    emulator.gcs().create_bucket("reports").unwrap();
    emulator.gcs().create_bucket("empty").unwrap();
    emulator.gcs().write("reports", "a/b c", "old").unwrap();
    let new = emulator.gcs().write("reports", "a/b c", "new").unwrap();
    emulator.gcs().write("reports", "gone", "x").unwrap();
    emulator.gcs().delete("reports", "gone").unwrap();
    drop(emulator);

    let emulator = Emulator::builder().folder(folder.path()).start().unwrap();
    assert_eq!(emulator.gcs().buckets(), ["empty", "reports"]);
    assert_eq!(emulator.gcs().list("reports", ""), ["a/b c"]);
    assert_eq!(emulator.gcs().get("reports", "a/b c"), Some(new.clone()));
    assert!(emulator.gcs().write("reports", "a/b c", "newer").unwrap().generation > new.generation);
}

#[test]
fn an_emulator_starts_again_on_its_port() {
    let first = Emulator::start().unwrap();
    let port: u16 = first.address().rsplit(':').next().unwrap().parse().unwrap();
    let taken = Emulator::builder().port(port).start().unwrap_err();
    assert!(matches!(taken, Error::Listen { .. }));
    assert_eq!(
        taken.to_string(),
        format!("cannot listen on 127.0.0.1:{port}; choose another port, or 0 for any")
    );
    drop(first);
    let again = (0..1_000).find_map(|_| Emulator::builder().port(port).start().ok());
    assert!(again.is_some());
}
