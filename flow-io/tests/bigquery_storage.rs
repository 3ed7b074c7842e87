//! The Storage Write API: at least once by default, and exactly once through whatever goes wrong.
#![cfg(feature = "bigquery")]

mod bigquery_kit;

use std::time::Duration;

use bigquery_kit::{Order, cloud, emulator, ids, order, orders, run, table, to, write_bounded, write_stream};
use flow_core::metrics::Metrics;
use flow_core::prelude::*;
use flow_core::sink::{Claims, Commit, Rejects, Sink, Writer, WriterContext};
use flow_core::testing::{collect, conformance};
use flow_core::{Bundle, Timestamp};
use flow_gcp_emulator::{Code, Emulator, Fault, When};
use flow_io::bigquery::{BigQuery, Change, Disposition, TableWriter, WriteTable};
use serde_json::json;

const APPEND: &str = "bigquery.AppendRows.append";

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// The rows of a table whose name a sink of the suites has.
fn visible(emulator: &Emulator, sink: &WriteTable<Order>) -> Vec<Order> {
    let described = Sink::<Order>::describe(sink);
    let name = described.rsplit('.').next().unwrap();
    let rows = emulator.bigquery().rows("p", "shop", name);
    rows.into_iter().map(|row| serde_json::from_value(row).unwrap()).collect()
}

fn lawful(change: impl Fn(WriteTable<Order>) -> WriteTable<Order>) {
    let emulator = emulator();
    let runtime = runtime();
    let _inside = runtime.enter();
    let on = cloud(&emulator);
    let mut places = 0..;
    let fresh = || {
        let name = format!("p.shop.place{}", places.next().unwrap());
        let schema = flow_io::bigquery::Schema::of::<Order>();
        change(BigQuery::table(name).on(&on).schema(schema))
    };
    conformance::sink(fresh, &orders(0..9), |sink| visible(&emulator, sink));
}

#[test]
fn every_way_into_a_table_is_a_lawful_sink() {
    lawful(WriteTable::exactly_once);
    lawful(WriteTable::storage_write);
    lawful(WriteTable::streaming_inserts);
}

fn goes_on(bounded: bool, change: impl Fn(WriteTable<Order>) -> WriteTable<Order>) {
    let (emulator, state) = (emulator(), tempfile::tempdir().unwrap());
    let runtime = runtime();
    let _inside = runtime.enter();
    let on = cloud(&emulator);
    let fresh = |n: usize| {
        let schema = flow_io::bigquery::Schema::of::<Order>();
        change(BigQuery::table(format!("p.shop.place{n}")).on(&on).schema(schema))
    };
    conformance::sink_resumes(state.path(), bounded, fresh, &orders(0..9), |sink| visible(&emulator, sink));
}

#[test]
fn streams_that_write_once_do_so_though_the_process_is_killed() {
    goes_on(false, WriteTable::exactly_once);
    goes_on(true, |table| table.exactly_once().write(Disposition::Empty));
}

#[test]
fn streams_that_write_at_least_once_do_so_though_the_process_is_killed() {
    goes_on(false, WriteTable::storage_write);
    goes_on(false, WriteTable::streaming_inserts);
}

#[test]
fn a_stream_is_written_by_the_default_stream_and_a_collection_that_ends_by_pending_ones() {
    let emulator = emulator();
    let report = write_stream(table(&emulator), 5, 100).unwrap();
    assert_eq!(ids(&emulator, "orders"), to(500));
    assert_eq!(report.summary.counter("write.written"), 500);
    assert_eq!(emulator.calls("bigquery.CreateWriteStream"), 0);
    let report = write_bounded(
        BigQuery::table("p.shop.more").on(&cloud(&emulator)).schema("id:INT64, name:STRING"),
        500,
    );
    assert_eq!(ids(&emulator, "more"), to(500));
    assert_eq!(report.unwrap().summary.counter("write.written"), 500);
    assert!(emulator.calls("bigquery.CreateWriteStream") >= 1);
    assert_eq!(emulator.calls("bigquery.BatchCommitWriteStreams"), 1);
}

#[test]
fn a_default_stream_that_breaks_loses_nothing() {
    let emulator = emulator();
    emulator.faults().add(APPEND, When::Nth(2), Fault::Reset);
    emulator.faults().add(APPEND, When::Nth(4), Fault::Grpc(Code::Unavailable));
    emulator.faults().add(APPEND, When::Nth(6), Fault::EndStream);
    emulator.faults().add(APPEND, When::Nth(8), Fault::Grpc(Code::ResourceExhausted));
    let report = write_stream(table(&emulator).batch_rows(20), 5, 100).unwrap();
    let mut ids = ids(&emulator, "orders");
    ids.dedup(); // what was under way behind a batch that failed may be there twice
    assert_eq!(ids, to(500));
    assert_eq!(report.summary.counter("write.written"), 500);
    assert_eq!(emulator.faults().met(APPEND), 4);
}

#[test]
fn rows_of_a_default_stream_whose_answer_was_lost_may_be_there_twice_and_are_there() {
    let emulator = emulator();
    emulator.faults().add(APPEND, When::Every(5), Fault::LostAnswer);
    write_stream(table(&emulator).batch_rows(20), 5, 100).unwrap();
    let mut ids = ids(&emulator, "orders");
    assert!(ids.len() > 500);
    ids.dedup();
    assert_eq!(ids, to(500));
}

#[test]
fn a_stream_that_must_not_write_twice_does_not_though_answers_are_lost() {
    let emulator = emulator();
    emulator.faults().add(APPEND, When::Every(5), Fault::LostAnswer);
    emulator.faults().add(APPEND, When::Every(7), Fault::Reset);
    emulator.faults().add(APPEND, When::Every(11), Fault::Grpc(Code::OutOfRange));
    emulator.faults().add(APPEND, When::Every(13), Fault::Grpc(Code::Internal));
    emulator.faults().add("bigquery.FlushRows", When::Every(2), Fault::LostAnswer);
    emulator.faults().add("bigquery.CreateWriteStream", When::Every(2), Fault::LostAnswer);
    let report = write_stream(table(&emulator).exactly_once().batch_rows(10), 8, 100).unwrap();
    assert_eq!(ids(&emulator, "orders"), to(800));
    assert_eq!(report.summary.counter("write.written"), 800);
    assert!(emulator.faults().met(APPEND) > 10);
    assert!(emulator.calls("bigquery.CreateWriteStream") > 2);
}

#[test]
fn a_collection_that_ends_is_there_once_though_answers_are_lost() {
    let emulator = emulator();
    emulator.faults().add(APPEND, When::Every(5), Fault::LostAnswer);
    emulator.faults().add(APPEND, When::Every(7), Fault::Reset);
    emulator.faults().add(APPEND, When::Every(11), Fault::Grpc(Code::AlreadyExists));
    emulator.faults().add("bigquery.BatchCommitWriteStreams", When::First(2), Fault::LostAnswer);
    emulator.faults().add("bigquery.FinalizeWriteStream", When::First(1), Fault::LostAnswer);
    let report = write_bounded(table(&emulator).batch_rows(20), 1_000).unwrap();
    assert_eq!(ids(&emulator, "orders"), to(1_000));
    assert_eq!(report.summary.counter("write.written"), 1_000);
    assert_eq!(emulator.calls("bigquery.BatchCommitWriteStreams"), 3);
}

#[test]
fn a_flush_that_is_said_to_be_done_already_is_done() {
    let emulator = emulator();
    emulator.faults().add("bigquery.FlushRows", When::Nth(1), Fault::LostAnswer);
    emulator.faults().add("bigquery.FlushRows", When::Nth(2), Fault::Grpc(Code::AlreadyExists));
    let report = write_stream(table(&emulator).exactly_once(), 3, 10).unwrap();
    assert_eq!(ids(&emulator, "orders"), to(30));
    assert_eq!(report.summary.counter("write.written"), 30);
    assert_eq!(emulator.faults().met("bigquery.FlushRows"), 2);
}

#[test]
fn rows_that_go_into_another_stream_fit_into_its_requests() {
    let emulator = emulator();
    emulator.faults().add(APPEND, When::Nth(3), Fault::Grpc(Code::OutOfRange));
    let big = |id, mib: usize| Order { id, name: Some("x".repeat(mib << 20)) };
    let p = Pipeline::new();
    let sink = table(&emulator).exactly_once().batch_rows(1).batch_bytes(9 << 20);
    p.create(vec![big(0, 3), big(1, 8), order(2)]).write(sink);
    bigquery_kit::run_with(p, 1).unwrap();
    assert_eq!(ids(&emulator, "orders"), to(3));
    assert_eq!(emulator.calls("bigquery.CreateWriteStream"), 2);
}

#[test]
fn idle_batches_do_not_have_rows_sent_one_by_one() {
    let emulator = emulator();
    let runtime = runtime();
    let _inside = runtime.enter();
    emulator.faults().add(APPEND, When::Always, Fault::Delay(Duration::ZERO)); // counts them
    let on = cloud(&emulator);
    let context = WriterContext {
        worker: 0,
        workers: 1,
        step: "write".into(),
        bounded: true,
        claims: Claims::default(),
        metrics: Metrics::default(),
        ..WriterContext::default()
    };
    let write = |writer: &mut TableWriter<Order>, rows| {
        let (mut bundle, mut rejects) = (Bundle::of(rows), Rejects::default());
        runtime.block_on(Writer::<Order>::write(writer, &mut bundle, &mut rejects)).unwrap();
    };
    let prepare = |writer: &mut TableWriter<Order>| {
        let mut rejects = Rejects::default();
        runtime.block_on(Writer::<Order>::prepare(writer, 1, Timestamp::MIN, &mut rejects)).unwrap();
    };
    let mut writers: Vec<_> = (0..9)
        .map(|table| {
            let sink = BigQuery::table(format!("p.shop.t{table}")).on(&on).schema("id:INT64, name:STRING");
            let sink = sink.storage_write().batch_bytes(9 << 20).batch_age(Duration::from_hours(1));
            Sink::<Order>::open(&sink, &context).unwrap()
        })
        .collect();
    for writer in &mut writers {
        write(writer, Vec::new());
        prepare(writer); // its table is there
    }
    let row = |bytes: usize| Order { id: 1, name: Some("x".repeat(bytes)) };
    // Almost 64 MiB wait, and then small rows of another table.
    for writer in &mut writers[..7] {
        write(writer, vec![row((9 << 20) - 1_000)]);
    }
    write(&mut writers[7], vec![row((1 << 20) - 1_000)]);
    write(&mut writers[8], vec![row(300); 100]);
    writers.iter_mut().for_each(prepare);
    assert_eq!(emulator.bigquery().rows("p", "shop", "t8").len(), 100);
    assert_eq!(emulator.faults().met(APPEND), 9);
}

#[test]
fn one_stream_serves_all_epochs_while_nothing_goes_wrong() {
    let emulator = emulator();
    write_stream(table(&emulator).exactly_once(), 6, 10).unwrap();
    assert_eq!(ids(&emulator, "orders"), to(60));
    assert_eq!(emulator.calls("bigquery.CreateWriteStream"), 1);
    assert!(emulator.calls("bigquery.FlushRows") >= 6);
}

fn refused_rows(sink: impl Fn(WriteTable<Order>) -> WriteTable<Order>, bounded: bool) {
    let emulator = emulator();
    emulator.faults().add(APPEND, When::Nth(2), Fault::RowErrors);
    emulator.faults().add(APPEND, When::Nth(4), Fault::RowErrors);
    let sink = sink(table(&emulator)).batch_rows(10);
    let p = Pipeline::new();
    let all =
        if bounded { p.create(orders(0..100)) } else { p.read(bigquery_kit::Chunks { chunks: 5, size: 20 }) };
    let refused = collect(&all.try_write(sink).map(|r| (r.value.id, r.reason)));
    bigquery_kit::run_with(p, 1).unwrap();
    let refused = refused.values();
    assert!(!refused.is_empty() && refused.len() <= 2, "{refused:?}");
    let mut all = ids(&emulator, "orders");
    all.extend(refused.iter().map(|(id, _)| *id));
    all.sort_unstable();
    assert_eq!(all, to(100));
}

#[test]
fn wrong_rows_come_back_and_the_others_of_their_batch_are_written_once() {
    refused_rows(WriteTable::storage_write, true);
    refused_rows(WriteTable::exactly_once, true);
    refused_rows(WriteTable::exactly_once, false);
}

#[test]
fn a_table_that_was_just_made_is_waited_for() {
    for sink in [WriteTable::storage_write, WriteTable::exactly_once] {
        let emulator = emulator();
        emulator.bigquery().hide_new_tables(3);
        write_stream(sink(table(&emulator)), 2, 10).unwrap();
        assert_eq!(ids(&emulator, "orders"), to(20));
    }
}

/// A writer and its sink outside of a runner, as if the process ended between two of its steps.
#[test]
fn the_tail_that_a_killed_writer_leaves_is_never_visible() {
    let emulator = emulator();
    let runtime = runtime();
    let _inside = runtime.enter();
    let context = || WriterContext {
        worker: 0,
        workers: 1,
        step: "write".into(),
        bounded: false,
        claims: Claims::default(),
        metrics: Metrics::default(),
        ..WriterContext::default()
    };
    let sink = table(&emulator).exactly_once().batch_rows(5);
    let write = |writer: &mut TableWriter<Order>, ids: std::ops::Range<i64>| {
        let (mut bundle, mut rejects) = (Bundle::of(orders(ids)), Rejects::default());
        runtime.block_on(Writer::<Order>::write(writer, &mut bundle, &mut rejects)).unwrap();
    };
    let prepare = |writer: &mut TableWriter<Order>, epoch| {
        let mut rejects = Rejects::default();
        runtime.block_on(Writer::<Order>::prepare(writer, epoch, Timestamp::MIN, &mut rejects)).unwrap()
    };
    let commit = |epoch, tokens| {
        let commit = Commit { epoch, last: false, watermark: Timestamp::MIN, tokens };
        runtime.block_on(Sink::<Order>::commit(&sink, commit)).unwrap();
    };
    let mut killed = Sink::<Order>::open(&sink, &context()).unwrap();
    write(&mut killed, 0..10);
    let first = prepare(&mut killed, 1);
    write(&mut killed, 10..20);
    let lost = prepare(&mut killed, 2);
    drop((killed, lost));
    assert_eq!(ids(&emulator, "orders"), [0_i64; 0]);
    commit(1, first.clone());
    assert_eq!(ids(&emulator, "orders"), to(10));
    let mut next = Sink::<Order>::open(&sink, &context()).unwrap();
    write(&mut next, 10..20);
    let tokens = prepare(&mut next, 2);
    commit(2, tokens.clone());
    commit(1, first);
    commit(2, tokens);
    assert_eq!(ids(&emulator, "orders"), to(20));
}

#[test]
fn steps_that_write_to_one_sink_each_count_their_rows() {
    for sink in [WriteTable::exactly_once, WriteTable::storage_write] {
        let emulator = emulator();
        let sink = sink(table(&emulator));
        let p = Pipeline::new();
        p.create(orders(0..30)).write(sink.clone());
        p.create(orders(30..100)).write(sink);
        let report = run(p).unwrap();
        assert_eq!(ids(&emulator, "orders"), to(100));
        assert_eq!(report.summary.counter("write.written"), 30);
        assert_eq!(report.summary.counter("write-2.written"), 70);
    }
}

#[test]
fn a_sink_that_is_used_again_looks_again_whether_its_table_is_empty() {
    let emulator = emulator();
    let sink = table(&emulator).write(Disposition::Empty);
    write_bounded(sink.clone(), 10).unwrap();
    let error = write_bounded(sink, 10).unwrap_err().to_string();
    assert!(error.contains("the table p.shop.orders is to be empty and has rows"), "{error}");
    assert_eq!(ids(&emulator, "orders"), to(10));
}

#[test]
fn many_tables_are_written_and_committed_side_by_side() {
    let emulator = emulator();
    let on = cloud(&emulator);
    let p = Pipeline::new();
    p.create(orders(0..2_000)).write_by(
        |order| order.id % 40,
        move |part: &i64| {
            let schema = flow_io::bigquery::Schema::of::<Order>();
            BigQuery::table_in("p.shop", format!("part{part}")).on(&on).schema(schema)
        },
    );
    let report = run(p).unwrap();
    for part in 0..40 {
        let wanted: Vec<i64> = (0..2_000).filter(|id| id % 40 == part).collect();
        assert_eq!(ids(&emulator, &format!("part{part}")), wanted);
    }
    assert_eq!(emulator.calls("bigquery.tables.insert"), 40);
    assert_eq!(report.summary.counter("write_by.written"), 2_000);
}

#[test]
fn changes_go_by_the_primary_key() {
    let emulator = emulator();
    let p = Pipeline::new();
    let mut all = orders(0..10);
    all.extend([Order { id: 3, name: Some("renamed".into()) }, Order { id: 4, name: None }]);
    let sink = table(&emulator).primary_key(["id"]).changes(|order: &Order| match order.name {
        Some(_) => Change::Upsert,
        None => Change::Delete,
    });
    p.create(all).write(sink);
    bigquery_kit::run_with(p, 1).unwrap();
    assert_eq!(ids(&emulator, "orders"), [0, 1, 2, 3, 5, 6, 7, 8, 9]);
    let rows = emulator.bigquery().rows("p", "shop", "orders");
    let third = rows.iter().find(|row| row["id"] == 3).unwrap();
    assert_eq!(third["name"], "renamed");
}

#[test]
fn changes_want_a_primary_key() {
    let emulator = emulator();
    let error = write_bounded(table(&emulator).upsert_by_key(), 1).unwrap_err().to_string();
    assert!(error.contains("the table p.shop.orders has no primary key to change rows by"), "{error}");
}

#[test]
fn a_row_that_does_not_fit_is_refused_before_it_is_sent() {
    let emulator = emulator();
    let p = Pipeline::new();
    let sink = BigQuery::table("p.shop.orders").on(&cloud(&emulator)).schema("id:INT64:REQUIRED");
    let rows = vec![json!({"id": 1}), json!({"name": "no id"}), json!({"id": 2, "surplus": true})];
    let refused = collect(&p.create(rows).try_write(sink).map(|r| r.reason));
    run(p).unwrap();
    let mut refused = refused.values();
    refused.sort();
    assert_eq!(refused, ["`name` is no column of the table", "`surplus` is no column of the table"],);
    assert_eq!(ids(&emulator, "orders"), [1]);
    assert_eq!(order(1).id, 1);
}
