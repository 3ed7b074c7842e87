//! Faults of Pub/Sub, while messages are published.

use flow_core::prelude::*;
use flow_gcp_emulator::{Code, Emulator, Fault, When};
use flow_io::pubsub::PubSub;
use flow_runner_local::{LocalRunner, Options};

use super::cell::{MESSAGES, ORDERS, TOPIC, difference, open_shop, told};
use super::{PERCENT_1, PERCENT_10, PERCENT_50, all, cloud, slow};

const PUBLISH: &str = "pubsub.Publish";

#[test]
fn messages_are_published_whatever_meets_them() {
    let cells = [
        (PUBLISH, PERCENT_1, Fault::Grpc(Code::Unavailable)),
        (PUBLISH, PERCENT_10, Fault::Grpc(Code::Aborted)),
        (PUBLISH, PERCENT_10, Fault::Grpc(Code::ResourceExhausted)),
        (PUBLISH, PERCENT_10, Fault::Grpc(Code::Internal)),
        (PUBLISH, PERCENT_50, Fault::Grpc(Code::Cancelled)),
        (PUBLISH, PERCENT_10, slow()),
        ("pubsub.admin.getTopic", When::First(3), Fault::status(503)),
        ("pubsub.admin.getTopic", When::First(3), Fault::Html),
        (PUBLISH, PERCENT_1, Fault::LostAnswer),
        (PUBLISH, PERCENT_50, Fault::LostAnswer),
    ];
    all(cells, |(call, when, fault)| {
        let doubles = fault == Fault::LostAnswer;
        let outcome = publish(call, when, &fault, doubles);
        outcome.map_err(|wrong| format!("{call} {when:?} {fault:?}\n    {wrong}"))
    });
}

/// What is wrong with the messages after they were published under a fault.
fn publish(call: &str, when: When, fault: &Fault, doubles: bool) -> Result<(), String> {
    let emulator = Emulator::start().expect("an emulator");
    open_shop(&emulator, serde_json::Value::Null);
    emulator.faults().add(call, when, fault.clone());
    let sink = PubSub::publish_to(TOPIC).on(&cloud(&emulator));
    let sink = sink.batched(20, 1 << 20, std::time::Duration::from_millis(5));
    let p = Pipeline::new();
    p.create(0..MESSAGES).write(sink.json());
    let report = told(LocalRunner::new(Options::default().with_workers(2)).run(p))?;
    let published = emulator.pubsub().unacked(ORDERS).expect("a subscription");
    let ids = published.iter().map(|message| serde_json::from_slice(&message.data).unwrap_or(-1));
    if let Some(wrong) = difference("the topic", &(0..MESSAGES).collect::<Vec<_>>(), ids.collect(), doubles) {
        return Err(wrong);
    }
    if emulator.faults().met(call) == 0 {
        return Err("it was never met".to_owned());
    }
    match report.summary.counter("write.written") {
        written if written == MESSAGES as u64 => Ok(()),
        written => Err(format!("{written} messages count as written")),
    }
}
