//! Pipelines with Pub/Sub on the local runner, against the emulator.
#![cfg(feature = "pubsub")]

mod pubsub_kit;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::sink::Rejected;
use flow_gcp_emulator::{Code, Emulator, Fault, PubsubMessage, When};
use flow_io::pubsub::{Message, Outgoing, PubSub};
use flow_runner_local::{LocalRunner, Options, Report};
use pubsub_kit::*;

fn text(message: &Message) -> String {
    String::from_utf8(message.data.to_vec()).unwrap()
}

fn runner() -> LocalRunner {
    LocalRunner::new(Options { epoch: Duration::from_millis(200), ..Options::default().with_workers(2) })
}

fn counted(report: &Report, name: &str) -> u64 {
    report.summary.counter(name)
}

#[test]
fn fifty_thousand_messages_come_out_once_and_are_acknowledged_once() {
    let emulator = shop();
    for thousand in 0..50 {
        let messages = (0..1_000).map(|n| PubsubMessage::new((thousand * 1_000 + n).to_string()));
        emulator.pubsub().publish_all(TOPIC, messages).unwrap();
    }
    let p = Pipeline::new();
    let (seen, results) = channel();
    p.read(orders(&emulator).streams(2)).named("read").for_each(move |message| {
        seen.send(text(message).parse::<usize>().unwrap()).unwrap();
    });
    let job = runner().start(p).unwrap();
    let mut times = vec![0; 50_000];
    for _ in 0..50_000 {
        times[results.recv_timeout(PATIENCE).unwrap()] += 1;
    }
    job.drain();
    let report = job.wait().unwrap();
    assert!(times.iter().all(|times| *times == 1) && results.try_recv().is_err());
    let backlog = emulator.pubsub().backlog(ORDERS).unwrap();
    assert_eq!((backlog.unacked, backlog.acknowledged), (0, 50_000));
    assert_eq!(counted(&report, "read.duplicates"), 0);
    let acks = counted(&report, "read.acks");
    assert!(acks as f64 <= 1.05 * backlog.delivered as f64, "{acks} for {}", backlog.delivered);
}

#[test]
fn a_window_closes_when_nothing_comes_any_more() {
    let emulator = shop();
    publish(&emulator, &["a", "b", "c"]);
    let p = Pipeline::new();
    let (seen, results) = channel();
    p.read(orders(&emulator))
        .window(Fixed::of(Duration::from_millis(1)))
        .combine(Count)
        .for_each(move |count| seen.send(*count).unwrap());
    let job = runner().start(p).unwrap();
    let mut counted = 0;
    while counted < 3 {
        counted += results.recv_timeout(PATIENCE).unwrap();
    }
    // They closed while the pipeline ran: only then is it told to end.
    assert_eq!(counted, 3);
    job.drain();
    job.wait().unwrap();
    assert_eq!(acknowledged(&emulator).len(), 3);
}

#[test]
fn a_run_that_is_cancelled_acknowledges_nothing_more_and_the_next_gets_it_all() {
    let emulator = shop();
    let ids = publish(&emulator, &["a", "b", "c"]);
    let (seen, results) = channel();
    let p = Pipeline::new();
    p.read(orders(&emulator)).for_each(move |message| seen.send(text(message)).unwrap());
    let slow =
        LocalRunner::new(Options { epoch: Duration::from_hours(1), ..Options::default().with_workers(1) });
    let job = slow.start(p).unwrap();
    (0..3).for_each(|_| drop(results.recv_timeout(PATIENCE).unwrap()));
    job.cancel();
    assert_eq!(job.wait().unwrap_err().kind(), flow_core::ErrorKind::Cancelled);
    assert_eq!(acknowledged(&emulator), [""; 0]);

    let (seen, results) = channel();
    let p = Pipeline::new();
    p.read(orders(&emulator)).for_each(move |message| seen.send(message.id.clone()).unwrap());
    let job = runner().start(p).unwrap();
    let mut again = Vec::new();
    while again.len() < 3 {
        match results.recv_timeout(Duration::from_millis(100)) {
            Ok(id) => again.push(id),
            // What the client could not give back in time comes when its leases have run out.
            Err(_) => emulator.clock().advance(Duration::from_secs(25)),
        }
    }
    again.sort_by_key(|id| id.parse::<u64>().unwrap());
    job.drain();
    job.wait().unwrap();
    assert_eq!((again, acknowledged(&emulator)), (ids.clone(), ids));
}

#[test]
fn a_server_that_is_away_at_the_start_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let before = Emulator::builder().folder(folder.path()).start().unwrap();
    stock(&before);
    publish(&before, &["a"]);
    drop(before);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (seen, results) = channel();
    let p = Pipeline::new();
    let source = PubSub::subscription(ORDERS).on(&hasty(&format!("127.0.0.1:{port}"))).streams(1);
    p.read(source).for_each(move |message| seen.send(text(message)).unwrap());
    let job = runner().start(p).unwrap();
    drop(listener.accept().unwrap()); // it has asked
    drop(listener);
    let emulator = again_on(port, folder.path());
    assert_eq!(results.recv_timeout(PATIENCE).unwrap(), "a");
    job.drain();
    job.wait().unwrap();
    assert_eq!(acknowledged(&emulator).len(), 1);
}

#[test]
fn a_server_that_goes_away_and_comes_back_is_read_on() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::builder().folder(folder.path()).start().unwrap();
    stock(&emulator);
    let port: u16 = emulator.address().rsplit(':').next().unwrap().parse().unwrap();
    publish(&emulator, &["a"]);
    let (seen, results) = channel();
    let p = Pipeline::new();
    p.read(orders(&emulator)).for_each(move |message| seen.send(text(message)).unwrap());
    let job = runner().start(p).unwrap();
    assert_eq!(results.recv_timeout(PATIENCE).unwrap(), "a");
    drop(emulator);
    let emulator = again_on(port, folder.path());
    publish(&emulator, &["b"]);
    assert_eq!(results.recv_timeout(PATIENCE).unwrap(), "b");
    job.drain();
    job.wait().unwrap();
}

/// The port is free when the last task of the emulator before has ended.
fn again_on(port: u16, folder: &std::path::Path) -> Emulator {
    loop {
        match Emulator::builder().port(port).folder(folder).start() {
            Ok(emulator) => return emulator,
            Err(_) => std::thread::yield_now(),
        }
    }
}

#[test]
fn bad_messages_go_their_own_way() {
    let emulator = shop();
    publish(&emulator, &["1", "x", "2"]);
    let (seen, results) = channel();
    let p = Pipeline::new();
    let (numbers, bad) = p.read(orders(&emulator).json::<u32>()).split();
    let good = seen.clone();
    numbers.for_each(move |n| good.send(n.to_string()).unwrap());
    bad.for_each(move |bad| seen.send(bad.reason.clone()).unwrap());
    let job = runner().start(p).unwrap();
    let mut read: Vec<_> = (0..3).map(|_| results.recv_timeout(PATIENCE).unwrap()).collect();
    job.drain();
    job.wait().unwrap();
    read.sort();
    assert_eq!(read, ["1", "2", "expected value at column 1"]);
}

fn published(emulator: &Emulator, subscription: &str) -> Vec<String> {
    let messages = emulator.pubsub().unacked(subscription).unwrap();
    messages.iter().map(|message| String::from_utf8(message.data.to_vec()).unwrap()).collect()
}

#[test]
fn elements_are_published_to_the_topics_that_they_name() {
    let emulator = shop();
    for parity in ["even", "odd"] {
        let (topic, all) =
            (format!("projects/shop/topics/{parity}"), format!("projects/shop/subscriptions/{parity}"));
        emulator.pubsub().create_topic(&topic).unwrap();
        emulator.pubsub().create_subscription(&all, &topic).unwrap();
    }
    let cloud = cloud(&emulator);
    let p = Pipeline::new();
    p.create(0..1_000_u32).write_by(
        |n| if n % 2 == 0 { "even" } else { "odd" }.to_owned(),
        move |parity| PubSub::publish_to(format!("projects/shop/topics/{parity}")).on(&cloud).json(),
    );
    runner().run(p).unwrap();
    let mut odd: Vec<u32> =
        published(&emulator, "projects/shop/subscriptions/odd").iter().map(|n| n.parse().unwrap()).collect();
    odd.sort_unstable();
    assert_eq!(odd, (0..500).map(|n| 2 * n + 1).collect::<Vec<_>>());
    assert_eq!(published(&emulator, "projects/shop/subscriptions/even").len(), 500);
}

#[test]
fn what_the_service_would_not_take_is_refused_with_the_reason() {
    let emulator = shop();
    let p = Pipeline::new();
    let (seen, results) = channel();
    p.create(["fine", ""].map(String::from))
        .try_write(PubSub::publish_to(TOPIC).on(&cloud(&emulator)))
        .for_each(move |rejected: &Rejected<String>| seen.send(rejected.clone()).unwrap());
    let report = runner().run(p).unwrap();
    let refused = results.try_recv().unwrap();
    assert_eq!(refused.value, "");
    assert_eq!(refused.destination, TOPIC);
    assert_eq!(refused.reason, "a message needs a payload or an attribute");
    assert_eq!(published(&emulator, ALL), ["fine"]);
    assert!(
        report
            .summary
            .metrics
            .iter()
            .any(|(name, value)| name.ends_with(".written") && value.to_string() == "1")
    );
}

#[test]
fn a_message_that_spoils_its_request_is_refused_alone() {
    let emulator = shop();
    // The request of all three, and of those one by one the second.
    emulator.faults().add("pubsub.Publish", When::Nth(1), Fault::Grpc(Code::InvalidArgument));
    emulator.faults().add("pubsub.Publish", When::Nth(3), Fault::Grpc(Code::InvalidArgument));
    let p = Pipeline::new();
    let (seen, results) = channel();
    p.create(["a", "b", "c"])
        .try_write(PubSub::publish_to(TOPIC).on(&cloud(&emulator)))
        .for_each(move |rejected: &Rejected<&'static str>| seen.send(rejected.clone()).unwrap());
    LocalRunner::new(Options::default().with_workers(1)).run(p).unwrap();
    let refused = results.try_recv().unwrap();
    assert_eq!(refused.value, "b");
    assert!(refused.reason.starts_with("Pub/Sub refuses it: "), "{}", refused.reason);
    assert_eq!(published(&emulator, ALL), ["a", "c"]);
}

#[test]
fn order_is_kept_within_a_key_although_requests_fail() {
    let emulator = shop();
    // The client gives up at once on this one, and so it is ours to repeat.
    emulator.faults().add("pubsub.Publish", When::Every(3), Fault::Grpc(Code::Cancelled));
    let cloud = cloud(&emulator);
    let p = Pipeline::new();
    let sink = PubSub::publish_to(TOPIC)
        .on(&cloud)
        .batched(50, 1 << 20, Duration::from_millis(1))
        .encode(|n: &u32| Outgoing::new(n.to_string()).ordering_key((n % 7).to_string()));
    p.create(0..7_000_u32).write(sink);
    LocalRunner::new(Options::default().with_workers(1)).run(p).unwrap();
    let mut by_key: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for n in published(&emulator, ALL) {
        let n: u32 = n.parse().unwrap();
        by_key.entry(n % 7).or_default().push(n);
    }
    assert!(emulator.faults().met("pubsub.Publish") > 3);
    for (key, values) in by_key {
        assert_eq!(values, (0..1_000).map(|n| n * 7 + key).collect::<Vec<_>>(), "of key {key}");
    }
}

#[test]
fn a_lost_answer_loses_nothing_and_the_id_tells_the_double() {
    let emulator = shop();
    emulator.faults().add("pubsub.Publish", When::First(2), Fault::LostAnswer);
    let sink = PubSub::publish_to(TOPIC)
        .on(&cloud(&emulator))
        .with_id("flow_id", |text: &&str| format!("id of {text}"));
    let p = Pipeline::new();
    p.create(["a", "b"]).write(sink);
    runner().run(p).unwrap();
    let messages = emulator.pubsub().unacked(ALL).unwrap();
    let ids: std::collections::BTreeSet<_> =
        messages.iter().map(|m| m.attributes["flow_id"].as_str()).collect();
    assert_eq!(ids.into_iter().collect::<Vec<_>>(), ["id of a", "id of b"]);
    assert!(messages.len() > 2);
}

#[test]
fn a_missing_topic_is_told_before_anything_is_read() {
    let emulator = shop();
    let p = Pipeline::new();
    let sink = PubSub::publish_to("projects/shop/topics/nothing").on(&cloud(&emulator));
    p.create(["a"]).inspect(|_| panic!("read")).write(sink);
    let error = runner().run(p).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "there is no projects/shop/topics/nothing: make it with `gcloud pubsub topics create nothing --project shop`"
        ),
        "{error}"
    );
    assert_eq!(emulator.calls("pubsub.Publish"), 0);
}

#[test]
fn a_missing_topic_among_destinations_fails_the_run_with_the_command_that_makes_it() {
    let emulator = shop();
    let cloud = cloud(&emulator);
    let p = Pipeline::new();
    p.create(["a"]).write_by(
        |_| "nothing".to_owned(),
        move |topic| PubSub::publish_to(format!("projects/shop/topics/{topic}")).on(&cloud),
    );
    let error = runner().run(p).unwrap_err().to_string();
    assert!(error.contains("make it with `gcloud pubsub topics create nothing --project shop`"), "{error}");
}

#[test]
fn the_sink_is_lawful() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let emulator = shop();
    let mut places = 0..;
    let fresh = || {
        let place = places.next().expect("places enough");
        let (topic, all) =
            (format!("projects/shop/topics/t-{place}"), format!("projects/shop/subscriptions/t-{place}"));
        emulator.pubsub().create_topic(&topic).unwrap();
        emulator.pubsub().create_subscription(&all, &topic).unwrap();
        PubSub::publish_to(topic).on(&cloud(&emulator))
    };
    let elements = ["a", "b", "c", "d", "e"].map(String::from);
    flow_core::testing::conformance::sink(fresh, &elements, |sink| {
        let describe = flow_core::sink::Sink::<String>::describe(sink);
        let topic = describe.rsplit('/').next().unwrap();
        published(&emulator, &format!("projects/shop/subscriptions/{topic}"))
    });
}

#[test]
fn the_sink_loses_nothing_though_the_process_is_killed() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let (emulator, state) = (shop(), tempfile::tempdir().unwrap());
    let fresh = |place: usize| {
        let (topic, all) =
            (format!("projects/shop/topics/t-{place}"), format!("projects/shop/subscriptions/t-{place}"));
        let _ = emulator.pubsub().create_topic(&topic); // another process has
        let _ = emulator.pubsub().create_subscription(&all, &topic);
        PubSub::publish_to(topic).on(&cloud(&emulator))
    };
    let elements: Vec<String> = (0..8).map(|n| format!("message {n}")).collect();
    flow_core::testing::conformance::sink_resumes(state.path(), false, fresh, &elements, |sink| {
        let describe = flow_core::sink::Sink::<String>::describe(sink);
        let topic = describe.rsplit('/').next().unwrap();
        published(&emulator, &format!("projects/shop/subscriptions/{topic}"))
    });
}
