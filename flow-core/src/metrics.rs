//! A pipeline's own figures: counters, distributions and gauges, by handle.
//!
//! A handle is made once from the pipeline and moved into closures; it is cheap to clone and to update from any
//! worker. A run's report holds the values. What every step counts by itself (elements in and out, drops, time) needs no handle.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

const SHARDS: usize = 16;

/// Threads count in places of their own, so that they do not wait for each other's cache lines.
#[repr(align(128))]
#[derive(Debug, Default)]
struct Slot(AtomicU64);

fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static MINE: usize = NEXT.fetch_add(1, Relaxed) % SHARDS);
    MINE.with(|mine| *mine)
}

/// Counts up.
///
/// ```
/// # use flow_core::prelude::*;
/// let p = Pipeline::new();
/// let words = p.counter("words");
/// words.add(3);
/// assert_eq!(words.value(), 3);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<[Slot; SHARDS]>);

impl Counter {
    /// Adds `n`.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0[shard()].0.fetch_add(n, Relaxed);
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// The sum so far.
    pub fn value(&self) -> u64 {
        self.0.iter().map(|slot| slot.0.load(Relaxed)).sum()
    }
}

/// Keeps count, sum, least and greatest of what it is given.
#[derive(Clone, Debug)]
pub struct Distribution(Arc<[DistributionSlot; SHARDS]>);

#[repr(align(128))]
#[derive(Debug)]
struct DistributionSlot {
    count: AtomicU64,
    sum: AtomicI64,
    min: AtomicI64,
    max: AtomicI64,
}

impl Default for Distribution {
    fn default() -> Self {
        Distribution(Arc::new(std::array::from_fn(|_| DistributionSlot {
            count: AtomicU64::new(0),
            sum: AtomicI64::new(0),
            min: AtomicI64::new(i64::MAX),
            max: AtomicI64::new(i64::MIN),
        })))
    }
}

impl Distribution {
    /// Adds a value.
    pub fn update(&self, value: i64) {
        let slot = &self.0[shard()];
        slot.count.fetch_add(1, Relaxed);
        slot.sum.fetch_add(value, Relaxed);
        slot.min.fetch_min(value, Relaxed);
        slot.max.fetch_max(value, Relaxed);
    }

    /// What was given so far.
    pub fn value(&self) -> DistributionValue {
        let count: u64 = self.0.iter().map(|s| s.count.load(Relaxed)).sum();
        let extreme = |value: Option<i64>| if count == 0 { 0 } else { value.unwrap_or(0) };
        DistributionValue {
            count,
            sum: self.0.iter().map(|s| s.sum.load(Relaxed)).fold(0, i64::wrapping_add),
            min: extreme(self.0.iter().map(|s| s.min.load(Relaxed)).min()),
            max: extreme(self.0.iter().map(|s| s.max.load(Relaxed)).max()),
        }
    }
}

/// A reading of a [`Distribution`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DistributionValue {
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: i64,
    /// The least, 0 if there is none.
    pub min: i64,
    /// The greatest, 0 if there is none.
    pub max: i64,
}

/// Holds the value that was set last, by any worker.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Gauge {
    /// Sets the value.
    pub fn set(&self, value: i64) {
        self.0.store(value, Relaxed);
    }

    /// Adds to the value, or takes from it.
    pub fn add(&self, by: i64) {
        self.0.fetch_add(by, Relaxed);
    }

    /// The value.
    pub fn value(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// A reading of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricValue {
    /// Of a [`Counter`].
    Counter(u64),
    /// Of a [`Distribution`].
    Distribution(DistributionValue),
    /// Of a [`Gauge`].
    Gauge(i64),
}

impl fmt::Display for MetricValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MetricValue::Counter(n) => write!(f, "{n}"),
            MetricValue::Gauge(n) => write!(f, "{n}"),
            MetricValue::Distribution(d) => {
                let mean = if d.count == 0 { 0.0 } else { d.sum as f64 / d.count as f64 };
                write!(f, "count {} min {} mean {mean:.1} max {}", d.count, d.min, d.max)
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Metric {
    Counter(Counter),
    Distribution(Distribution),
    Gauge(Gauge),
}

/// The metrics of a pipeline by name; a name asked for again gives the same metric. Clones are the same metrics.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    all: Arc<Mutex<BTreeMap<String, Metric>>>,
    prefix: Arc<str>,
}

impl Metrics {
    /// The same metrics, under names that begin with that of a step and a dot: what a connector counts.
    ///
    /// ```
    /// use flow_core::metrics::{MetricValue, Metrics};
    /// let metrics = Metrics::default();
    /// metrics.of_step("read").counter("requests").add(2);
    /// assert_eq!(metrics.read()["read.requests"], MetricValue::Counter(2));
    /// ```
    #[must_use]
    pub fn of_step(&self, step: &str) -> Metrics {
        Metrics { all: Arc::clone(&self.all), prefix: format!("{}{step}.", self.prefix).into() }
    }

    /// Counts up.
    pub fn counter(&self, name: &str) -> Counter {
        match self.metric(name, || Metric::Counter(Counter::default())) {
            Metric::Counter(counter) => counter,
            _ => Counter::default(),
        }
    }

    /// Keeps count, sum, least and greatest.
    pub fn distribution(&self, name: &str) -> Distribution {
        match self.metric(name, || Metric::Distribution(Distribution::default())) {
            Metric::Distribution(distribution) => distribution,
            _ => Distribution::default(),
        }
    }

    /// Holds what was set last.
    pub fn gauge(&self, name: &str) -> Gauge {
        match self.metric(name, || Metric::Gauge(Gauge::default())) {
            Metric::Gauge(gauge) => gauge,
            _ => Gauge::default(),
        }
    }

    /// All readings, by name.
    pub fn read(&self) -> BTreeMap<String, MetricValue> {
        let metrics = self.all.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let read = |metric: &Metric| match metric {
            Metric::Counter(m) => MetricValue::Counter(m.value()),
            Metric::Distribution(m) => MetricValue::Distribution(m.value()),
            Metric::Gauge(m) => MetricValue::Gauge(m.value()),
        };
        metrics.iter().map(|(name, metric)| (name.clone(), read(metric))).collect()
    }

    /// The metric of a name; one of another kind under it is replaced, so that a program's mistake is seen in its report.
    fn metric(&self, name: &str, make: fn() -> Metric) -> Metric {
        let mut metrics = self.all.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let wanted = make();
        let known = metrics.entry(format!("{}{name}", self.prefix)).or_insert_with(|| wanted.clone());
        if std::mem::discriminant(known) != std::mem::discriminant(&wanted) {
            *known = wanted;
        }
        known.clone()
    }
}
