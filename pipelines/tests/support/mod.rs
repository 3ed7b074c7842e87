//! What the tests share: events as JSON, and a look at what a run has written.

#![allow(dead_code, reason = "each test file uses its part of it")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::json::ArrayWriter;
use flow_core::Summary;
use flow_core::prelude::*;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pipelines::backend_events::Received;
use pipelines::backend_events::pipeline::{Settings, store};
use serde_json::{Value, json};

/// A uuid that ends in a number.
pub(crate) fn id(n: u32) -> String {
    format!("8c5ad9a8-2b5c-4b3e-9d55-{n:012}")
}

pub(crate) fn order(n: u32, at: &str) -> Value {
    json!({
        "event_type": "order", "order_id": id(n), "customer_id": id(1), "order_date": at, "status": "pending",
        "items": [{"product_id": id(2), "product_name": "Product 2", "quantity": 3, "price": 19.99}],
        "shipping_address": {"street": "1 Main St", "city": "Oslo", "country": "Norway"},
        "total_amount": 59.97
    })
}

pub(crate) fn inventory(n: u32, at: &str, quantity_change: i64) -> Value {
    json!({
        "event_type": "inventory", "inventory_id": id(n), "product_id": id(2), "warehouse_id": id(3),
        "quantity_change": quantity_change, "reason": "sale", "timestamp": at
    })
}

pub(crate) fn activity(user: u32, at: &str) -> Value {
    json!({
        "event_type": "user_activity", "user_id": id(user), "activity_type": "login",
        "ip_address": "192.168.1.2", "user_agent": "Firefox", "timestamp": at,
        "metadata": {"session_id": id(9), "platform": "web"}
    })
}

/// Runs the pipeline on messages, by the written rules.
pub(crate) fn run_messages(messages: impl IntoIterator<Item = Received>, settings: &Settings) -> Summary {
    let p = Pipeline::new();
    store(&p, &p.create(messages.into_iter().map(Ok)), settings);
    ReferenceRunner::new().run(p).unwrap_or_else(|error| panic!("{}", error.report()))
}

/// As `run_messages`, on messages of JSON.
pub(crate) fn run<'a>(events: impl IntoIterator<Item = &'a Value>, settings: &Settings) -> Summary {
    run_messages(events.into_iter().map(|event| Received::data(event.to_string())), settings)
}

/// The lines of all objects beneath a directory, by the objects' paths in it.
pub(crate) fn objects(root: &Path) -> BTreeMap<String, Vec<Value>> {
    let lines = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    files(root, "json").into_iter().map(|path| (path.clone(), lines(&root.join(path)))).collect()
}

/// How many events the landing trees of some kinds hold.
pub(crate) fn landed(root: &Path, kinds: &[&str]) -> usize {
    kinds.iter().flat_map(|kind| objects(&root.join(kind)).into_values()).map(|lines| lines.len()).sum()
}

/// The rows of a table, by the paths of its files.
pub(crate) fn table(root: &Path) -> BTreeMap<String, Vec<Value>> {
    files(root, "parquet").into_iter().map(|path| (path.clone(), rows(&root.join(path)))).collect()
}

/// How many rows a table has.
pub(crate) fn row_count(root: &Path) -> usize {
    let count = |path: String| -> usize { batches(&root.join(path)).iter().map(RecordBatch::num_rows).sum() };
    files(root, "parquet").into_iter().map(count).sum()
}

/// The schema of a file of a table.
pub(crate) fn table_schema(file: &Path) -> SchemaRef {
    ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap().schema().clone()
}

fn rows(file: &Path) -> Vec<Value> {
    let mut writer = ArrayWriter::new(Vec::new());
    let batches = batches(file);
    writer.write_batches(&batches.iter().collect::<Vec<_>>()).unwrap();
    writer.finish().unwrap();
    serde_json::from_slice(&writer.into_inner()).unwrap()
}

fn batches(file: &Path) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap();
    reader.build().unwrap().map(Result::unwrap).collect()
}

/// The paths of all files beneath a directory that end in an extension, relative to it and sorted.
pub(crate) fn files(root: &Path, extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}
