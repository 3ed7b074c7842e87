//! What the tests of BigQuery share: an emulator with a dataset, rows, and a stream that goes on when it is acknowledged.
#![allow(dead_code, reason = "each test uses its own part")]

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::source::{Next, Reader, ReaderContext, Source};
use flow_core::{Bundle, Result};
use flow_gcp_emulator::Emulator;
use flow_io::bigquery::{BigQuery, Schema, TableRow, WriteTable};
use flow_io::gcp::{GoogleCloud, Retry};
use flow_runner_local::{LocalRunner, Options, Report};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TableRow)]
pub(crate) struct Order {
    pub(crate) id: i64,
    pub(crate) name: Option<String>,
}

pub(crate) fn order(id: i64) -> Order {
    Order { id, name: Some(format!("order {id}")) }
}

pub(crate) fn orders(ids: impl IntoIterator<Item = i64>) -> Vec<Order> {
    ids.into_iter().map(order).collect()
}

/// An emulator with the dataset `p.shop`.
pub(crate) fn emulator() -> Emulator {
    let emulator = Emulator::start().expect("an emulator");
    emulator.bigquery().create_dataset("p", "shop").expect("a dataset");
    emulator
}

/// Impatient, so that tests are quick.
pub(crate) fn cloud(emulator: &Emulator) -> GoogleCloud {
    let retry = Retry::without_end().pausing(Duration::from_millis(1), Duration::from_millis(5));
    GoogleCloud::at(&emulator.endpoint()).with_retry(retry)
}

/// The sink of `p.shop.orders`.
pub(crate) fn table(emulator: &Emulator) -> WriteTable<Order> {
    BigQuery::table("p.shop.orders").on(&cloud(emulator)).schema(Schema::of::<Order>())
}

/// The ids of the rows of a table, in order.
pub(crate) fn ids(emulator: &Emulator, table: &str) -> Vec<i64> {
    let rows = emulator.bigquery().rows("p", "shop", table);
    let mut ids: Vec<i64> = rows.iter().map(|row| row["id"].as_i64().expect("an id")).collect();
    ids.sort_unstable();
    ids
}

pub(crate) fn to(end: i64) -> Vec<i64> {
    (0..end).collect()
}

pub(crate) fn run(p: Pipeline) -> Result<Report> {
    run_with(p, 2)
}

pub(crate) fn run_with(p: Pipeline, workers: usize) -> Result<Report> {
    let options = Options { epoch: Duration::from_millis(10), no_progress: true, ..Options::default() };
    LocalRunner::new(options.with_workers(workers)).run(p)
}

/// Writes so many orders of a bounded collection.
pub(crate) fn write_bounded(sink: WriteTable<Order>, count: i64) -> Result<Report> {
    let p = Pipeline::new();
    p.create(orders(0..count)).write(sink);
    run(p)
}

/// Writes chunks of orders of a stream, each an epoch of its own.
pub(crate) fn write_stream(sink: WriteTable<Order>, chunks: i64, size: i64) -> Result<Report> {
    let p = Pipeline::new();
    p.read(Chunks { chunks, size }).write(sink);
    run_with(p, 1)
}

/// A stream of chunks of orders: the next comes when the one before is acknowledged.
pub(crate) struct Chunks {
    pub(crate) chunks: i64,
    pub(crate) size: i64,
}

#[derive(Default)]
struct Acknowledged {
    chunks: i64,
    waits: Option<Waker>,
}

pub(crate) struct ChunkReader {
    chunks: i64,
    size: i64,
    next: i64,
    acknowledged: Arc<Mutex<Acknowledged>>,
}

impl Source for Chunks {
    type Item = Order;
    type Split = ();
    type Position = i64;
    type Reader = ChunkReader;

    fn is_bounded(&self) -> bool {
        false
    }
    fn splits(&self, _: usize) -> Result<Vec<()>> {
        Ok(vec![()])
    }
    fn reader(&self, (): &(), from: Option<i64>, _: &ReaderContext) -> Result<ChunkReader> {
        let (chunks, size, next) = (self.chunks, self.size, from.unwrap_or_default());
        Ok(ChunkReader { chunks, size, next, acknowledged: Arc::default() })
    }
}

impl Reader for ChunkReader {
    type Item = Order;
    type Position = i64;

    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Bundle<Order>) -> Poll<Result<Next>> {
        if self.next == self.chunks {
            return Poll::Ready(Ok(Next::End));
        }
        let mut acknowledged = self.acknowledged.lock().expect("no panic");
        if acknowledged.chunks < self.next {
            acknowledged.waits = Some(cx.waker().clone());
            return Poll::Pending;
        }
        out.values.extend(orders(self.next * self.size..(self.next + 1) * self.size));
        self.next += 1;
        Poll::Ready(Ok(Next::More))
    }

    fn position(&self) -> i64 {
        self.next
    }

    fn commit(&mut self, position: i64) -> impl Future<Output = Result<()>> + Send + 'static {
        let mut acknowledged = self.acknowledged.lock().expect("no panic");
        acknowledged.chunks = position;
        if let Some(waker) = acknowledged.waits.take() {
            waker.wake();
        }
        std::future::ready(Ok(()))
    }
}
