//! What the streams of a subscription hold.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use flow_core::Timestamp;
use flow_core::metrics::Gauge;
use google_cloud_pubsub::subscriber::handler::Handler;

/// One stream's share of what is outstanding: received, and not acknowledged.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) max_messages: i64,
    pub(super) max_bytes: i64,
    messages: AtomicI64,
    bytes: AtomicI64,
    all_messages: Gauge,
    all_bytes: Gauge,
    /// How many acknowledgements there were.
    commits: AtomicU64,
    /// When the oldest that it holds was received, in microseconds; 0 is none.
    oldest: AtomicI64,
    /// The oldest publish time of each batch that waits for the reader.
    waiting: Mutex<VecDeque<Timestamp>>,
}

impl Load {
    pub(super) fn new(limits: (usize, usize), gauges: (Gauge, Gauge)) -> Self {
        let limit = |limit: usize| i64::try_from(limit.max(1)).unwrap_or(i64::MAX);
        Load {
            max_messages: limit(limits.0),
            max_bytes: limit(limits.1),
            messages: AtomicI64::new(0),
            bytes: AtomicI64::new(0),
            all_messages: gauges.0,
            all_bytes: gauges.1,
            commits: AtomicU64::new(0),
            oldest: AtomicI64::new(0),
            waiting: Mutex::default(),
        }
    }

    /// Whether the server may still send: with less than half of what the stream may have, a message of any usual size
    /// would fit.
    pub(super) fn has_room(&self) -> bool {
        self.messages.load(Relaxed) <= self.max_messages / 2 && self.bytes.load(Relaxed) <= self.max_bytes / 2
    }

    pub(super) fn is_full(&self) -> bool {
        self.messages.load(Relaxed) >= self.max_messages || self.bytes.load(Relaxed) >= self.max_bytes
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Relaxed)
    }

    pub(super) fn committed(&self) {
        self.commits.fetch_add(1, Relaxed);
    }

    pub(super) fn set_oldest(&self, received: Option<Timestamp>) {
        self.oldest.store(received.map_or(0, Timestamp::micros), Relaxed);
    }

    pub(super) fn oldest(&self) -> Option<Timestamp> {
        Some(self.oldest.load(Relaxed)).filter(|micros| *micros != 0).map(Timestamp::from_micros)
    }

    /// A batch goes on its way to the reader.
    pub(super) fn send(&self, oldest: Timestamp) {
        self.waiting().push_back(oldest);
    }

    /// The reader has taken a batch in.
    pub(super) fn take(&self) {
        self.waiting().pop_front();
    }

    /// The oldest publish time of what waits for the reader.
    pub(super) fn waits(&self) -> Option<Timestamp> {
        self.waiting().iter().copied().min()
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, VecDeque<Timestamp>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to acknowledge one delivery. Dropped, it asks for the message to be delivered again.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) handler: Handler,
    pub(super) received: Timestamp,
    /// Given back with the delivery.
    pub(super) room: Room,
}

/// A message's part of a stream's load.
#[derive(Debug)]
pub(super) struct Room {
    load: Arc<Load>,
    bytes: i64,
}

impl Room {
    pub(super) fn of(load: &Arc<Load>, bytes: usize) -> Self {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        load.messages.fetch_add(1, Relaxed);
        load.bytes.fetch_add(bytes, Relaxed);
        load.all_messages.add(1);
        load.all_bytes.add(bytes);
        Room { load: Arc::clone(load), bytes }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.load.messages.fetch_sub(1, Relaxed);
        self.load.bytes.fetch_sub(self.bytes, Relaxed);
        self.load.all_messages.add(-1);
        self.load.all_bytes.add(-self.bytes);
    }
}
