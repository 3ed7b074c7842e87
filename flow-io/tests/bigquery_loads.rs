//! File loads: staged objects, and one job that loads them.
#![cfg(all(feature = "bigquery", feature = "gcs"))]

mod bigquery_kit;

use bigquery_kit::{Order, emulator, ids, orders, run, table, to, write_bounded, write_stream};
use flow_core::prelude::*;
use flow_gcp_emulator::{Emulator, Fault, When};
use flow_io::bigquery::{Disposition, WriteTable};

fn staged(emulator: &Emulator) -> WriteTable<Order> {
    let _ = emulator.gcs().create_bucket("staging");
    table(emulator).staging("gs://staging/loads")
}

#[test]
fn a_collection_that_ends_is_loaded_by_one_job_and_leaves_nothing_behind() {
    let emulator = emulator();
    let report = write_bounded(staged(&emulator), 5_000).unwrap();
    assert_eq!(ids(&emulator, "orders"), to(5_000));
    assert_eq!(report.summary.counter("write.written"), 5_000);
    assert_eq!(emulator.calls("bigquery.jobs.insert"), 1);
    assert_eq!(emulator.gcs().list("staging", "").len(), 0);
}

#[test]
fn a_load_whose_answers_are_lost_is_one_load() {
    let emulator = emulator();
    emulator.faults().add("bigquery.jobs.insert", When::First(2), Fault::LostAnswer);
    emulator.faults().add("bigquery.jobs.get", When::First(1), Fault::Html);
    emulator.faults().add("storage.*", When::Nth(1), Fault::status(503));
    emulator.faults().add("storage.*", When::Nth(2), Fault::LostAnswer);
    write_bounded(staged(&emulator), 1_000).unwrap();
    assert_eq!(ids(&emulator, "orders"), to(1_000));
    assert_eq!(emulator.calls("bigquery.jobs.insert"), 3);
}

#[test]
fn rows_are_replaced_at_once_with_the_new_ones() {
    let emulator = emulator();
    write_bounded(staged(&emulator), 100).unwrap();
    write_bounded(staged(&emulator).write(Disposition::Truncate), 10).unwrap();
    assert_eq!(ids(&emulator, "orders"), to(10));
    let p = Pipeline::new();
    p.create(orders(0..0)).write(staged(&emulator).write(Disposition::Truncate));
    run(p).unwrap();
    assert_eq!(ids(&emulator, "orders"), [0_i64; 0]);
}

#[test]
fn what_does_not_go_with_loads_is_said() {
    let emulator = emulator();
    let error = write_bounded(table(&emulator).file_loads(), 1).unwrap_err().to_string();
    assert!(
        error.ends_with("file loads need a place: name one with `staging(\"gs://bucket/prefix\")`"),
        "{error}"
    );
    let error = write_stream(staged(&emulator).file_loads(), 1, 1).unwrap_err().to_string();
    let wanted = "file loads are for collections that end: use `storage_write` or `exactly_once`";
    assert!(error.ends_with(wanted), "{error}");
    let error = write_bounded(table(&emulator).staging("/tmp/x"), 1).unwrap_err().to_string();
    assert!(error.ends_with("\"/tmp/x\" is no place for staged rows: write gs://bucket/prefix"), "{error}");
}
