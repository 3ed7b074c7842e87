//! Whole services that are away for a while.

use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use flow_core::prelude::*;
use flow_gcp_emulator::{Emulator, Fault, When};
use flow_io::gcp::{GoogleCloud, Retry};
use flow_io::pubsub::PubSub;
use flow_runner_local::{LocalRunner, Options};

use super::cell::{
    Cell, MESSAGES, Method, ORDERS, Order, cell, difference, object_ids, open_shop, publish, row_ids,
    unacked, write,
};
use super::{all, cloud};

/// So many calls are answered with 503 or UNAVAILABLE.
const OUTAGE: When = When::First(30);

#[test]
fn a_service_that_is_away_at_the_start_is_waited_for() {
    let cells = [
        cell("pubsub.admin.*", OUTAGE, Fault::status(503)),
        cell("storage.*", OUTAGE, Fault::status(503)),
        cell("bigquery.*", OUTAGE, Fault::status(503)).into(Method::ExactlyOnce),
        cell("bigquery.*", OUTAGE, Fault::Html).into(Method::Inserts),
        cell("bigquery.*", OUTAGE, Fault::Reset).into(Method::Default).doubles_rows(),
    ];
    all(cells, Cell::check);
}

#[test]
fn a_service_that_goes_away_in_the_middle_is_waited_for() {
    let cells = [
        cell("storage.*", OUTAGE, Fault::status(503)).repeats_objects(),
        cell("bigquery.*", OUTAGE, Fault::status(503)).repeats_rows(),
        cell("bigquery.*", OUTAGE, Fault::Html).repeats_rows(),
        cell("bigquery.AppendRows.append", OUTAGE, Fault::Reset)
            .into(Method::Default)
            .doubles_rows()
            .repeats_rows(),
        cell("bigquery.*", OUTAGE, Fault::status(503)).into(Method::ExactlyOnce).repeats_rows(),
        cell("pubsub.*", When::First(3), Fault::status(503)).into(Method::ExactlyOnce).redelivers(),
    ];
    all(cells, |cell| cell.in_the_middle().check());
}

/// The process of the services ends when half of the messages have come, and another takes its place.
#[test]
fn services_that_end_and_come_back_are_gone_on_with() {
    let folder = tempfile::tempdir().expect("a folder");
    let before = Emulator::builder().folder(folder.path()).start().expect("an emulator");
    open_shop(&before, serde_json::Value::Null);
    publish(&before, 0..MESSAGES, "an order");
    let port = before.address().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let cloud = cloud(&before);
    let (told, coming) = channel();
    let p = Pipeline::new();
    let source = PubSub::subscription(ORDERS).on(&cloud).max_outstanding(100, 1 << 20).streams(1);
    let (orders, _) = p.read(source.json::<Order>()).split();
    write(&orders.inspect(move |order| _ = told.send(order.id)), &cloud, Method::ExactlyOnce);
    let job = runner().start(p).expect("a start");
    (0..MESSAGES / 2).for_each(|_| _ = coming.recv().expect("half of the messages"));
    drop(before);
    let after = again_on(port, folder.path());
    while unacked(&after) > 0 {
        if let Err(RecvTimeoutError::Timeout) = coming.recv_timeout(Duration::from_millis(300)) {
            after.clock().advance(Duration::from_secs(70));
        }
    }
    job.drain();
    job.wait().expect("a run");
    judge(&after);
}

/// Nobody listens at first, as when a pipeline starts before its emulators.
#[test]
fn services_that_are_not_there_yet_are_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let before = Emulator::builder().folder(folder.path()).start().expect("an emulator");
    open_shop(&before, serde_json::Value::Null);
    publish(&before, 0..MESSAGES, "an order");
    drop(before);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let retry = Retry::without_end().pausing(Duration::from_millis(2), Duration::from_millis(20));
    let cloud = GoogleCloud::at(&format!("127.0.0.1:{port}")).with_retry(retry);
    let p = Pipeline::new();
    let source = PubSub::subscription(ORDERS).on(&cloud).streams(1).json::<Order>();
    let (orders, _) = p.read(source.ending_after(MESSAGES as u64)).split();
    write(&orders, &cloud, Method::ExactlyOnce);
    let job = runner().start(p).expect("a start");
    (0..5).for_each(|_| drop(listener.accept().expect("a question")));
    drop(listener);
    let after = again_on(port, folder.path());
    job.wait().expect("a run");
    judge(&after);
}

fn runner() -> LocalRunner {
    LocalRunner::new(Options { epoch: Duration::from_millis(100), ..Options::default().with_workers(2) })
}

/// The port is free when the last task of the emulator before has ended.
fn again_on(port: u16, folder: &Path) -> Emulator {
    loop {
        match Emulator::builder().port(port).folder(folder).start() {
            Ok(emulator) => return emulator,
            Err(_) => std::thread::yield_now(),
        }
    }
}

fn judge(emulator: &Emulator) {
    let wanted: Vec<i64> = (0..MESSAGES).collect();
    assert_eq!(difference("the objects", &wanted, object_ids(emulator), false), None);
    assert_eq!(difference("the table", &wanted, row_ids(emulator), false), None);
    assert_eq!(unacked(emulator), 0);
}
