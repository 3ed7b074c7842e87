//! File loads: staged objects, and one job that loads them.
#![cfg(all(feature = "bigquery", feature = "gcs"))]

mod bigquery_kit;

use bigquery_kit::{Order, emulator, ids, orders, run, table, to, write_bounded, write_stream};
use flow_core::metrics::Metrics;
use flow_core::prelude::*;
use flow_core::sink::{Claims, Commit, Rejects, Sink, Writer, WriterContext};
use flow_core::testing::conformance;
use flow_core::{Bundle, Timestamp};
use flow_gcp_emulator::{Emulator, Fault, When};
use flow_io::bigquery::{BigQuery, Disposition, WriteTable};

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
fn loads_go_on_though_the_process_is_killed() {
    let (emulator, state) = (emulator(), tempfile::tempdir().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _inside = runtime.enter();
    let _ = emulator.gcs().create_bucket("staging");
    let on = bigquery_kit::cloud(&emulator);
    for disposition in [Disposition::Append, Disposition::Truncate] {
        let fresh = |n: usize| {
            let schema = flow_io::bigquery::Schema::of::<Order>();
            let table: WriteTable<Order> =
                BigQuery::table(format!("p.shop.{disposition:?}{n}")).on(&on).schema(schema);
            table.staging("gs://staging/loads").file_loads().write(disposition)
        };
        conformance::sink_resumes(state.path(), true, fresh, &orders(0..9), |sink| {
            let described = Sink::<Order>::describe(sink);
            let rows = emulator.bigquery().rows("p", "shop", described.rsplit('.').next().unwrap());
            rows.into_iter().map(|row| serde_json::from_value(row).unwrap()).collect()
        });
    }
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

/// Commits these orders in epochs of one run, and then a last epoch without any.
fn write_in_epochs(sink: &WriteTable<Order>, epochs: &[std::ops::Range<i64>]) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _inside = runtime.enter();
    let context = WriterContext {
        worker: 0,
        workers: 1,
        step: "write".into(),
        bounded: true,
        claims: Claims::default(),
        metrics: Metrics::default(),
        ..WriterContext::default()
    };
    let mut writer = Sink::<Order>::open(sink, &context).unwrap();
    for (epoch, ids) in (1..).zip(epochs.iter().cloned().chain(std::iter::once(0..0))) {
        let (mut bundle, mut rejects) = (Bundle::of(orders(ids)), Rejects::default());
        let tokens = runtime.block_on(async {
            Writer::<Order>::write(&mut writer, &mut bundle, &mut rejects).await.unwrap();
            Writer::<Order>::prepare(&mut writer, epoch, Timestamp::MIN, &mut rejects).await.unwrap()
        });
        let last = epoch > epochs.len() as u64;
        let commit = Commit { epoch, last, watermark: Timestamp::MIN, tokens };
        runtime.block_on(Sink::<Order>::commit(sink, commit)).unwrap();
    }
}

#[test]
fn what_a_run_has_loaded_is_not_replaced_by_its_later_epochs() {
    for disposition in [Disposition::Truncate, Disposition::Empty] {
        let emulator = emulator();
        if disposition == Disposition::Truncate {
            write_bounded(staged(&emulator), 100).unwrap();
        }
        write_in_epochs(&staged(&emulator).write(disposition), &[0..10, 10..15]);
        assert_eq!(ids(&emulator, "orders"), to(15));
    }
}

#[test]
fn a_sink_that_is_used_again_replaces_what_its_last_run_loaded() {
    let emulator = emulator();
    let sink = staged(&emulator).write(Disposition::Truncate);
    write_bounded(sink.clone(), 100).unwrap();
    write_bounded(sink.clone(), 10).unwrap();
    assert_eq!(ids(&emulator, "orders"), to(10));
    write_bounded(sink, 0).unwrap();
    assert_eq!(ids(&emulator, "orders"), [0_i64; 0]);
}

#[test]
fn two_sinks_do_not_replace_each_others_rows() {
    let emulator = emulator();
    let sink = || staged(&emulator).write(Disposition::Truncate);
    let p = Pipeline::new();
    p.create(orders(0..5)).write(sink());
    p.create(orders(5..9)).write(sink());
    let error = run(p).unwrap_err().to_string();
    assert!(error.contains("`write`") && error.contains("`write-2`"), "{error}");
    assert!(error.contains("both write to the table p.shop.orders"), "{error}");
    assert_eq!(emulator.calls("bigquery.jobs.insert"), 0);
}

#[test]
fn two_steps_that_write_to_one_sink_replace_what_was_there_before_both() {
    let emulator = emulator();
    write_bounded(staged(&emulator), 100).unwrap();
    let sink = staged(&emulator).write(Disposition::Truncate);
    let p = Pipeline::new();
    p.create(orders(0..5)).write(sink.clone());
    p.create(orders(5..9)).write(sink);
    run(p).unwrap();
    assert_eq!(ids(&emulator, "orders"), to(9));
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
