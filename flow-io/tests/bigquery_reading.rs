//! Tables and the results of queries, read by several workers.
#![cfg(feature = "bigquery")]

mod bigquery_kit;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bigquery_kit::{Order, cloud, emulator, orders, run, table, write_bounded};
use flow_core::prelude::*;
use flow_core::testing::{collect, conformance};
use flow_gcp_emulator::{Emulator, Fault, When};
use flow_io::bigquery::{BadRow, BigQuery, ReadRows};
use flow_io::gcp::{GoogleCloud, Retry};
use serde::{Deserialize, Serialize};
use serde_json::json;

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

type Asked = Arc<Mutex<Vec<&'static str>>>;

/// A server whose first jobs fail for a reason, which it says whenever their results are asked for. Tells what it was
/// asked: `insert`, `results` or `get`.
#[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
fn failing_jobs(failures: usize, reason: &'static str) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = Asked::default();
    let told = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (first, body) = request(&mut stream);
            let mut asked = told.lock().unwrap();
            let fails = asked.iter().filter(|call| **call == "insert").count() <= failures;
            let error = json!({"reason": reason, "message": "not today"});
            let (call, status, answer) = if first.starts_with("POST") {
                ("insert", 200, serde_json::from_slice(&body).unwrap())
            } else if first.contains("/jobs/") {
                ("get", 200, json!({"status": {"state": "DONE", "errorResult": error}}))
            } else if fails {
                let error = json!({"code": 503, "message": "not today", "errors": [error], "status": "X"});
                ("results", 503, json!({ "error": error }))
            } else {
                let schema = json!({"fields": [{"name": "id", "type": "INTEGER"}]});
                ("results", 200, json!({"jobComplete": true, "totalRows": "0", "schema": schema}))
            };
            asked.push(call);
            let text = answer.to_string();
            let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close");
            write!(stream.get_mut(), "{head}\r\ncontent-length: {}\r\n\r\n{text}", text.len()).unwrap();
        }
    });
    (endpoint, asked)
}

/// The first line of a request, and its body.
fn request(stream: &mut BufReader<TcpStream>) -> (String, Vec<u8>) {
    let (mut first, mut length) = (String::new(), 0);
    stream.read_line(&mut first).unwrap();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).unwrap();
        match header.trim().to_lowercase().split_once(": ") {
            Some(("content-length", bytes)) => length = bytes.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (first, body)
}

fn query_at(endpoint: &str) -> flow_core::Result<()> {
    let retry = Retry::without_end().pausing(Duration::from_millis(1), Duration::from_millis(5));
    let on = GoogleCloud::at(endpoint).with_retry(retry);
    let p = Pipeline::new();
    p.read(BigQuery::query::<Order>("SELECT 1 AS id").project("p").on(&on)).for_each(|_| ());
    run(p).map(drop)
}

#[test]
fn a_query_whose_job_failed_by_the_services_fault_is_submitted_again() {
    for reason in ["backendError", "jobInternalError", "quotaExceeded"] {
        let (endpoint, asked) = failing_jobs(3, reason);
        query_at(&endpoint).unwrap();
        let failed = ["insert", "results", "get"];
        let wanted = [&failed[..], &failed, &failed, &["insert", "results"]].concat();
        assert_eq!(*asked.lock().unwrap(), wanted);
    }
}

#[test]
fn a_query_whose_jobs_all_fail_is_an_error() {
    let (endpoint, asked) = failing_jobs(usize::MAX, "backendError");
    let error = query_at(&endpoint).unwrap_err().to_string();
    assert!(error.ends_with("the query cannot be read: not today (backendError)"), "{error}");
    assert_eq!(asked.lock().unwrap().len(), 12);
    let (endpoint, asked) = failing_jobs(usize::MAX, "resourcesExceeded");
    let error = query_at(&endpoint).unwrap_err().to_string();
    assert!(error.ends_with("the query cannot be read: not today (resourcesExceeded)"), "{error}");
    assert_eq!(*asked.lock().unwrap(), ["insert", "results", "get"]);
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
