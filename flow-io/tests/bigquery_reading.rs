//! Tables and the results of queries, read by several workers.
#![cfg(feature = "bigquery")]

mod bigquery_kit;

use bigquery_kit::{Order, cloud, emulator, orders, run, table, write_bounded};
use flow_core::prelude::*;
use flow_core::testing::{collect, conformance};
use flow_gcp_emulator::{Emulator, Fault, When};
use flow_io::bigquery::{BadRow, BigQuery, ReadRows};
use serde::{Deserialize, Serialize};

fn filled(count: i64) -> Emulator {
    let emulator = emulator();
    write_bounded(table(&emulator).streaming_inserts(), count).unwrap();
    emulator
}

fn read(source: ReadRows<Order>) -> Vec<Order> {
    let p = Pipeline::new();
    let rows = collect(&p.read(source).map(|row| row.unwrap()));
    run(p).unwrap();
    let mut rows = rows.values();
    rows.sort_by_key(|order| order.id);
    rows
}

#[test]
fn every_row_of_a_table_is_read_once() {
    let emulator = filled(1_000);
    emulator.faults().add("bigquery.tabledata.list", When::Every(4), Fault::Html);
    let source = BigQuery::read("p.shop.orders").on(&cloud(&emulator)).page_rows(70);
    assert_eq!(read(source), orders(0..1_000));
    assert!(emulator.calls("bigquery.tabledata.list") > 15);
}

#[test]
fn a_table_and_a_result_are_lawful_sources() {
    let emulator = filled(300);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _inside = runtime.enter();
    let on = cloud(&emulator);
    let rows: Vec<Result<Order, BadRow>> = emulator
        .bigquery()
        .rows("p", "shop", "orders")
        .into_iter()
        .map(|row| Ok(serde_json::from_value(row).unwrap()))
        .collect();
    conformance::source(&BigQuery::read::<Order>("p.shop.orders").on(&on).page_rows(40), &rows);
    let query = "SELECT id, name FROM `p.shop.orders`";
    conformance::source(&BigQuery::query::<Order>(query).project("p").on(&on).page_rows(40), &rows);
}

#[test]
fn a_query_is_read_though_its_answers_are_lost() {
    let emulator = filled(100);
    emulator.faults().add("bigquery.jobs.*", When::Every(2), Fault::LostAnswer);
    let query = BigQuery::query("SELECT id, name FROM `p.shop.orders` WHERE id >= 40 ORDER BY id");
    assert_eq!(read(query.project("p").on(&cloud(&emulator)).page_rows(20)), orders(40..100));
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Named {
    name: String,
}

#[test]
fn a_row_that_is_no_such_value_is_set_aside() {
    let emulator = emulator();
    let p = Pipeline::new();
    p.create(vec![Order { id: 1, name: None }, Order { id: 2, name: Some("b".into()) }])
        .write(table(&emulator).streaming_inserts());
    run(p).unwrap();
    let p = Pipeline::new();
    let rows = p.read(BigQuery::read::<Named>("p.shop.orders").columns(["name"]).on(&cloud(&emulator)));
    let rows = collect(&rows);
    run(p).unwrap();
    let (good, bad): (Vec<_>, Vec<_>) = rows.values().into_iter().partition(Result::is_ok);
    assert_eq!(good, [Ok(Named { name: "b".into() })]);
    let bad = bad[0].clone().unwrap_err();
    assert_eq!(bad.place, "p.shop.orders");
    assert_eq!(bad.cells, r#"{"f":[{}]}"#);
    assert!(bad.reason.contains("name"), "{}", bad.reason);
}

#[test]
fn what_cannot_be_read_is_said_before_the_run() {
    let emulator = filled(1);
    let on = cloud(&emulator);
    let error = |source: ReadRows<Order>| {
        let p = Pipeline::new();
        p.read(source.on(&on)).for_each(|_| ());
        let error = run(p).unwrap_err();
        (error.kind(), error.to_string().split_once("): ").unwrap().1.to_owned())
    };
    let (kind, text) = error(BigQuery::read("p.shop.none"));
    assert_eq!(kind, flow_core::ErrorKind::Config);
    assert!(text.starts_with("the table p.shop.none cannot be read: Not found"), "{text}");
    let (_, text) = error(BigQuery::read("p.shop.orders").columns(["nam"]));
    assert_eq!(text, "the table p.shop.orders has no column `nam`");
    let (_, text) = error(BigQuery::query("SELECT 1"));
    assert_eq!(text, "a query needs a project that pays for it: set `project`");
    let (_, text) = error(BigQuery::query("SELEC 1").project("p"));
    assert!(text.starts_with("the query cannot be read: ") && text.contains("invalidQuery"), "{text}");
}
