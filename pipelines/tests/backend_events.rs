//! What the pipeline promises, on the reference runner.

mod support;

use std::sync::Arc;
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::stream;
use pipelines::backend_events::pipeline::{Settings, store};
use pipelines::backend_events::{Catalog, DeadLetter, Objects, Received, schema};
use serde_json::{Value, json};
use support::*;
use tempfile::tempdir;

const AT: &str = "2025-02-08T13:09:00Z";
const KINDS: [&str; 3] = ["order", "inventory", "user_activity"];

#[test]
fn the_body_says_the_type_and_where_the_attribute_disagrees_that_is_counted() {
    let root = tempdir().unwrap();
    let mut untyped = inventory(2, AT, 5);
    untyped.as_object_mut().unwrap().remove("event_type");
    let message = |body: &Value, attribute: &str| Received {
        attribute: Some(attribute.to_owned()),
        ..Received::data(body.to_string())
    };
    let messages = [
        message(&order(1, AT), "order"),
        message(&order(2, AT), "inventory"),
        message(&untyped, "inventory"),
    ];
    let summary = run_messages(messages, &Settings::under(root.path()));
    assert_eq!(summary.counter("warnings.types_disagree"), 1);
    assert_eq!(summary.counter("events.order"), 2);
    assert_eq!(summary.counter("events.inventory"), 1);
    assert_eq!(landed(root.path(), &["order"]), 2);
}

#[test]
fn an_order_lies_at_the_path_of_its_minute() {
    let root = tempdir().unwrap();
    run([&order(1, AT), &order(2, "2025-02-08T14:09:59.999999+01:00")], &Settings::under(root.path()));
    let objects = objects(&root.path().join("order"));
    assert_eq!(objects.keys().collect::<Vec<_>>(), ["2025/02/08/13/09/order_2025020813090001.json"]);
    assert_eq!(objects.values().next().unwrap().len(), 2);
}

#[test]
fn ten_thousand_events_of_a_millisecond_are_ten_thousand_records_and_a_rerun_adds_none() {
    let events: Vec<_> = (0..10_000).map(|n| inventory(n, "2025-02-08T13:09:00.123Z", 1)).collect();
    for objects in [Objects::Minute, Objects::Event] {
        let root = tempdir().unwrap();
        let settings = Settings { objects, curated: false, ..Settings::under(root.path()) };
        for _ in 0..2 {
            run(&events, &settings);
            assert_eq!(landed(root.path(), &KINDS), 10_000, "{objects:?}");
            assert_eq!(row_count(&root.path().join("tables/raw_events")), 10_000);
        }
        let written = files(&root.path().join("inventory"), "json").len();
        assert_eq!(written, if objects == Objects::Event { 10_000 } else { 1 });
    }
}

#[test]
fn one_object_an_event_is_the_other_mode() {
    let root = tempdir().unwrap();
    let settings = Settings { objects: Objects::Event, ..Settings::under(root.path()) };
    // The same message delivered twice is the same object.
    run([&order(1, AT), &order(2, AT), &order(2, AT)], &settings);
    let objects = objects(&root.path().join("order"));
    assert_eq!(objects.len(), 2);
    for (path, events) in objects {
        assert!(path.starts_with("2025/02/08/13/09/order_202502081309_"), "{path}");
        assert_eq!(events.len(), 1);
    }
    assert_eq!(files(root.path(), "tmp"), [""; 0]);
}

#[test]
fn the_tables_have_the_published_schemas_and_a_folder_a_day() {
    let root = tempdir().unwrap();
    let next = "2025-02-09T00:00:00Z";
    run(
        [&order(1, AT), &order(2, next), &inventory(1, AT, 5), &activity(1, AT)],
        &Settings::under(root.path()),
    );
    let tables = root.path().join("tables/raw_events");
    let wanted = [
        "inventory/timestamp=2025-02-08/data-00001-of-00001.parquet",
        "order/order_date=2025-02-08/data-00001-of-00001.parquet",
        "order/order_date=2025-02-09/data-00001-of-00001.parquet",
        "user_activity/timestamp=2025-02-08/data-00001-of-00001.parquet",
    ];
    assert_eq!(files(&tables, "parquet"), wanted);
    let catalog = Catalog::builtin();
    for file in wanted {
        let kind = file.split('/').next().unwrap();
        let of_kind = schema::arrow_schema(&schema::table_schema(catalog.get(kind).unwrap()));
        assert_eq!(table_schema(&tables.join(file)).fields(), of_kind.fields(), "{file}");
    }
    let mut row = order(2, "2025-02-09T00:00:00Z");
    row["order_date"] = json!("2025-02-09T00:00:00Z");
    assert_eq!(table(&tables.join("order"))["order_date=2025-02-09/data-00001-of-00001.parquet"], [row]);
}

#[test]
fn a_key_that_is_no_column_stays_in_the_object() {
    let root = tempdir().unwrap();
    let mut event = order(1, AT);
    event["coupon"] = json!("SPRING");
    let summary = run([&event], &Settings::under(root.path()));
    assert_eq!(summary.counter("warnings.extra_field"), 1);
    assert_eq!(objects(&root.path().join("order")).into_values().next().unwrap()[0]["coupon"], "SPRING");
    assert_eq!(row_count(&root.path().join("tables/raw_events/order")), 1);
}

#[test]
fn a_fourth_type_is_an_entry_of_a_catalog() {
    const REFUND: &str = r#"[{"name": "refund", "event_time": "refunded_at", "table": "refunds", "fields": [
        {"name": "event_type", "type": "STRING"},
        {"name": "order_id", "type": "STRING", "uuid": true},
        {"name": "refunded_at", "type": "TIMESTAMP"},
        {"name": "cents", "type": "INTEGER", "range": [1, 100000]}]}]"#;
    let root = tempdir().unwrap();
    let catalog = Arc::new(Catalog::builtin().with(REFUND).unwrap());
    let refund =
        |cents| json!({"event_type": "refund", "order_id": id(1), "refunded_at": AT, "cents": cents});
    let summary =
        run([&refund(1), &order(1, AT), &refund(0)], &Settings { catalog, ..Settings::under(root.path()) });
    assert_eq!(summary.counter("events.refund"), 1);
    assert_eq!(summary.counter("dead_letters.invalid"), 1);
    let objects = objects(&root.path().join("refund"));
    assert_eq!(objects.keys().collect::<Vec<_>>(), ["2025/02/08/13/09/refund_2025020813090001.json"]);
    let rows = table(&root.path().join("tables/raw_events/refunds"));
    let row = json!({"event_type": "refund", "order_id": id(1), "refunded_at": AT, "cents": 1});
    assert_eq!(rows["refunded_at=2025-02-08/data-00001-of-00001.parquet"], [row]);
}

#[test]
fn every_broken_rule_is_a_dead_letter_with_its_errors_and_the_rest_goes_on() {
    let with = |key: &str, value: Value| {
        let mut event = inventory(1, AT, 5);
        event[key] = value;
        event
    };
    let mut missing = inventory(1, AT, 5);
    missing.as_object_mut().unwrap().remove("reason");
    let broken = [
        (with("quantity_change", json!(101)), "quantity_change: 101 is not in -100 to 100"),
        (with("quantity_change", json!(-101)), "quantity_change: -101 is not in -100 to 100"),
        (with("reason", json!("theft")), "reason: `theft` is none of restock, sale, return, damage"),
        (with("product_id", json!("17")), "product_id: `17` is not a uuid"),
        (with("timestamp", json!("noon")), "timestamp: `noon` is not a timestamp"),
        (missing, "reason: is missing"),
    ];
    for (event, error) in broken {
        let root = tempdir().unwrap();
        let good = [inventory(1, AT, 100), inventory(2, AT, -100)];
        let summary = run([&good[0], &event, &good[1]], &Settings::under(root.path()));
        assert_eq!(summary.counter("dead_letters.invalid"), 1, "{error}");
        assert_eq!(landed(root.path(), &KINDS), 2);
        let letters = objects(&root.path().join("dead-letter/inventory"));
        assert_eq!(letters.into_values().next().unwrap(), [json!({"errors": [error], "event": event})]);
        let row = table(&root.path().join("tables/dead_letters")).into_values().next().unwrap().remove(0);
        assert_eq!(row["errors"], json!([error]));
        assert_eq!(serde_json::from_str::<Value>(row["event"].as_str().unwrap()).unwrap(), event);
    }
}

#[test]
fn unknown_types_lie_in_a_tree_of_their_own_as_they_were_sent_and_among_the_dead_letters() {
    let root = tempdir().unwrap();
    let refund = json!({"event_type": "refund", "timestamp": AT});
    let messages =
        [Received::data(refund.to_string()), Received::data("{}"), Received::data(b"\xff{".to_vec())];
    let summary = run_messages(messages, &Settings::under(root.path()));
    assert_eq!(summary.counter("dead_letters.unknown"), 3);
    let unknown = objects(&root.path().join("unknown"));
    assert_eq!(unknown["2025/02/08/13/09/unknown_2025020813090001.json"], std::slice::from_ref(&refund));
    assert_eq!(unknown["undated/unknown_undated0001.json"], [json!({}), json!("\u{fffd}{")]);
    let letters = objects(&root.path().join("dead-letter/unknown"));
    let error = "event_type: `refund` is none of order, inventory, user_activity";
    let wanted = json!({"errors": [error], "event": refund});
    assert_eq!(letters["2025/02/08/13/09/unknown_2025020813090001.json"], [wanted]);
    assert_eq!(row_count(&root.path().join("tables/dead_letters")), 3);
}

#[test]
fn a_late_event_reaches_its_minute_and_a_later_one_is_a_dead_letter() {
    let root = tempdir().unwrap();
    let settings = Settings { allowed_lateness: Duration::from_mins(10), ..Settings::under(root.path()) };
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let comes = |event: Value, when: &str| (Ok::<_, DeadLetter>(Received::data(event.to_string())), at(when));
    let p = Pipeline::new();
    let messages = stream()
        .add([comes(order(1, "2025-02-08T23:59:10Z"), "2025-02-08T23:59:11Z")])
        .watermark(at("2025-02-09T00:09:59Z"))
        .add([comes(order(2, "2025-02-08T23:59:20Z"), "2025-02-09T00:09:59Z")])
        .watermark(at("2025-02-09T00:10:01Z"))
        .add([comes(order(3, "2025-02-08T23:59:30Z"), "2025-02-09T00:10:01Z")])
        .collection(&p);
    store(&p, &messages, &settings);
    let summary = ReferenceRunner::new().run(p).unwrap_or_else(|error| panic!("{}", error.report()));

    assert_eq!(summary.counter("dead_letters.late"), 1);
    assert_eq!(summary.dropped_late(), 0);
    let landed = objects(&root.path().join("order"));
    let ids: Vec<_> = landed.values().flatten().map(|event| event["order_id"].as_str().unwrap()).collect();
    assert_eq!(ids, [id(1), id(2)]);
    assert!(landed.keys().all(|path| path.starts_with("2025/02/08/23/59/")));
    let rows = table(&root.path().join("tables/raw_events/order"));
    assert!(rows.keys().all(|path| path.starts_with("order_date=2025-02-08/")));
    assert_eq!(rows.values().flatten().count(), 2);
    let letters = objects(&root.path().join("dead-letter/order"));
    let letter = &letters.values().next().unwrap()[0];
    assert_eq!(letter["errors"], json!(["late: its minute had ended more than 10m before it came"]));
    assert_eq!(letter["event"]["order_id"], id(3));
}

#[test]
fn three_forms_of_an_instant_are_the_same_event() {
    let forms =
        ["2025-02-25T03:56:53.060650", "2025-02-25T03:56:53.060650Z", "2025-02-25T05:56:53.060650+02:00"];
    let root = tempdir().unwrap();
    let settings = Settings { objects: Objects::Event, ..Settings::under(root.path()) };
    run(&forms.map(|form| order(1, form)), &settings);
    let objects = objects(&root.path().join("order"));
    assert_eq!(objects.len(), 1);
    let event = &objects.values().next().unwrap()[0];
    assert_eq!(event["order_date"], "2025-02-25T03:56:53.060650Z");
}

#[test]
fn three_orders_make_the_curated_tables() {
    let root = tempdir().unwrap();
    let mut two_items = order(2, AT);
    two_items["items"] = json!([
        {"product_id": id(2), "product_name": "Product 2", "quantity": 1, "price": 1.005},
        {"product_id": id(4), "product_name": "Product 4", "quantity": 10, "price": 100.0}
    ]);
    let mut no_items = order(3, AT);
    no_items["items"] = json!([]);
    let stock = [inventory(1, AT, 100), inventory(2, AT, -30), inventory(3, "2025-02-09T00:00:00Z", 7)];
    let events = [&order(1, AT), &two_items, &no_items, &stock[0], &stock[1], &stock[2], &activity(1, AT)];
    run(events, &Settings::under(root.path()));

    let rows = |name: &str| -> Vec<Value> {
        table(&root.path().join("tables/curated").join(name)).into_values().flatten().collect()
    };
    let headers: Vec<_> =
        rows("order_header").iter().map(|r| (r["item_count"].clone(), r["items_total"].clone())).collect();
    assert_eq!(headers, [(json!(1), json!(59.97)), (json!(2), json!(1001.01)), (json!(0), json!(0.0))]);
    let lines: Vec<_> =
        rows("order_item").iter().map(|r| (r["line"].clone(), r["line_total"].clone())).collect();
    assert_eq!(lines, [(json!(1), json!(59.97)), (json!(1), json!(1.01)), (json!(2), json!(1000.0))]);
    let net = |day: &str, net: i64| json!({"day": day, "product_id": id(2), "warehouse_id": id(3), "net_quantity": net});
    assert_eq!(rows("inventory_net"), [net("2025-02-08T00:00:00Z", 70), net("2025-02-09T00:00:00Z", 7)]);
    assert_eq!(rows("activity")[0]["platform"], "web");
}
