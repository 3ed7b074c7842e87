//! Streaming inserts: what is in the tables after runs, whatever goes wrong on the way.
#![cfg(feature = "bigquery")]

mod bigquery_kit;

use bigquery_kit::{Order, cloud, emulator, ids, order, orders, run, table, to, write_bounded, write_stream};
use flow_core::prelude::*;
use flow_core::testing::collect;
use flow_gcp_emulator::{Fault, When};
use flow_io::bigquery::{BigQuery, Create, Disposition, Schema};
use serde_json::json;

#[test]
fn a_table_is_made_as_the_sink_says_and_all_rows_are_in_it() {
    let emulator = emulator();
    let sink = BigQuery::table("p:shop.visits")
        .on(&cloud(&emulator))
        .schema("id:INT64:REQUIRED, at:TIMESTAMP, page:STRING")
        .partitioned_by_day("at")
        .clustered_by(["page", "id"])
        .streaming_inserts();
    let p = Pipeline::new();
    let visits = (0..2_000).map(|id| json!({"id": id, "at": "2025-02-25T10:00:00+01:00", "page": "home"}));
    p.create(visits.collect::<Vec<_>>()).write(sink);
    let report = run(p).unwrap();
    assert_eq!(ids(&emulator, "visits"), to(2_000));
    assert_eq!(report.summary.counter("write.written"), 2_000);
    let made = emulator.bigquery().table("p", "shop", "visits").unwrap();
    assert_eq!(made["timePartitioning"]["type"], "DAY");
    assert_eq!(made["timePartitioning"]["field"], "at");
    assert_eq!(made["clustering"]["fields"], json!(["page", "id"]));
    let first = &emulator.bigquery().rows("p", "shop", "visits")[0];
    assert_eq!(first["at"], "2025-02-25T09:00:00Z");
    assert_eq!(emulator.calls("bigquery.tables.insert"), 1);
}

#[test]
fn a_server_that_fails_holds_up_and_loses_nothing() {
    let emulator = emulator();
    emulator.faults().add("bigquery.insertAll", When::Nth(1), Fault::Html);
    emulator.faults().add("bigquery.insertAll", When::Nth(3), Fault::status(500));
    emulator.faults().add(
        "bigquery.insertAll",
        When::Nth(4),
        Fault::Status { code: 429, retry_after: Some(0) },
    );
    emulator.faults().add("bigquery.insertAll", When::Nth(5), Fault::Reset);
    emulator.faults().add("bigquery.tables.*", When::First(2), Fault::status(503));
    let report = write_bounded(table(&emulator).streaming_inserts().batch_rows(100), 1_000).unwrap();
    assert_eq!(ids(&emulator, "orders"), to(1_000));
    assert!(report.summary.counter("write.retries") >= 4);
}

#[test]
fn rows_whose_answer_was_lost_are_there_once_by_their_insert_ids() {
    let emulator = emulator();
    emulator.faults().add("bigquery.insertAll", When::Every(2), Fault::LostAnswer);
    write_bounded(table(&emulator).streaming_inserts().batch_rows(100), 1_000).unwrap();
    assert_eq!(ids(&emulator, "orders"), to(1_000));
    assert!(emulator.faults().met("bigquery.insertAll") >= 5);
}

#[test]
fn rows_of_one_insert_id_are_one() {
    let emulator = emulator();
    let sink = table(&emulator).streaming_inserts().insert_id(|order: &Order| (order.id % 10).to_string());
    write_bounded(sink, 100).unwrap();
    assert_eq!(ids(&emulator, "orders").len(), 10);
}

#[test]
fn rows_that_do_not_fit_or_are_refused_come_back_with_the_reason_and_the_others_are_written() {
    let emulator = emulator();
    emulator.faults().add("bigquery.insertAll.rows", When::Nth(1), Fault::RowErrors);
    let p = Pipeline::new();
    let mut all: Vec<_> = (0..10).map(|id| json!({"id": id})).collect();
    all.push(json!({"id": "many"}));
    let sink = BigQuery::table("p.shop.orders").on(&cloud(&emulator)).schema("id:INT64:REQUIRED");
    let refused = collect(&p.create(all).try_write(sink.streaming_inserts()));
    run(p).unwrap();
    let mut refused = refused.values();
    refused.sort_by_key(|r| r.value["id"].is_i64());
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert_eq!(refused[0].destination, "p.shop.orders");
    assert_eq!(refused[0].reason, "`id` is \"many\", which is no INT64");
    assert!(refused[1].reason.ends_with("(invalid)"), "{}", refused[1].reason);
    assert_eq!(ids(&emulator, "orders").len(), 9);
}

#[test]
fn a_table_that_was_just_made_is_waited_for() {
    let emulator = emulator();
    emulator.bigquery().hide_new_tables(5);
    write_bounded(table(&emulator).streaming_inserts(), 10).unwrap();
    assert_eq!(ids(&emulator, "orders"), to(10));
}

#[test]
fn a_table_that_is_gone_fails_the_run() {
    let emulator = emulator();
    emulator
        .bigquery()
        .create_table("p", "shop", "orders", json!([{"name": "id", "type": "INT64"}]))
        .unwrap();
    emulator.faults().add("bigquery.insertAll", When::Always, Fault::status(404));
    emulator.faults().add("bigquery.tables.get", When::Nth(2), Fault::status(404));
    let sink = table(&emulator).schema("id:INT64").ignore_unknown_fields().streaming_inserts();
    let error = write_bounded(sink, 10).unwrap_err().report();
    assert!(error.contains("rows cannot be inserted into the table p.shop.orders"), "{error}");
}

#[test]
fn a_request_that_is_too_large_is_split() {
    let emulator = emulator();
    emulator.faults().add("bigquery.insertAll", When::First(3), Fault::status(413));
    write_bounded(table(&emulator).streaming_inserts(), 400).unwrap();
    assert_eq!(ids(&emulator, "orders"), to(400));
}

#[test]
fn a_row_beyond_the_limit_is_refused() {
    let emulator = emulator();
    let p = Pipeline::new();
    let big = Order { id: 7, name: Some("x".repeat(10 << 20)) };
    let refused = collect(&p.create(vec![order(1), big]).try_write(table(&emulator).streaming_inserts()));
    run(p).unwrap();
    let reasons: Vec<_> = refused.values().into_iter().map(|r| (r.value.id, r.reason)).collect();
    assert_eq!(reasons, [(7, "the row is of 10485778 bytes, above the limit of 9437184".to_owned())]);
    assert_eq!(ids(&emulator, "orders"), [1]);
}

#[test]
fn destinations_named_by_data_are_made_once_and_wrong_names_are_refused() {
    let emulator = emulator();
    let p = Pipeline::new();
    let all: Vec<(String, Order)> = (0..300)
        .map(|id| (["eu", "us", "x`; DROP", "../other", "a.b"][id as usize % 5].to_owned(), order(id)))
        .collect();
    let on = cloud(&emulator);
    let orders = p.create(all).map(|(kind, order)| json!({"id": order.id, "kind": kind}));
    let refused = orders.try_write_by(
        |order| order["kind"].as_str().unwrap_or_default().to_owned(),
        move |kind: &String| {
            BigQuery::table_in("p.shop", kind).on(&on).schema("id:INT64, kind:STRING").streaming_inserts()
        },
    );
    let refused = collect(&refused);
    let report = run(p).unwrap();
    assert_eq!(emulator.bigquery().tables(), ["p:shop.eu", "p:shop.us"]);
    assert_eq!((ids(&emulator, "eu").len(), ids(&emulator, "us").len()), (60, 60));
    assert_eq!(refused.values().len(), 180);
    assert!(refused.values().iter().all(|r| r.reason.contains("is no name of a table")));
    assert_eq!(emulator.calls("bigquery.tables.insert"), 2);
    assert_eq!(report.summary.counter("try_write_by.written"), 120, "{:?}", report.summary.metrics);
}

#[test]
fn tables_beyond_the_limit_of_an_hour_are_not_made() {
    let emulator = emulator();
    let on = cloud(&emulator);
    let p = Pipeline::new();
    let refused = p.create(orders(0..50)).try_write_by(
        |order| order.id,
        move |id: &i64| {
            let table = BigQuery::table_in("p.shop", format!("t{id}")).on(&on).schema(Schema::of::<Order>());
            table.max_new_tables(20).streaming_inserts()
        },
    );
    let refused = collect(&refused);
    run(p).unwrap();
    assert_eq!(emulator.bigquery().tables().len(), 20);
    let reason = "it would be the table beyond 20 made within an hour: raise `max_new_tables`";
    assert_eq!(refused.values().iter().filter(|r| r.reason == reason).count(), 30);
}

#[test]
fn what_the_user_has_to_mend_is_said_at_the_start() {
    let emulator = emulator();
    let error =
        |sink| write_bounded(sink, 10).unwrap_err().to_string().split_once("): ").unwrap().1.to_owned();
    let on = cloud(&emulator);
    let missing = BigQuery::table("p.none.t").on(&on).schema(Schema::of::<Order>());
    assert_eq!(error(missing), "the dataset p:none does not exist: create it with `bq mk --dataset p:none`");
    assert_eq!(
        error(table(&emulator).create(Create::Never)),
        "the table p.shop.orders does not exist: create it, or write with Create::IfNeeded"
    );
    assert_eq!(
        error(BigQuery::table("p.shop.orders").on(&on)),
        "the table p.shop.orders does not exist: create it, or give a schema to create it with"
    );
    assert_eq!(
        error(BigQuery::table("orders").on(&on)),
        "`orders` names no table: write project.dataset.table"
    );
    assert_eq!(
        error(table(&emulator).partitioned_by_hour("at")),
        "the table p.shop.orders is partitioned by `at`, which is no column of its schema"
    );
    assert_eq!(
        error(table(&emulator).write(Disposition::Truncate)),
        "writing to the table p.shop.orders: rows are replaced by file loads alone: name a place for them with `staging`"
    );
    emulator.faults().add("bigquery.tables.get", When::Always, Fault::status(403));
    assert!(error(table(&emulator)).starts_with("the table p.shop.orders cannot be looked up: "));
    assert_eq!(emulator.bigquery().tables(), ["p:shop.orders"]);
}

#[test]
fn a_stream_neither_truncates_nor_wants_an_empty_table() {
    let emulator = emulator();
    let error = write_stream(table(&emulator).write(Disposition::Truncate), 1, 1).unwrap_err().to_string();
    assert!(error.ends_with("a collection that does not end is appended: leave out `write`"), "{error}");
}

#[test]
fn a_table_that_is_to_be_empty_is_looked_at_first() {
    let emulator = emulator();
    write_bounded(table(&emulator).streaming_inserts().write(Disposition::Empty), 10).unwrap();
    let error =
        write_bounded(table(&emulator).streaming_inserts().write(Disposition::Empty), 10).unwrap_err();
    let wanted = "the table p.shop.orders is to be empty and has rows: empty it, or append";
    assert!(error.to_string().ends_with(wanted), "{error}");
    assert_eq!(ids(&emulator, "orders"), to(10));
}

#[test]
fn columns_are_added_only_where_that_is_allowed() {
    let emulator = emulator();
    emulator
        .bigquery()
        .create_table("p", "shop", "orders", json!([{"name": "id", "type": "INT64"}]))
        .unwrap();
    let error = write_bounded(table(&emulator).streaming_inserts(), 10).unwrap_err().to_string();
    let wanted = "the table p.shop.orders lacks name: add it, or allow it to be added with `add_fields`";
    assert!(error.ends_with(wanted), "{error}");
    write_bounded(table(&emulator).streaming_inserts().add_fields(true), 10).unwrap();
    let made = emulator.bigquery().table("p", "shop", "orders").unwrap();
    assert_eq!(made["schema"]["fields"][1]["name"], "name");
    assert_eq!(ids(&emulator, "orders"), to(10));
    let error = write_bounded(table(&emulator).schema("id:STRING"), 10).unwrap_err().to_string();
    let wanted = "does not take these rows: `id` is INT64 in the table, and STRING here";
    assert!(error.ends_with(wanted), "{error}");
}
