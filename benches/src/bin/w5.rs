//! W5: JSON events parsed, routed by type, enriched, and written as newline JSON, a file for each type.

use std::path::PathBuf;

use benches::{files_below, print};
use clap::Parser;
use flow_core::prelude::*;
use flow_io::files::JsonFiles;
use flow_runner_local::{LocalRunner, Options};
use serde::{Deserialize, Serialize};

#[derive(Parser)]
struct Args {
    /// Newline JSON to read.
    input: String,
    /// The folder to write to.
    output: PathBuf,
    #[clap(flatten)]
    runner: Options,
}

#[derive(Clone, Deserialize, Serialize)]
struct Customer {
    id: u64,
    country: String,
}

#[derive(Clone, Deserialize, Serialize, Split)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Event {
    Order(Order),
    Inventory(Inventory),
    Activity(Activity),
}

#[derive(Clone, Deserialize, Serialize)]
#[expect(clippy::struct_field_names, reason = "the input's names")]
struct Order {
    ts: u64,
    order_id: String,
    customer: Customer,
    sku: String,
    qty: u32,
    unit_price_cents: u64,
    status: String,
}

#[derive(Clone, Deserialize, Serialize)]
struct Inventory {
    sku: String,
    warehouse: String,
    delta: i64,
    on_hand: u64,
    reason: String,
    ts: u64,
}

#[derive(Clone, Deserialize, Serialize)]
struct Activity {
    user_id: u64,
    session: String,
    action: String,
    page: String,
    duration_ms: u64,
    score: f64,
    ts: u64,
}

#[derive(Clone, Serialize)]
struct OrderRow {
    order_id: String,
    customer_id: u64,
    country: String,
    sku: String,
    qty: u32,
    total_cents: u64,
    status: String,
    ts: u64,
}

impl From<Order> for OrderRow {
    fn from(order: Order) -> Self {
        let Order { ts, order_id, customer, sku, qty, unit_price_cents, status } = order;
        let total_cents = u64::from(qty) * unit_price_cents;
        OrderRow {
            order_id,
            customer_id: customer.id,
            country: customer.country,
            sku,
            qty,
            total_cents,
            status,
            ts,
        }
    }
}

fn main() {
    let args = Args::parse();
    let p = Pipeline::new();
    let cents = p.counter("cents");
    let total = cents.clone();
    let (events, bad) = p.read(JsonFiles::<Event>::matching(args.input)).split();
    let EventOutputs { order, inventory, activity } = events.split();
    order
        .map(OrderRow::from)
        .inspect(move |order| total.add(order.total_cents))
        .write(JsonFiles::under(args.output.join("order")));
    inventory.write(JsonFiles::under(args.output.join("inventory")));
    activity.write(JsonFiles::under(args.output.join("activity")));
    bad.for_each(|_| {});
    let report = LocalRunner::new(args.runner).run(p).unwrap_or_else(|e| panic!("{}", e.report()));
    let written = |name| report.step(name).map_or(0, |step| step.elements_in);
    let bad = written("for_each");
    let bytes: u64 =
        files_below(&args.output).iter().filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum();
    let check = format!(
        "{}/{}/{}/{bad}/{}/{bytes}",
        written("write"),
        written("write-2"),
        written("write-3"),
        cents.value()
    );
    print("w5", &report, report.step("read").map_or(0, |step| step.elements_out), check);
    eprintln!("{report}");
}
