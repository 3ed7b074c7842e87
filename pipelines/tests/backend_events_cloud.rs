//! The pipeline on Google Cloud, which is an emulator here: a topic in, objects and tables out.

mod support;

use std::collections::BTreeMap;

use bytes::Bytes;
use flow_core::prelude::*;
use flow_gcp_emulator::Emulator;
use flow_io::gcp::GoogleCloud;
use flow_runner_local::{LocalRunner, Options, Report};
use pipelines::backend_events::pipeline::{Settings, backend_events};
use pipelines::backend_events::{
    Catalog, Datasets, Input, Objects, Output, Subscription, Tables, backfill, generate,
};
use serde_json::{Value, json};
use support::{activity, inventory, order};

const SUBSCRIPTION: &str = "projects/shop/subscriptions/backend-events-topic-sub";
const TOPIC: &str = "projects/shop/topics/backend-events-topic";

/// An emulator with all that the pipeline needs.
struct Shop {
    emulator: Emulator,
    cloud: GoogleCloud,
}

impl Shop {
    fn open() -> Shop {
        let emulator = Emulator::start().unwrap();
        emulator.pubsub().create_topic(TOPIC).unwrap();
        emulator.pubsub().create_subscription(SUBSCRIPTION, TOPIC).unwrap();
        emulator.gcs().create_bucket("events").unwrap();
        emulator.bigquery().create_dataset("shop", "raw_events").unwrap();
        emulator.bigquery().create_dataset("shop", "curated").unwrap();
        let cloud = GoogleCloud::at(&emulator.endpoint());
        Shop { emulator, cloud }
    }

    fn publish(&self, data: impl Into<Bytes>, attributes: &[(&str, &str)]) {
        self.emulator.pubsub().publish(TOPIC, data, attributes).unwrap();
    }

    fn settings(&self) -> Settings {
        let datasets =
            Datasets { project: "shop".into(), raw: "raw_events".into(), curated: "curated".into() };
        let output = Output {
            objects: "gs://events/output".into(),
            tables: Tables::BigQuery(datasets),
            cloud: self.cloud.clone(),
            exactly_once: false,
        };
        Settings { output, ..Settings::under("unused") }
    }

    /// Runs the pipeline until it has read so many messages.
    fn run(&self, settings: &Settings, messages: u64) -> Report {
        let p = Pipeline::new();
        let input =
            Subscription { name: SUBSCRIPTION.into(), cloud: self.cloud.clone(), ends_after: Some(messages) };
        backend_events(&p, &Input::Subscription(input), settings);
        let report = LocalRunner::new(Options::default().with_workers(2)).run(p);
        report.unwrap_or_else(|error| panic!("{}", error.report()))
    }

    /// The lines of the objects of a kind, by name.
    fn objects(&self, kind: &str) -> BTreeMap<String, Vec<Value>> {
        let objects = self.emulator.gcs();
        let lines = |name: &String| {
            let bytes = objects.read("events", name).unwrap();
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        let names = objects.list("events", &format!("output/{kind}/"));
        names.iter().map(|name| (name.clone(), lines(name))).collect()
    }

    fn landed(&self, kind: &str) -> usize {
        self.objects(kind).values().map(Vec::len).sum()
    }

    fn rows(&self, dataset: &str, table: &str) -> Vec<Value> {
        self.emulator.bigquery().rows("shop", dataset, table)
    }
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}

#[test]
fn landing_tables_and_valid_input_are_equal_and_everything_is_acknowledged() {
    let shop = Shop::open();
    let made = generate::Settings {
        start: Timestamp::from_micros(jiff::Timestamp::now().as_microsecond()),
        invalid_per_mille: 20,
        ..generate::Settings::default()
    };
    for i in 0..3_000 {
        shop.publish(generate::event(1, i, &made), &[("type", generate::kind(1, i))]);
    }
    let report = shop.run(&shop.settings(), 3_000);
    let count = |name: &str| report.summary.counter(name) as usize;
    let mut events = 0;
    for kind in ["order", "inventory", "user_activity"] {
        let valid = count(&format!("events.{kind}"));
        assert!(valid > 900, "{valid}");
        assert_eq!(shop.landed(kind), valid, "objects of {kind}");
        assert_eq!(shop.rows("raw_events", kind).len(), valid, "rows of {kind}");
        events += valid;
    }
    let letters = 3_000 - events;
    assert!((20..=120).contains(&letters), "{letters}");
    assert_eq!(shop.landed("dead-letter"), letters);
    assert_eq!(shop.rows("raw_events", "dead_letters").len(), letters);
    assert_eq!(shop.rows("curated", "order_header").len(), count("events.order"));
    assert_eq!(shop.rows("curated", "activity").len(), count("events.user_activity"));
    let net = |row: &Value| row["net_quantity"].as_i64().unwrap();
    let change = |row: &Value| row["quantity_change"].as_i64().unwrap();
    let nets: i64 = shop.rows("curated", "inventory_net").iter().map(net).sum();
    assert_eq!(nets, shop.rows("raw_events", "inventory").iter().map(change).sum::<i64>());
    assert_eq!(shop.emulator.pubsub().unacked(SUBSCRIPTION).unwrap(), []);
}

#[test]
fn the_tables_have_the_published_schemas_partitions_and_clusters() {
    let shop = Shop::open();
    let at = now();
    for event in [order(1, &at), inventory(2, &at, 5), activity(3, &at)] {
        shop.publish(event.to_string(), &[]);
    }
    shop.run(&shop.settings(), 3);
    let text = |table: &str| {
        let table = shop.emulator.bigquery().table("shop", "raw_events", table).unwrap();
        let mut text = String::new();
        describe(&mut text, &table["schema"]["fields"], 1);
        let by = &table["timePartitioning"];
        let clusters: Vec<_> =
            table["clustering"]["fields"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
        text + &format!(
            "by {} on {}; {}",
            by["type"].as_str().unwrap(),
            by["field"].as_str().unwrap(),
            clusters.join(", ")
        )
    };
    insta::assert_snapshot!(text("order"), @r"
      event_type          STRING    REQUIRED
      order_id            STRING    REQUIRED
      customer_id         STRING    REQUIRED
      order_date          TIMESTAMP REQUIRED
      status              STRING    REQUIRED
      items               RECORD    REPEATED
        product_id        STRING    REQUIRED
        product_name      STRING    REQUIRED
        quantity          INTEGER   REQUIRED
        price             FLOAT     REQUIRED
      shipping_address    RECORD    REQUIRED
        street            STRING    REQUIRED
        city              STRING    REQUIRED
        country           STRING    REQUIRED
      total_amount        FLOAT     REQUIRED
    by DAY on order_date; status, customer_id
    ");
    insta::assert_snapshot!(text("inventory"), @r"
      event_type          STRING    REQUIRED
      inventory_id        STRING    REQUIRED
      product_id          STRING    REQUIRED
      warehouse_id        STRING    REQUIRED
      quantity_change     INTEGER   REQUIRED
      reason              STRING    REQUIRED
      timestamp           TIMESTAMP REQUIRED
    by DAY on timestamp; product_id, warehouse_id
    ");
    insta::assert_snapshot!(text("user_activity"), @r"
      event_type          STRING    REQUIRED
      user_id             STRING    REQUIRED
      activity_type       STRING    REQUIRED
      ip_address          STRING    REQUIRED
      user_agent          STRING    REQUIRED
      timestamp           TIMESTAMP REQUIRED
      metadata            RECORD    REQUIRED
        session_id        STRING    REQUIRED
        platform          STRING    REQUIRED
    by DAY on timestamp; activity_type, user_id
    ");
}

fn describe(text: &mut String, fields: &Value, depth: usize) {
    for field in fields.as_array().into_iter().flatten() {
        let part = |name: &str| field[name].as_str().unwrap_or("?").to_owned();
        let name = format!("{:indent$}{}", "", part("name"), indent = 2 * depth);
        *text += format!("{name:<22}{:<10}{}", part("type"), part("mode")).trim_end();
        text.push('\n');
        describe(text, &field["fields"], depth + 1);
    }
}

#[test]
fn a_fourth_type_is_a_line_of_configuration() {
    let shop = Shop::open();
    let entry = r#"[{"name": "refund", "event_time": "at", "cluster_by": ["order_id"], "fields": [
        {"name": "event_type", "type": "STRING"}, {"name": "order_id", "type": "STRING", "uuid": true},
        {"name": "at", "type": "TIMESTAMP"}]}]"#;
    let refund = json!({"event_type": "refund", "order_id": support::id(1), "at": "2025-02-08T13:09:00.5"});
    shop.publish(refund.to_string(), &[]);
    let catalog = Catalog::builtin().with(entry).unwrap().into();
    let settings = Settings { catalog, allowed_lateness: std::time::Duration::MAX, ..shop.settings() };
    shop.run(&settings, 1);
    let rows = shop.rows("raw_events", "refund");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["order_id"], support::id(1));
    let objects = shop.objects("refund");
    assert_eq!(objects.keys().next().unwrap(), "output/refund/2025/02/08/13/09/refund_2025020813090001.json");
}

#[test]
fn a_message_of_no_known_type_is_kept_and_becomes_a_dead_letter() {
    let shop = Shop::open();
    shop.publish(r#"{"event_type": "refund"}"#, &[("type", "refund")]);
    shop.publish(&b"\xff\xfe{"[..], &[]);
    shop.run(&shop.settings(), 2);
    assert_eq!(shop.landed("unknown"), 2);
    assert_eq!(shop.landed("dead-letter"), 2);
    let rows = shop.rows("raw_events", "dead_letters");
    let mut reasons: Vec<_> = rows.iter().map(|row| row["errors"][0].as_str().unwrap().to_owned()).collect();
    reasons.sort();
    assert_eq!(reasons[0], "event_type: `refund` is none of order, inventory, user_activity");
    assert!(reasons[1].starts_with("not JSON"), "{}", reasons[1]);
}

#[test]
fn an_object_each_has_a_name_of_its_own_that_a_second_delivery_has_too() {
    let shop = Shop::open();
    let settings = Settings { objects: Objects::Event, curated: false, ..shop.settings() };
    let at = now();
    let publish = || (0..50).for_each(|n| shop.publish(order(n, &at).to_string(), &[]));
    publish();
    shop.run(&settings, 50);
    let names: Vec<_> = shop.objects("order").into_keys().collect();
    assert_eq!(names.len(), 50);
    publish();
    shop.run(&settings, 50);
    assert_eq!(shop.objects("order").into_keys().collect::<Vec<_>>(), names);
}

#[test]
fn a_subscription_that_is_not_there_is_said_at_the_start() {
    let shop = Shop::open();
    let p = Pipeline::new();
    let name = "projects/shop/subscriptions/none".to_owned();
    let input = Subscription { name, cloud: shop.cloud.clone(), ends_after: None };
    backend_events(&p, &Input::Subscription(input), &shop.settings());
    let error = LocalRunner::new(Options::default()).run(p).unwrap_err();
    assert!(error.to_string().contains("projects/shop/subscriptions/none"), "{error}");
    assert!(error.report().contains("gcloud pubsub subscriptions create"), "{}", error.report());
}

/// The rows that are in a table after a backfill from objects.
fn backfilled(shop: &Shop, patterns: &[&str]) -> usize {
    let settings = shop.settings();
    let Tables::BigQuery(datasets) = &settings.output.tables else { unreachable!("they are in BigQuery") };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let there = runtime.block_on(backfill::existing(&shop.cloud, datasets, &settings.catalog)).unwrap();
    let p = Pipeline::new();
    let patterns = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
    backfill::backfill(&p, &Input::Objects(patterns, shop.cloud.clone()), &settings, datasets, &there);
    let report = LocalRunner::new(Options::default().with_workers(2)).run(p);
    report.unwrap_or_else(|error| panic!("{}", error.report()));
    shop.rows("raw_events", "order").len()
}

#[test]
fn a_backfill_adds_what_is_not_in_the_tables_and_an_overlapping_day_adds_nothing() {
    let shop = Shop::open();
    let at = now();
    (0..30).for_each(|n| shop.publish(order(n, &at).to_string(), &[]));
    shop.run(&shop.settings(), 30);
    let lines = |orders: std::ops::Range<u32>| -> String {
        orders.map(|n| order(n, &at).to_string().replace('Z', "+00:00") + "\n").collect()
    };
    shop.emulator.gcs().write("events", "history/one.json", lines(20..50)).unwrap();
    shop.emulator.gcs().write("events", "history/two.json", lines(40..60)).unwrap();
    assert_eq!(backfilled(&shop, &["gs://events/output/order/**"]), 30);
    assert_eq!(backfilled(&shop, &["gs://events/output/order/**", "gs://events/history/*.json"]), 60);
    assert_eq!(backfilled(&shop, &["gs://events/history/*.json"]), 60);
    let ids: std::collections::BTreeSet<_> =
        shop.rows("raw_events", "order").iter().map(|row| row["order_id"].to_string()).collect();
    assert_eq!(ids.len(), 60);
    assert_eq!(shop.rows("curated", "order_header").len(), 60);
}

#[test]
fn a_backfill_makes_the_tables_that_are_not_there() {
    let shop = Shop::open();
    shop.emulator.gcs().write("events", "history/one.json", order(1, &now()).to_string()).unwrap();
    assert_eq!(backfilled(&shop, &["gs://events/history/*"]), 1);
}
