//! The program on an emulator that stands elsewhere: it is told, killed, and started again.

mod process;

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use flow_gcp_emulator::Emulator;
use process::{terminated, until};
use serde_json::{Value, json};

const SUBSCRIPTION: &str = "projects/shop/subscriptions/backend-events-topic-sub";
const TOPIC: &str = "projects/shop/topics/backend-events-topic";

fn shop() -> Emulator {
    let emulator = Emulator::start().unwrap();
    emulator.pubsub().create_topic(TOPIC).unwrap();
    emulator.pubsub().create_subscription(SUBSCRIPTION, TOPIC).unwrap();
    emulator.gcs().create_bucket("events").unwrap();
    emulator.bigquery().create_dataset("shop", "raw_events").unwrap();
    emulator.bigquery().create_dataset("shop", "curated_events").unwrap();
    emulator
}

fn program(emulator: &Emulator) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_backend-events"));
    program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).env_clear();
    for service in ["PUBSUB", "STORAGE", "BIGQUERY"] {
        program.env(format!("{service}_EMULATOR_HOST"), emulator.address());
    }
    program
}

fn started(emulator: &Emulator) -> Child {
    program(emulator).args(["--project", "shop", "--bucket", "events", "--epoch", "100ms"]).spawn().unwrap()
}

fn publish(emulator: &Emulator, orders: std::ops::Range<u32>) {
    for n in orders {
        let id = format!("8c5ad9a8-2b5c-4b3e-9d55-{n:012}");
        let order = json!({
            "event_type": "order", "order_id": id, "customer_id": id, "status": "pending",
            "order_date": jiff::Timestamp::now().to_string(), "total_amount": 59.97,
            "items": [{"product_id": id, "product_name": "Product 1", "quantity": 3, "price": 19.99}],
            "shipping_address": {"street": "1 Main St", "city": "Oslo", "country": "Norway"}
        });
        emulator.pubsub().publish(TOPIC, order.to_string(), &[("type", "order")]).unwrap();
    }
}

fn in_table(emulator: &Emulator) -> BTreeSet<String> {
    emulator.bigquery().rows("shop", "raw_events", "order").iter().map(id).collect()
}

fn in_objects(emulator: &Emulator) -> BTreeSet<String> {
    let objects = emulator.gcs();
    let names = objects.list("events", "output/order/");
    let texts =
        names.iter().map(|name| String::from_utf8(objects.read("events", name).unwrap().to_vec()).unwrap());
    let ids = |text: String| -> Vec<String> {
        text.lines().map(|line| id(&serde_json::from_str(line).unwrap())).collect()
    };
    texts.flat_map(ids).collect()
}

fn id(order: &Value) -> String {
    order["order_id"].as_str().unwrap().to_owned()
}

fn wanted(orders: std::ops::Range<u32>) -> BTreeSet<String> {
    orders.map(|n| format!("8c5ad9a8-2b5c-4b3e-9d55-{n:012}")).collect()
}

#[test]
fn a_process_that_is_killed_again_and_again_loses_nothing() {
    let emulator = shop();
    let mut published = 0;
    for round in 0..4 {
        let mut process = started(&emulator);
        publish(&emulator, published..published + 500);
        published += 500;
        // Each time it is elsewhere: from reading the first of them on.
        let seen = in_table(&emulator).len();
        until("it writes", || in_table(&emulator).len() > seen + round * 100);
        process.kill().unwrap();
        process.wait().unwrap();
        // What it had been given comes again when its lease is over.
        emulator.clock().advance(Duration::from_mins(10));
    }
    // What one had been given and had not passed on when it was told to end, is the next one's.
    let backlog = || emulator.pubsub().backlog(SUBSCRIPTION).unwrap();
    let mut rounds = 0;
    while backlog().unacked > 0 {
        let before = backlog().delivered;
        let last = started(&emulator);
        until("it has all that is left", || backlog().delivered >= before + backlog().unacked);
        until("all is in the table", || in_table(&emulator) == wanted(0..published));
        let ended = terminated(last);
        // One that had not begun to listen yet is killed by the signal, and has taken nothing.
        let killed = ended.status.signal() == Some(15);
        assert!(ended.status.success() || killed, "{}", String::from_utf8_lossy(&ended.stderr));
        emulator.clock().advance(Duration::from_mins(10));
        rounds += 1;
        assert!(rounds < 10, "{} messages are never acknowledged", backlog().unacked);
    }
    assert_eq!(in_objects(&emulator), wanted(0..published));
    assert_eq!(in_table(&emulator), wanted(0..published));
}

/// All lines of all objects of orders, and how many objects there are.
fn object_lines(emulator: &Emulator) -> (Vec<String>, usize) {
    let objects = emulator.gcs();
    let names = objects.list("events", "output/order/");
    let text = |name: &String| String::from_utf8(objects.read("events", name).unwrap().to_vec()).unwrap();
    let mut ids: Vec<String> = names
        .iter()
        .flat_map(|name| {
            text(name).lines().map(|line| id(&serde_json::from_str(line).unwrap())).collect::<Vec<_>>()
        })
        .collect();
    ids.sort();
    (ids, names.len())
}

fn row_ids(emulator: &Emulator) -> Vec<String> {
    let mut ids: Vec<String> =
        emulator.bigquery().rows("shop", "raw_events", "order").iter().map(id).collect();
    ids.sort();
    ids
}

fn number(name: &str, unset: u32) -> u32 {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(unset)
}

/// `FLOW_KILLS` and `FLOW_EVENTS` say how often and of how many; `./kill-and-count` prints the counts.
#[test]
#[expect(clippy::disallowed_methods, reason = "kills come at any moment")]
fn with_a_state_directory_objects_rows_and_input_are_equal_whenever_it_is_killed() {
    let (kills, each) = (number("FLOW_KILLS", 6), number("FLOW_EVENTS", 2_000) / 10);
    let (emulator, state) = (shop(), tempfile::tempdir().unwrap());
    let durable = |more: &[&str]| {
        let mut program = program(&emulator);
        program.args([
            "--project",
            "shop",
            "--bucket",
            "events",
            "--epoch",
            "50ms",
            "--allow-ephemeral-state",
        ]);
        program.arg("--state-dir").arg(state.path().join("state")).args(more).spawn().unwrap()
    };
    let mut published = 0;
    for kill in 0..kills {
        let mut process = durable(&[]);
        if published < each * 10 {
            publish(&emulator, published..published + each);
            published += each;
        }
        std::thread::sleep(Duration::from_millis(u64::from(
            100 + (kill.wrapping_mul(2_654_435_761) >> 16) % 900,
        )));
        process.kill().unwrap();
        process.wait().unwrap();
        emulator.clock().advance(Duration::from_mins(10)); // what it had been given comes again
    }
    publish(&emulator, published..each * 10);
    published = each * 10;
    let all: Vec<String> = wanted(0..published).into_iter().collect();
    let last = durable(&[]);
    until("all is in the table", || row_ids(&emulator).len() >= all.len());
    assert!(terminated(last).status.success(), "suspended");
    let drained = durable(&["--drain"]).wait_with_output().unwrap();
    assert!(drained.status.success(), "{}", String::from_utf8_lossy(&drained.stderr));
    let ((lines, objects), rows) = (object_lines(&emulator), row_ids(&emulator));
    println!(
        "killed {kills} times: {published} valid events, {} lines in {objects} objects, {} rows",
        lines.len(),
        rows.len()
    );
    assert_eq!(rows, all, "rows");
    assert_eq!(lines, all, "lines of objects");
}

#[test]
fn told_nothing_it_uses_the_emulator_of_the_environment() {
    let emulator = Emulator::start().unwrap();
    let ended = program(&emulator).args(["--count", "500"]).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let told = String::from_utf8(ended.stdout).unwrap();
    for wanted in [
        "on the emulators of PUBSUB_EMULATOR_HOST",
        "gs://flow-demo-events, ",
        "GROUP BY status",
        "processing",
    ] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    assert_eq!(
        emulator.pubsub().unacked("projects/flow-demo/subscriptions/backend-events-topic-sub").unwrap(),
        []
    );
}

#[test]
fn told_nothing_it_starts_an_emulator_of_its_own() {
    let mut alone = Command::new(env!("CARGO_BIN_EXE_backend-events"));
    let ended = alone.args(["--count", "500"]).env_clear().stdin(Stdio::null()).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let told = String::from_utf8(ended.stdout).unwrap();
    assert!(told.starts_with("on an emulator in this process, at http://127.0.0.1:"), "{told}");
    assert!(told.contains("user_activity_"), "{told}");
}
