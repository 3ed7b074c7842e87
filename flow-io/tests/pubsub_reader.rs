//! The reader of a subscription against the emulator, polled by hand.
#![cfg(feature = "pubsub")]

mod pubsub_kit;

use std::time::Duration;

use flow_core::source::Reader;
use flow_core::{ErrorKind, Timestamp};
use flow_gcp_emulator::{Code, Fault, When};
use flow_io::pubsub::{BadMessage, Message, PubSub};
use pubsub_kit::*;
use serde_json::json;

const RESPONSE: &str = "pubsub.StreamingPull.response";

fn texts(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| String::from_utf8(message.data.to_vec()).unwrap()).collect()
}

#[test]
fn a_message_comes_with_all_that_the_service_knows() {
    let emulator = shop();
    let id = emulator.pubsub().publish(TOPIC, "apples", &[("region", "eu")]).unwrap();
    let reading = Reading::of(orders(&emulator));
    let read = reading.next(&mut reading.reader(), 1).unwrap();
    let published = emulator.pubsub().unacked(ALL).unwrap().remove(0).published;
    let wanted = Message {
        data: "apples".into(),
        attributes: [("region".to_owned(), "eu".to_owned())].into(),
        id,
        publish_time: Timestamp::from_micros(published),
        ordering_key: String::new(),
        delivery_attempt: None,
    };
    assert_eq!(read.meta(0).time, wanted.publish_time);
    assert_eq!(read.values, [wanted]);
}

#[test]
fn nothing_is_acknowledged_but_by_a_commit_and_then_no_more_than_it_says() {
    let emulator = shop();
    let ids = publish(&emulator, &["a", "b", "c"]);
    let reading = Reading::of(orders(&emulator));
    let mut reader = reading.reader();
    let read = reading.next(&mut reader, 3).unwrap();
    let order: Vec<_> = read.values.iter().map(|message| message.id.clone()).collect();
    assert_eq!(reader.position(), 3);
    reading.commit(&mut reader, 0);
    assert_eq!(acknowledged(&emulator), [""; 0]);
    assert_eq!((reading.counted("outstanding_messages"), reading.counted("outstanding_bytes")), (3, 3));
    reading.commit(&mut reader, 2);
    assert_eq!(emulator.pubsub().acknowledged(ORDERS).unwrap(), order[..2]);
    reading.commit(&mut reader, 3);
    assert_eq!(acknowledged(&emulator), ids);
    assert_eq!((reading.counted("received"), reading.counted("acks")), (3, 3));
    assert_eq!((reading.counted("outstanding_messages"), reading.counted("outstanding_bytes")), (0, 0));
}

#[test]
fn what_a_dropped_reader_held_is_delivered_again() {
    let emulator = shop();
    publish(&emulator, &["a", "b"]);
    let reading = Reading::of(orders(&emulator));
    let mut reader = reading.reader();
    assert_eq!(reading.next(&mut reader, 2).unwrap().len(), 2);
    drop(reader);
    let mut reader = reading.reader();
    let mut again = texts(&reading.next(&mut reader, 2).unwrap().values);
    again.sort();
    assert_eq!(again, ["a", "b"]);
    assert_eq!(acknowledged(&emulator), [""; 0]);
    assert_eq!(reading.counted("duplicates"), 0);
}

#[test]
fn a_message_delivered_twice_comes_once_and_both_deliveries_are_acknowledged() {
    let emulator = shop();
    let ids = publish(&emulator, &["a", "b", "c"]);
    emulator.faults().add(RESPONSE, When::First(1), Fault::Duplicate);
    let reading = Reading::of(orders(&emulator));
    let mut reader = reading.reader();
    assert_eq!(texts(&reading.next(&mut reader, 3).unwrap().values), ["a", "b", "c"]);
    reading.commit(&mut reader, 3);
    assert_eq!(acknowledged(&emulator), ids);
    assert_eq!((reading.counted("received"), reading.counted("duplicates")), (6, 3));
    assert_eq!((reading.counted("acks"), reading.counted("outstanding_messages")), (6, 0));
}

#[test]
fn a_lease_that_ran_out_in_the_pipeline_is_counted_and_the_newest_one_acknowledged() {
    let emulator = shop();
    let ids = publish(&emulator, &["a"]);
    emulator.faults().add(RESPONSE, When::First(1), Fault::ExpireLeases);
    let reading = Reading::of(orders(&emulator));
    let mut reader = reading.reader();
    assert_eq!(texts(&reading.next(&mut reader, 1).unwrap().values), ["a"]);
    reading.wait(&mut reader, || reading.counted("expired_leases") == 1);
    assert_eq!(acknowledged(&emulator), [""; 0]);
    reading.commit(&mut reader, 1);
    assert_eq!(acknowledged(&emulator), ids);
    assert_eq!(reading.counted("duplicates"), 1);
}

#[test]
fn a_message_that_comes_again_after_its_commit_is_acknowledged_at_once() {
    let emulator = shop();
    let ids = publish(&emulator, &["a"]);
    emulator.faults().add("pubsub.Acknowledge", When::First(1), Fault::Grpc(Code::Internal));
    let reading = Reading::of(orders(&emulator));
    let mut reader = reading.reader();
    reading.next(&mut reader, 1).unwrap();
    reading.commit(&mut reader, 1);
    assert_eq!(acknowledged(&emulator), [""; 0]);
    emulator.clock().advance(Duration::from_secs(25));
    reading.wait(&mut reader, || acknowledged(&emulator) == ids);
    assert_eq!((reading.counted("duplicates"), reading.counted("expired_leases")), (1, 0));
}

#[test]
fn what_was_read_before_a_barrier_is_not_read_again_by_a_later_process_and_what_came_behind_it_is() {
    let emulator = shop();
    let ids = publish(&emulator, &["a", "b"]);
    let reading = Reading::of(orders(&emulator));
    let split = reading.splits().unwrap().remove(0);
    let mut reader = reading.open(&split);
    reading.next(&mut reader, 2).unwrap();
    let (position, record) = (reader.position(), reader.remember(true).unwrap());
    let behind = publish(&emulator, &["c"]);
    assert_eq!(texts(&reading.next(&mut reader, 1).unwrap().values), ["c"]);
    drop(reader); // without an acknowledgement

    let later = Reading::of(orders(&emulator));
    let mut reader = later.reopen(&split, Some(position), vec![record]);
    assert_eq!(texts(&later.next(&mut reader, 1).unwrap().values), ["c"]);
    later.wait(&mut reader, || acknowledged(&emulator) == ids);
    assert_eq!((reader.position(), later.counted("duplicates")), (3, 2));
    later.commit(&mut reader, 3);
    assert_eq!(acknowledged(&emulator), [ids, behind].concat());
}

#[test]
fn a_reader_tells_what_is_new_at_each_barrier_and_all_of_it_when_asked() {
    let emulator = shop();
    let reading = Reading::of(orders(&emulator));
    let split = reading.splits().unwrap().remove(0);
    let mut reader = reading.open(&split);
    publish(&emulator, &["a"]);
    reading.next(&mut reader, 1).unwrap();
    let first = reader.remember(false).unwrap();
    reading.commit(&mut reader, 1);
    assert_eq!(reader.remember(false), None);
    publish(&emulator, &["b"]);
    reading.next(&mut reader, 1).unwrap();
    let second = reader.remember(false).unwrap();
    let whole = reader.remember(true).unwrap();
    drop(reader);

    publish(&emulator, &["c"]);
    let all = [vec![first.clone()], vec![first, second], vec![whole]];
    for (remembered, wanted) in all.into_iter().zip([&["b", "c"][..], &["c"], &["c"]]) {
        let later = Reading::of(orders(&emulator));
        let mut reader = later.reopen(&split, Some(2), remembered);
        let mut read = texts(&later.next(&mut reader, wanted.len()).unwrap().values);
        read.sort();
        assert_eq!(read, wanted);
    }
}

#[test]
fn without_deduplication_everything_comes() {
    let emulator = shop();
    publish(&emulator, &["a"]);
    emulator.faults().add(RESPONSE, When::First(1), Fault::Duplicate);
    let reading = Reading::of(orders(&emulator).deduplicated_for(Duration::ZERO));
    assert_eq!(texts(&reading.next(&mut reading.reader(), 2).unwrap().values), ["a", "a"]);
}

#[test]
fn an_attribute_tells_what_was_published_twice() {
    let emulator = shop();
    let publish = |text: &'static str, id| emulator.pubsub().publish(TOPIC, text, &[("id", id)]).unwrap();
    let ids = [publish("a", "1"), publish("b", "2"), publish("a", "1"), publish("c", "3")];
    let reading = Reading::of(orders(&emulator).id_attribute("id"));
    let mut reader = reading.reader();
    assert_eq!(texts(&reading.next(&mut reader, 3).unwrap().values), ["a", "b", "c"]);
    reading.commit(&mut reader, 3);
    assert_eq!(acknowledged(&emulator), ids);
    assert_eq!((reading.counted("duplicates"), reading.counted("expired_leases")), (1, 0));
}

#[test]
fn streams_know_each_others_messages() {
    let emulator = shop();
    publish(&emulator, &["a"]);
    emulator.faults().add(RESPONSE, When::First(1), Fault::ExpireLeases);
    let reading = Reading::of(orders(&emulator).streams(2));
    let splits = reading.splits().unwrap();
    assert_eq!(splits.len(), 2);
    let mut first = reading.open(&splits[0]);
    assert_eq!(reading.next(&mut first, 1).unwrap().len(), 1);
    let mut second = reading.open(&splits[1]);
    let met = || reading.counted("duplicates") > 0;
    // The message comes again by either stream.
    reading.wait(&mut first, || met() || emulator.pubsub().backlog(ORDERS).unwrap().delivered > 1);
    if !met() {
        reading.wait(&mut second, met);
    }
    reading.commit(&mut first, 1);
    assert_eq!(acknowledged(&emulator).len(), 1);
}

#[test]
fn confirmed_acknowledgements_have_arrived_when_the_commit_is_done() {
    let emulator = shop();
    let exactly_once = "projects/shop/subscriptions/exactly-once";
    let settings = json!({"enableExactlyOnceDelivery": true});
    emulator.pubsub().create_subscription_with(exactly_once, TOPIC, settings).unwrap();
    let ids = publish(&emulator, &["a", "b"]);
    let source = PubSub::subscription(exactly_once).on(&cloud(&emulator)).streams(1);
    let reading = Reading::of(source);
    let mut reader = reading.reader();
    reading.next(&mut reader, 2).unwrap();
    emulator.faults().add("pubsub.Acknowledge", When::First(1), Fault::Delay(Duration::from_millis(500)));
    reading.commit(&mut reader, 2);
    let mut acknowledged = emulator.pubsub().acknowledged(exactly_once).unwrap();
    acknowledged.sort_by_key(|id| id.parse::<u64>().unwrap());
    assert_eq!(acknowledged, ids);
    assert_eq!((reading.counted("acks"), reading.counted("failed_acks")), (2, 0));
}

#[test]
fn a_stream_that_ends_is_opened_again_and_what_it_brought_is_still_acknowledged() {
    let emulator = shop();
    let first = publish(&emulator, &["a"]);
    emulator.faults().add(RESPONSE, When::Nth(2), Fault::EndStream);
    let reading = Reading::of(orders(&emulator));
    let mut reader = reading.reader();
    assert_eq!(texts(&reading.next(&mut reader, 1).unwrap().values), ["a"]);
    publish(&emulator, &["b"]);
    reading.wait(&mut reader, || emulator.faults().met(RESPONSE) == 1);
    reading.commit(&mut reader, 1);
    assert_eq!(acknowledged(&emulator), first);
    emulator.clock().advance(Duration::from_secs(25));
    assert_eq!(texts(&reading.next(&mut reader, 1).unwrap().values), ["b"]);
    assert!(emulator.calls("pubsub.StreamingPull") >= 2);
    // Its lease was kept meanwhile.
    assert_eq!((reading.counted("received"), reading.counted("duplicates")), (2, 0));
}

#[test]
fn a_stream_that_breaks_goes_on() {
    let emulator = shop();
    emulator.faults().add(RESPONSE, When::Nth(1), Fault::Grpc(Code::Unknown));
    publish(&emulator, &["a"]);
    let reading = Reading::of(orders(&emulator));
    let mut reader = reading.reader();
    reading.wait(&mut reader, || emulator.faults().met(RESPONSE) == 1);
    emulator.clock().advance(Duration::from_secs(25));
    assert_eq!(texts(&reading.next(&mut reader, 1).unwrap().values), ["a"]);
}

#[test]
fn a_missing_subscription_is_told_with_the_command_that_makes_it() {
    let emulator = shop();
    let nothing = PubSub::subscription("projects/shop/subscriptions/nothing").on(&cloud(&emulator));
    let error = Reading::of(nothing).splits().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.to_string(),
        "there is no projects/shop/subscriptions/nothing: make it with `gcloud pubsub subscriptions create nothing \
         --project shop --topic TOPIC`"
    );
}

#[test]
fn a_name_that_is_none_is_told() {
    let emulator = shop();
    let error = Reading::of(PubSub::subscription("orders").on(&cloud(&emulator))).splits().unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"orders\" names no subscription: wanted projects/PROJECT/subscriptions/ID"
    );
}

#[test]
fn a_subscription_that_may_not_be_looked_at_can_be_read() {
    let emulator = shop();
    publish(&emulator, &["a"]);
    emulator.faults().add("pubsub.admin.getSubscription", When::Always, Fault::status(403));
    let reading = Reading::of(orders(&emulator));
    assert_eq!(reading.next(&mut reading.reader(), 1).unwrap().len(), 1);
}

#[test]
fn a_subscription_that_may_not_be_read_fails_the_run_with_what_to_do() {
    let emulator = shop();
    publish(&emulator, &["a"]);
    emulator.faults().add(RESPONSE, When::Always, Fault::Grpc(Code::PermissionDenied));
    let reading = Reading::of(orders(&emulator));
    let error = reading.next(&mut reading.reader(), 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "projects/shop/subscriptions/orders may not be read by us: allow it with `gcloud pubsub subscriptions \
         add-iam-policy-binding orders --project shop --member MEMBER --role roles/pubsub.subscriber`"
    );
}

#[test]
fn bad_messages_keep_everything_and_say_what_is_wrong() {
    let emulator = shop();
    emulator.pubsub().publish(TOPIC, r#"{"n": 1}"#, &[("at", "2025-02-25T03:56:53Z")]).unwrap();
    let no_json = emulator.pubsub().publish(TOPIC, "{", &[("at", "1740455813000")]).unwrap();
    let no_time = emulator.pubsub().publish(TOPIC, r#"{"n": 3}"#, &[("at", "noon")]).unwrap();
    let reading = Reading::of(orders(&emulator).json::<serde_json::Value>().timestamp_attribute("at"));
    let mut reader = reading.reader();
    let read = reading.next(&mut reader, 3).unwrap();
    assert_eq!(read.values[0], Ok(json!({"n": 1})));
    assert_eq!(read.meta(0).time.to_string(), "2025-02-25T03:56:53Z");
    let bad = |at: usize| -> BadMessage { read.values[at].clone().unwrap_err() };
    let wanted = format!("message {no_json}: EOF while parsing an object at column 1");
    assert_eq!((bad(1).to_string(), bad(1).data), (wanted, "{".into()));
    assert_eq!(read.meta(1).time, bad(1).publish_time);
    assert_eq!(
        bad(2).to_string(),
        format!(
            "message {no_time}: `noon` in attribute `at` is no event time: wanted RFC 3339, or milliseconds since 1970"
        )
    );
    assert_eq!(bad(2).attributes["at"], "noon");
    // They are acknowledged like all others.
    reading.commit(&mut reader, 3);
    assert_eq!(acknowledged(&emulator).len(), 3);
}

#[test]
fn a_topic_is_read_through_a_subscription_of_its_own() {
    let emulator = shop();
    publish(&emulator, &["before"]);
    let reading = Reading::of(PubSub::topic(TOPIC).on(&cloud(&emulator)).streams(1));
    let split = reading.splits().unwrap().remove(0);
    assert!(split.subscription.starts_with("projects/shop/subscriptions/flow-orders-"), "{split:?}");
    publish(&emulator, &["after"]);
    let mut reader = reading.open(&split);
    assert_eq!(texts(&reading.next(&mut reader, 1).unwrap().values), ["after"]);
}

#[test]
fn a_topic_read_through_a_named_subscription_goes_on_where_it_was() {
    let emulator = shop();
    let mine = "projects/shop/subscriptions/mine";
    let source = || PubSub::topic_through(TOPIC, mine).on(&cloud(&emulator)).streams(1);
    assert!(Reading::of(source()).splits().unwrap()[0].is_new);
    publish(&emulator, &["between"]);
    let reading = Reading::of(source());
    assert_eq!(texts(&reading.next(&mut reading.reader(), 1).unwrap().values), ["between"]);
    assert!(!reading.splits().unwrap()[0].is_new);

    emulator.pubsub().create_topic("projects/shop/topics/other").unwrap();
    let other = PubSub::topic_through("projects/shop/topics/other", mine).on(&cloud(&emulator));
    assert_eq!(
        Reading::of(other).splits().unwrap_err().to_string(),
        "projects/shop/subscriptions/mine is a subscription of projects/shop/topics/orders, not of \
         projects/shop/topics/other: name another"
    );
    let missing = PubSub::topic("projects/shop/topics/nothing").on(&cloud(&emulator));
    assert_eq!(
        Reading::of(missing).splits().unwrap_err().to_string(),
        "there is no projects/shop/topics/nothing: make it with `gcloud pubsub topics create nothing --project shop`"
    );
}

#[test]
fn the_watermark_does_not_pass_what_the_reader_still_has() {
    let emulator = shop();
    let reading = Reading::of(orders(&emulator).timestamp_attribute("at"));
    let old = emulator.pubsub().publish(TOPIC, "old", &[("at", "2020-01-01T00:00:00Z")]).unwrap();
    let mut reader = reading.reader();
    let read = reading.next(&mut reader, 1).unwrap();
    assert_eq!(read.values[0].as_ref().unwrap().id, old);
    assert_eq!(reader.watermark().to_string(), "2020-01-01T00:00:00Z");
}
