//! Parquet files, written from rows and read back.
#![cfg(feature = "parquet")]

use std::fs::File;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use arrow::array::AsArray;
use arrow::compute::concat_batches;
use arrow::datatypes::{
    DataType, Field, Float64Type, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType,
};
use arrow::record_batch::RecordBatch;
use flow_core::metrics::Metrics;
use flow_core::sink::{Claims, Commit, Rejects, Sink, Writer, WriterContext};
use flow_core::testing::conformance;
use flow_core::{Bundle, ErrorKind, Timestamp};
use flow_io::files::{Parquet, ParquetFiles, WriteFiles};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("files wait for nothing"),
    }
}

fn worker(worker: usize) -> WriterContext {
    WriterContext {
        worker,
        workers: 2,
        step: "write".into(),
        bounded: true,
        claims: Claims::default(),
        metrics: Metrics::default(),
        ..WriterContext::default()
    }
}

fn schema() -> SchemaRef {
    let item =
        vec![Field::new("product", DataType::Utf8, false), Field::new("quantity", DataType::Int64, false)];
    let item = Field::new("item", DataType::Struct(item.into()), false);
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
        Field::new("total", DataType::Float64, true),
        Field::new("items", DataType::List(Arc::new(item)), false),
    ]))
}

fn order(id: i64) -> Value {
    json!({
        "id": id,
        "at": "2025-02-25T03:56:53.060650Z",
        "total": 1.5,
        "items": [{"product": "a", "quantity": id}, {"product": "b", "quantity": 2}],
    })
}

fn write_all(sink: &WriteFiles<Parquet>, rows: Vec<Value>) -> Rejects<Value> {
    let mut rejects = Rejects::default();
    let mut writer = sink.open(&worker(0)).unwrap();
    now(writer.write(&mut Bundle::of(rows), &mut rejects)).unwrap();
    let tokens = now(writer.prepare(1, Timestamp::MAX, &mut rejects)).unwrap();
    let commit = Commit { epoch: 1, last: true, watermark: Timestamp::MAX, tokens };
    now(Sink::<Value>::commit(sink, commit)).unwrap();
    rejects
}

fn read(root: &Path) -> RecordBatch {
    let file = File::open(root.join("data-00001-of-00001.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let schema = Arc::clone(reader.schema());
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

#[test]
fn rows_come_back_with_nested_columns_and_microseconds() {
    let root = tempfile::tempdir().unwrap();
    let rejects = write_all(&ParquetFiles::under(root.path(), schema()), vec![order(7), order(8)]);
    assert!(rejects.as_slice().is_empty());
    let batch = read(root.path());
    assert_eq!(batch.schema(), schema());
    assert_eq!(batch.column(0).as_primitive::<Int64Type>().values(), &[7, 8]);
    let times = batch.column(1).as_primitive::<TimestampMicrosecondType>();
    assert_eq!(times.values(), &[1_740_455_813_060_650; 2]);
    assert_eq!(batch.column(2).as_primitive::<Float64Type>().values(), &[1.5, 1.5]);
    let items = batch.column(3).as_list::<i32>().values().as_struct();
    assert_eq!(items.column(1).as_primitive::<Int64Type>().values(), &[7, 2, 8, 2]);
}

#[test]
fn rows_that_do_not_fit_are_refused_with_the_reason_and_the_others_are_written() {
    let root = tempfile::tempdir().unwrap();
    let mut rows: Vec<Value> = (0..3000).map(order).collect();
    rows[5]["id"] = json!("five");
    rows[1500]["total"] = Value::Null; // may be null
    rows[2000].as_object_mut().unwrap().remove("at");
    rows[2999]["unknown"] = json!(1);
    let rejects = write_all(&ParquetFiles::under(root.path(), schema()), rows);
    let refused: Vec<_> =
        rejects.as_slice().iter().map(|r| (r.value["id"].clone(), r.reason.as_str())).collect();
    assert_eq!(refused.len(), 3, "{refused:?}");
    assert_eq!(refused[0].0, json!("five"));
    assert!(refused[0].1.contains("'id'") && refused[0].1.contains("five"), "{}", refused[0].1);
    assert_eq!(refused[1].0, json!(2000));
    assert!(refused[1].1.contains("non-nullable"), "{}", refused[1].1);
    assert_eq!(refused[2].0, json!(2999));
    assert!(refused[2].1.contains("unknown"), "{}", refused[2].1);

    let batch = read(root.path());
    let mut wanted: Vec<i64> = (0..3000).collect();
    wanted.retain(|id| ![5, 2000, 2999].contains(id));
    assert_eq!(batch.column(0).as_primitive::<Int64Type>().values(), &wanted[..]);
    assert_eq!(batch.column(2).null_count(), 1);
}

#[test]
fn workers_add_row_groups_to_one_file() {
    let root = tempfile::tempdir().unwrap();
    let (sink, claims) = (ParquetFiles::under(root.path(), schema()).max_open(1), Claims::default());
    std::thread::scope(|scope| {
        for n in 0..4 {
            let (sink, claims) = (sink.clone(), claims.clone());
            scope.spawn(move || {
                let context = WriterContext { claims, ..worker(n) };
                let mut writer = sink.open(&context).unwrap();
                let mut rejects = Rejects::default();
                for epoch in 1..4 {
                    let rows = (0..500).map(|i| order((n as i64 * 4 + epoch) * 500 + i));
                    now(writer.write(&mut Bundle::of(rows.collect()), &mut rejects)).unwrap();
                    now(writer.prepare(epoch as u64, Timestamp::MIN, &mut rejects)).unwrap();
                }
            });
        }
    });
    let commit = Commit { epoch: 3, last: true, watermark: Timestamp::MAX, tokens: Vec::new() };
    now(Sink::<Value>::commit(&sink, commit)).unwrap();
    let batch = read(root.path());
    let mut ids = batch.column(0).as_primitive::<Int64Type>().values().to_vec();
    ids.sort_unstable();
    let wanted: Vec<i64> = (0..4).flat_map(|n| (n * 4 + 1) * 500..(n * 4 + 4) * 500).collect();
    assert_eq!(ids, wanted);
}

#[test]
fn a_file_whose_rows_are_all_refused_does_not_appear() {
    let root = tempfile::tempdir().unwrap();
    let rejects = write_all(&ParquetFiles::under(root.path(), schema()), vec![json!({"id": "x"})]);
    assert_eq!(rejects.as_slice().len(), 1);
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn a_schema_that_parquet_cannot_hold_is_told_before_anything_runs() {
    let empty = Field::new("nothing", DataType::Struct(Vec::<Field>::new().into()), true);
    let sink = ParquetFiles::under("out", Arc::new(Schema::new(vec![empty])));
    let error = Sink::<Value>::open(&sink, &worker(0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().starts_with("the schema cannot be written as Parquet"), "{error}");
}

#[test]
fn parquet_files_go_on_after_a_kill() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let rows: Vec<Value> = (0..9).map(order).collect();
    for bounded in [false, true] {
        let fresh = |n: usize| ParquetFiles::under(root.path().join(format!("{bounded}-{n}")), schema());
        conformance::sink_resumes(state.path(), bounded, fresh, &rows, |sink: &WriteFiles<Parquet>| {
            let described = Sink::<Value>::describe(sink);
            let place = described.split_once("under ").unwrap().1.to_owned();
            let files = std::fs::read_dir(place).into_iter().flatten().map(|entry| entry.unwrap().path());
            let whole = files.filter(|path| !path.file_name().unwrap().to_str().unwrap().starts_with('.'));
            let ids = whole.flat_map(|path| {
                let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
                let batches = reader.build().unwrap().map(Result::unwrap);
                batches.flat_map(|batch| batch["id"].as_primitive::<Int64Type>().values().to_vec())
            });
            ids.map(order).collect()
        });
    }
}
