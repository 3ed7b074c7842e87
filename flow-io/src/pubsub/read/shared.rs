//! What the streams of a run share: which messages were seen, and the watermark.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flow_core::metrics::{Counter, Gauge, Metrics};
use flow_core::{Result, Timestamp};

use super::load::{Delivery, Load};
use super::options::Options;
use super::seen::Seen;
use super::tide::Tide;

#[derive(Debug)]
pub(super) struct Shared {
    seen: Mutex<Seen<Delivery>>,
    /// What an earlier process had is among what was seen.
    restored: Mutex<bool>,
    tide: Mutex<Option<Tide>>,
    loads: Mutex<BTreeMap<u32, Arc<Load>>>,
}

impl Shared {
    pub(super) fn new(options: &Options) -> Self {
        Shared {
            seen: Mutex::new(Seen::new(options.horizon)),
            restored: Mutex::default(),
            tide: Mutex::default(),
            loads: Mutex::default(),
        }
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen<Delivery>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what readers of an earlier process remembered, of whichever stream, when the first stream begins.
    pub(super) fn restore(&self, remembered: &[Vec<u8>], horizon: Duration, now: Timestamp) -> Result<()> {
        let mut restored = self.restored.lock().unwrap_or_else(PoisonError::into_inner);
        if !*restored && !remembered.is_empty() && !horizon.is_zero() {
            self.seen().restore(super::remembered::decode(remembered, horizon)?, now);
            *restored = true;
        }
        Ok(())
    }

    /// A stream begins.
    pub(super) fn open(&self, stream: u32, load: &Arc<Load>, options: &Options, now: Timestamp) {
        self.lock_tide().get_or_insert_with(|| Tide::new(options.pace, now));
        self.lock_loads().insert(stream, Arc::clone(load));
    }

    pub(super) fn tide<R>(&self, look: impl FnOnce(&mut Tide) -> R) -> Option<R> {
        self.lock_tide().as_mut().map(look)
    }

    pub(super) fn loads(&self) -> Vec<Arc<Load>> {
        self.lock_loads().values().cloned().collect()
    }

    fn lock_tide(&self) -> MutexGuard<'_, Option<Tide>> {
        self.tide.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_loads(&self) -> MutexGuard<'_, BTreeMap<u32, Arc<Load>>> {
        self.loads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is counted for the report.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    pub(super) received: Counter,
    pub(super) duplicates: Counter,
    pub(super) expired_leases: Counter,
    pub(super) acks: Counter,
    pub(super) failed_acks: Counter,
    pub(super) freshness: Gauge,
    pub(super) oldest_lease: Gauge,
    pub(super) outstanding_messages: Gauge,
    pub(super) outstanding_bytes: Gauge,
}

impl Counts {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Counts {
            received: metrics.counter("received"),
            duplicates: metrics.counter("duplicates"),
            expired_leases: metrics.counter("expired_leases"),
            acks: metrics.counter("acks"),
            failed_acks: metrics.counter("failed_acks"),
            freshness: metrics.gauge("freshness_ms"),
            oldest_lease: metrics.gauge("oldest_lease_ms"),
            outstanding_messages: metrics.gauge("outstanding_messages"),
            outstanding_bytes: metrics.gauge("outstanding_bytes"),
        }
    }
}
