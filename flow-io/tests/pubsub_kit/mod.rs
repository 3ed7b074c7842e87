//! What the tests of Pub/Sub share: an emulator, and readers polled by hand.
#![allow(dead_code, reason = "not every test uses all of it")]

use std::future::poll_fn;
use std::time::Duration;

use flow_core::metrics::{MetricValue, Metrics};
use flow_core::source::{Reader, ReaderContext, Source};
use flow_core::{Bundle, Element, Result};
use flow_gcp_emulator::Emulator;
use flow_io::gcp::{GoogleCloud, Retry};
use flow_io::pubsub::{PubSub, PubSubReader, PubSubSplit, ReadPubSub};
use tokio::runtime::Runtime;

pub(crate) const TOPIC: &str = "projects/shop/topics/orders";
pub(crate) const ORDERS: &str = "projects/shop/subscriptions/orders";
/// A subscription that nobody reads holds what was published.
pub(crate) const ALL: &str = "projects/shop/subscriptions/all";

/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn shop() -> Emulator {
    let emulator = Emulator::start().unwrap();
    stock(&emulator);
    emulator
}

pub(crate) fn stock(emulator: &Emulator) {
    emulator.pubsub().create_topic(TOPIC).unwrap();
    emulator.pubsub().create_subscription(ORDERS, TOPIC).unwrap();
    emulator.pubsub().create_subscription(ALL, TOPIC).unwrap();
}

pub(crate) fn cloud(emulator: &Emulator) -> GoogleCloud {
    hasty(&emulator.endpoint())
}

pub(crate) fn hasty(endpoint: &str) -> GoogleCloud {
    let retry = Retry::without_end().pausing(Duration::from_millis(20), Duration::from_millis(100));
    GoogleCloud::at(endpoint).with_retry(retry)
}

/// One stream, whose watermark moves within a fraction of a second.
pub(crate) fn orders(emulator: &Emulator) -> ReadPubSub {
    PubSub::subscription(ORDERS)
        .on(&cloud(emulator))
        .streams(1)
        .watermark_span(Duration::from_millis(200))
        .idle_margin(Duration::from_millis(200))
        .start_hold(Duration::ZERO)
}

/// A runtime as a runner has it.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// A source that is read by hand.
pub(crate) struct Reading<I: Element> {
    pub(crate) source: ReadPubSub<I>,
    pub(crate) metrics: Metrics,
    pub(crate) runtime: Runtime,
}

impl<I: Element> Reading<I> {
    pub(crate) fn of(source: ReadPubSub<I>) -> Self {
        Reading { source, metrics: Metrics::default(), runtime: runtime() }
    }

    pub(crate) fn splits(&self) -> Result<Vec<PubSubSplit>> {
        let _inside = self.runtime.enter();
        self.source.splits(1)
    }

    pub(crate) fn reader(&self) -> PubSubReader<I> {
        let split = self.splits().unwrap().remove(0);
        self.open(&split)
    }

    pub(crate) fn open(&self, split: &PubSubSplit) -> PubSubReader<I> {
        self.reopen(split, None, Vec::new())
    }

    /// As a later process of a durable run does.
    pub(crate) fn reopen(
        &self,
        split: &PubSubSplit,
        from: Option<u64>,
        remembered: Vec<Vec<u8>>,
    ) -> PubSubReader<I> {
        let _inside = self.runtime.enter();
        let (metrics, remembered) = (self.metrics.clone(), remembered.into());
        let context = ReaderContext { step: "read".into(), metrics, remembered, ..ReaderContext::default() };
        self.source.reader(split, from, &context).unwrap()
    }

    /// The next elements, at least so many.
    pub(crate) fn next(&self, reader: &mut PubSubReader<I>, least: usize) -> Result<Bundle<I>> {
        let mut out = Bundle::default();
        self.runtime.block_on(async {
            while out.len() < least {
                let more = poll_fn(|cx| reader.poll_next(cx, &mut out));
                tokio::time::timeout(PATIENCE, more).await.expect("nothing comes")?;
            }
            Ok(out)
        })
    }

    pub(crate) fn commit(&self, reader: &mut PubSubReader<I>, position: u64) {
        self.runtime.block_on(reader.commit(position)).unwrap();
    }

    /// Polls the reader, which has nothing more to say, until something has happened elsewhere.
    pub(crate) fn wait(&self, reader: &mut PubSubReader<I>, until: impl Fn() -> bool) {
        let mut out = Bundle::default();
        self.runtime.block_on(async {
            let waited = tokio::time::timeout(PATIENCE, async {
                while !until() {
                    let more = poll_fn(|cx| reader.poll_next(cx, &mut out));
                    if let Ok(read) = tokio::time::timeout(Duration::from_millis(5), more).await {
                        read.unwrap();
                    }
                }
            });
            waited.await.expect("it does not happen");
        });
        assert_eq!(out.len(), 0, "more came out");
    }

    pub(crate) fn counted(&self, name: &str) -> u64 {
        match self.metrics.read().get(name) {
            Some(MetricValue::Counter(count)) => *count,
            Some(MetricValue::Gauge(value)) => u64::try_from(*value).unwrap(),
            _ => panic!("no figure {name}"),
        }
    }
}

pub(crate) fn acknowledged(emulator: &Emulator) -> Vec<String> {
    let mut ids = emulator.pubsub().acknowledged(ORDERS).unwrap();
    ids.sort_by_key(|id| id.parse::<u64>().unwrap());
    ids
}

pub(crate) fn publish(emulator: &Emulator, payloads: &[&'static str]) -> Vec<String> {
    payloads.iter().map(|payload| emulator.pubsub().publish(TOPIC, *payload, &[]).unwrap()).collect()
}
