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

/// No message is larger.
const LARGEST: i64 = 10 << 20;

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

    /// Whether the server may still send whatever there is.
    pub(super) fn has_room(&self) -> bool {
        let largest = LARGEST.min(self.max_bytes / 2);
        self.messages.load(Relaxed) < self.max_messages
            && self.bytes.load(Relaxed) <= self.max_bytes - largest
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

#[cfg(test)]
mod tests {
    use super::*;

    fn load(messages: usize, bytes: usize) -> Arc<Load> {
        Arc::new(Load::new((messages, bytes), (Gauge::default(), Gauge::default())))
    }

    #[test]
    fn there_is_room_until_a_limit_is_near_and_again_when_it_is_given_back() {
        let by_messages = load(2, 100 << 20);
        let first = Room::of(&by_messages, 0);
        assert!(by_messages.has_room());
        let second = Room::of(&by_messages, 0);
        assert!(!by_messages.has_room());
        drop((first, second));
        assert!(by_messages.has_room());
        assert_eq!(by_messages.all_messages.value(), 0);

        let by_bytes = load(100, 100 << 20);
        let _most = Room::of(&by_bytes, 90 << 20);
        assert!(by_bytes.has_room());
        let _more = Room::of(&by_bytes, 1);
        assert!(!by_bytes.has_room());

        let small = load(100, 1_000);
        let _half = Room::of(&small, 500);
        assert!(small.has_room());
        let _more = Room::of(&small, 1);
        assert!(!small.has_room());
    }
}
