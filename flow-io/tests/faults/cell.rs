//! One cell: messages of a subscription become objects and rows, under a fault.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::{Collected, collect};
use flow_core::{Error, Result};
use flow_gcp_emulator::{Emulator, Fault, Faults, PubsubMessage, When};
use flow_io::bigquery::{BigQuery, TableRow, WriteTable};
use flow_io::files::JsonFiles;
use flow_io::gcp::GoogleCloud;
use flow_io::pubsub::PubSub;
use flow_runner_local::{Job, LocalRunner, Options, Report};
use serde::{Deserialize, Serialize};

pub(crate) const TOPIC: &str = "projects/shop/topics/orders";
pub(crate) const ORDERS: &str = "projects/shop/subscriptions/orders";
pub(crate) const BUCKET: &str = "shop-data";

/// How many messages a cell has.
pub(crate) const MESSAGES: i64 = 300;

/// How many messages may be under way, so that a run has several epochs.
const UNDER_WAY: usize = 100;

/// Nothing has come for this long: what is leased to nobody has to expire.
const STALLED: Duration = Duration::from_millis(300);

/// How far the emulator's clock is turned then: beyond every lease.
const LEASE: Duration = Duration::from_secs(70);

#[derive(Clone, Debug, Serialize, Deserialize, TableRow)]
pub(crate) struct Order {
    pub(crate) id: i64,
    pub(crate) text: String,
}

#[derive(Clone, Debug, Serialize, TableRow)]
struct Row {
    id: i64,
}

/// How rows get into the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Inserts,
    Default,
    ExactlyOnce,
}

/// A fault, and what it may do to a run.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that a fault may do, and they combine")]
pub(crate) struct Cell {
    faults: Vec<(&'static str, When, Fault)>,
    method: Method,
    /// The step whose requests are repeated, and counted.
    retries: Option<&'static str>,
    doubles: bool,
    redelivers: bool,
    exactly_once_delivery: bool,
    refuses: bool,
    large: bool,
    holds: bool,
    in_the_middle: bool,
    hidden: u64,
}

/// A cell whose fault meets one call.
pub(crate) fn cell(call: &'static str, when: When, fault: Fault) -> Cell {
    Cell {
        faults: vec![(call, when, fault)],
        method: Method::Inserts,
        retries: None,
        doubles: false,
        redelivers: false,
        exactly_once_delivery: false,
        refuses: false,
        large: false,
        holds: false,
        in_the_middle: false,
        hidden: 0,
    }
}

impl Cell {
    pub(crate) fn and(mut self, call: &'static str, when: When, fault: Fault) -> Self {
        self.faults.push((call, when, fault));
        self
    }

    pub(crate) fn into(self, method: Method) -> Self {
        Cell { method, ..self }
    }

    /// The objects' requests are repeated, and counted.
    pub(crate) fn repeats_objects(self) -> Self {
        Cell { retries: Some("write.retries"), ..self }
    }

    /// The table's requests are repeated, and counted.
    pub(crate) fn repeats_rows(self) -> Self {
        Cell { retries: Some("try_write.retries"), ..self }
    }

    /// The method is at least once: rows whose answer was lost may be there twice.
    pub(crate) fn doubles_rows(self) -> Self {
        Cell { doubles: true, ..self }
    }

    /// Messages come more than once, since leases or acknowledgements get lost: the run goes on until the service has
    /// all acknowledgements, and the emulator's clock is turned when nothing comes.
    pub(crate) fn redelivers(self) -> Self {
        Cell { redelivers: true, ..self }
    }

    /// The subscription confirms acknowledgements.
    pub(crate) fn exactly_once_delivery(self) -> Self {
        Cell { exactly_once_delivery: true, ..self }
    }

    /// Some rows are refused.
    pub(crate) fn refuses(self) -> Self {
        Cell { refuses: true, ..self }
    }

    /// The objects are so large that they are uploaded in pieces.
    pub(crate) fn large(self) -> Self {
        Cell { large: true, ..self }
    }

    /// The table is not found by so many calls after it was made.
    pub(crate) fn hidden(self, hidden: u64) -> Self {
        Cell { hidden, ..self }
    }

    /// Messages are held so long that the client extends their leases.
    pub(crate) fn holds(self) -> Self {
        Cell { holds: true, ..self }
    }

    /// Nothing goes wrong before the second half of the messages comes.
    pub(crate) fn in_the_middle(self) -> Self {
        Cell { in_the_middle: true, ..self }
    }

    /// Runs it without a state directory and with one, and says what is wrong.
    pub(crate) fn check(self) -> Result<(), String> {
        let directory = tempfile::tempdir().expect("a directory");
        let durable = Options::default().with_state_dir(directory.path()).allowing_ephemeral_state();
        [("in memory", Options::default()), ("durable", durable)].into_iter().try_for_each(
            |(how, options)| {
                let outcome = self.run(options).map_err(|error| format!("it failed: {}", error.report()));
                outcome
                    .and_then(|ran| self.judge(&ran))
                    .map_err(|wrong| format!("{how}: {self:?}\n    {wrong}"))
            },
        )
    }

    fn run(&self, options: Options) -> Result<Ran> {
        let emulator = Emulator::start().expect("an emulator");
        let properties = serde_json::json!({ "enableExactlyOnceDelivery": self.exactly_once_delivery });
        open_shop(&emulator, properties);
        let padding = if self.large { "x".repeat(28 << 10) } else { "an order".to_owned() };
        publish(&emulator, 0..MESSAGES, &padding);
        emulator.bigquery().hide_new_tables(self.hidden);
        if !self.in_the_middle {
            add_all(&self.faults, &emulator.faults());
        }
        let (epoch, under_way) = self.pace();
        let cloud = crate::cloud(&emulator);
        let p = Pipeline::new();
        let source = PubSub::subscription(ORDERS).on(&cloud).max_outstanding(under_way, 256 << 20).streams(1);
        let source = source.json::<Order>();
        let orders =
            if self.redelivers { p.read(source) } else { p.read(source.ending_after(MESSAGES as u64)) };
        let (orders, bad) = orders.named("read").split();
        bad.for_each(|bad| panic!("{bad}"));
        let (told, coming) = channel();
        let later = Mutex::new(self.in_the_middle.then(|| (self.faults.clone(), emulator.faults())));
        let orders = orders.inspect(move |order| {
            if order.id >= MESSAGES / 2
                && let Some((faults, plan)) = later.lock().expect("no panic while it is locked").take()
            {
                add_all(&faults, &plan);
            }
            // Nobody listens where all is acknowledged at the first go.
            let _ = told.send(());
        });
        let refused = write(&orders, &cloud, self.method);
        let job = LocalRunner::new(options.with_epoch(epoch).with_workers(2)).start(p)?;
        if self.redelivers {
            attend(&job, &coming, &emulator);
            job.drain();
        }
        let report = job.wait()?;
        Ok(Ran { emulator, report, refused: refused.values() })
    }

    /// How long an epoch is, and how many messages may be under way.
    fn pace(&self) -> (Duration, usize) {
        if self.large {
            return (Duration::from_hours(1), MESSAGES as usize); // one object
        }
        let epoch = if self.holds { 1_200 } else { 100 };
        (Duration::from_millis(epoch), UNDER_WAY)
    }

    fn judge(&self, ran: &Ran) -> Result<(), String> {
        let mut wrong = Vec::new();
        let all: Vec<i64> = (0..MESSAGES).collect();
        wrong.extend(difference("the objects", &all, object_ids(&ran.emulator), false));
        let mut rows = row_ids(&ran.emulator);
        rows.extend(&ran.refused);
        wrong.extend(difference("the table", &all, rows, self.doubles));
        if self.refuses == ran.refused.is_empty() {
            wrong.push(format!("{} rows were refused", ran.refused.len()));
        }
        for (call, _, fault) in &self.faults {
            if ran.emulator.faults().met(call) == 0 {
                wrong.push(format!("{call} never met {fault:?}"));
            }
        }
        if let Some(counter) = self.retries
            && ran.report.summary.counter(counter) == 0
        {
            wrong.push(format!("{counter} is 0"));
        }
        let unacked = unacked(&ran.emulator);
        if unacked > 0 {
            let failed = ran.report.summary.counter("read.failed_acks");
            wrong.push(format!("{unacked} messages are not acknowledged; {failed} acknowledgements failed"));
        }
        let acks = ran.report.summary.counter("read.acks");
        if !self.redelivers && acks * 100 > MESSAGES as u64 * 105 {
            wrong.push(format!("{acks} acknowledgements for {MESSAGES} messages"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n    ")) }
    }
}

/// Turns the emulator's clock whenever nothing comes, until everything is acknowledged.
fn attend(job: &Job, coming: &Receiver<()>, emulator: &Emulator) {
    while !job.is_finished() {
        match coming.recv_timeout(STALLED) {
            Err(RecvTimeoutError::Timeout) if unacked(emulator) > 0 => emulator.clock().advance(LEASE),
            Ok(()) => {}
            Err(_) => return,
        }
    }
}

fn add_all(faults: &[(&'static str, When, Fault)], plan: &Faults) {
    for (call, when, fault) in faults {
        plan.add(call, *when, fault.clone());
    }
}

/// What a run left behind.
struct Ran {
    emulator: Emulator,
    report: Report,
    refused: Vec<i64>,
}

/// A topic with a subscription, a bucket, and a dataset.
pub(crate) fn open_shop(emulator: &Emulator, subscription: serde_json::Value) {
    emulator.pubsub().create_topic(TOPIC).expect("a topic");
    emulator.pubsub().create_subscription_with(ORDERS, TOPIC, subscription).expect("a subscription");
    emulator.gcs().create_bucket(BUCKET).expect("a bucket");
    emulator.bigquery().create_dataset("p", "shop").expect("a dataset");
}

pub(crate) fn publish(emulator: &Emulator, ids: std::ops::Range<i64>, text: &str) {
    let message = |id| PubsubMessage::new(format!(r#"{{"id": {id}, "text": "{text}"}}"#));
    emulator.pubsub().publish_all(TOPIC, ids.map(message)).expect("published");
}

/// Orders to `gs://` and to the table; the ids of those that the table refuses.
pub(crate) fn write(orders: &PCollection<Order>, cloud: &GoogleCloud, method: Method) -> Collected<i64> {
    orders.write(JsonFiles::under(format!("gs://{BUCKET}/orders")).on(cloud));
    let rows = orders.map(|order| Row { id: order.id });
    let table: WriteTable<Row> =
        BigQuery::table("p.shop.orders").on(cloud).schema("id:INT64:REQUIRED").batch_rows(10);
    let table = match method {
        Method::Inserts => table.streaming_inserts(),
        Method::Default => table.storage_write(),
        Method::ExactlyOnce => table.exactly_once(),
    };
    collect(&rows.try_write(table).map(|refused| refused.value.id))
}

pub(crate) fn object_ids(emulator: &Emulator) -> Vec<i64> {
    let gcs = emulator.gcs();
    let objects = gcs.list(BUCKET, "").into_iter();
    let bytes: Vec<_> = objects.map(|name| gcs.read(BUCKET, &name).expect("an object")).collect();
    let lines = bytes.iter().flat_map(|bytes| bytes.split(|byte| *byte == b'\n')).filter(|l| !l.is_empty());
    lines.map(|line| serde_json::from_slice::<Order>(line).map_or(-1, |order| order.id)).collect()
}

pub(crate) fn row_ids(emulator: &Emulator) -> Vec<i64> {
    let rows = emulator.bigquery().rows("p", "shop", "orders");
    rows.iter().map(|row| row["id"].as_i64().unwrap_or(-1)).collect()
}

pub(crate) fn unacked(emulator: &Emulator) -> u64 {
    emulator.pubsub().backlog(ORDERS).expect("a subscription").unacked
}

/// What is missing, what is there though nobody wrote it, and what is there too often.
pub(crate) fn difference(place: &str, wanted: &[i64], found: Vec<i64>, may_double: bool) -> Option<String> {
    let mut times: BTreeMap<i64, u32> = BTreeMap::new();
    for id in found {
        *times.entry(id).or_default() += 1;
    }
    let missing = wanted.iter().filter(|id| !times.contains_key(id)).count();
    let spurious = times.keys().filter(|id| wanted.binary_search(id).is_err()).count();
    let doubled = times.values().filter(|times| **times > 1).count();
    let is_right = missing == 0 && spurious == 0 && (may_double || doubled == 0);
    (!is_right).then(|| format!("in {place}: {missing} missing, {spurious} spurious, {doubled} doubled"))
}

/// As the errors of the run are told.
pub(crate) fn told(outcome: Result<Report>) -> Result<Report, String> {
    outcome.map_err(|error: Error| format!("it failed: {}", error.report()))
}
