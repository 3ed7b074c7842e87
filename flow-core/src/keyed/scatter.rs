use serde::Serialize;

use super::hash::owner;
use super::kernel::Keyed;
use crate::exec::{Outbox, Parcel, Signal, planted};
use crate::spill::without_scratch;
use crate::{Bundle, Element, Meta};

/// Collects elements for each receiving worker and sends them in parcels worth sending.
pub(super) struct Scatter<K, V> {
    outbox: Box<dyn Outbox>,
    parts: Vec<Keyed<K, V>>,
    parcel_len: usize,
}

impl<K: Element + Serialize, V: Element + Serialize> Scatter<K, V> {
    pub(super) fn new(outbox: Box<dyn Outbox>) -> Self {
        let parts = (0..outbox.workers()).map(|_| Keyed::default()).collect();
        Scatter { outbox, parts, parcel_len: parcel_len::<(K, V)>() }
    }

    #[inline]
    pub(super) fn push(&mut self, hash: u64, pair: (K, V), meta: Meta) {
        let worker = owner(hash, self.parts.len());
        let part = &mut self.parts[worker];
        part.hashes.push(hash);
        part.bundle.push(pair, meta);
        if part.bundle.len() >= self.parcel_len {
            self.send(worker);
        }
    }

    /// Takes all elements of a bundle; `hash` is called once for each.
    pub(super) fn push_all(&mut self, bundle: &mut Bundle<(K, V)>, hash: impl Fn(&K) -> u64) {
        let Some(meta) = bundle.uniform_meta().filter(|meta| self.agree_on(*meta)) else {
            for (pair, meta) in bundle.drain() {
                self.push(hash(&pair.0), pair, meta);
            }
            return;
        };
        let workers = self.parts.len();
        for pair in bundle.values.drain(..) {
            let hash = hash(&pair.0);
            let worker = owner(hash, workers);
            let part = &mut self.parts[worker];
            part.hashes.push(hash);
            part.bundle.values.push(pair);
            if part.bundle.len() >= self.parcel_len {
                self.send(worker);
                self.parts[worker].bundle = Bundle::with(Vec::with_capacity(self.parcel_len), meta);
            }
        }
    }

    /// Whether all parts can take elements of this meta without looking at it each time.
    fn agree_on(&mut self, meta: Meta) -> bool {
        for part in &mut self.parts {
            if part.bundle.is_empty() {
                part.bundle = Bundle::with(std::mem::take(&mut part.bundle.values), meta);
            }
        }
        self.parts.iter().all(|part| part.bundle.uniform_meta() == Some(meta))
    }

    pub(super) fn flush(&mut self) {
        for worker in 0..self.parts.len() {
            if !self.parts[worker].bundle.is_empty() {
                self.send(worker);
            }
        }
    }

    /// Sends what is collected, and the signal behind it.
    pub(super) fn signal(&mut self, signal: Signal) {
        self.flush();
        self.outbox.signal(signal);
    }

    fn send(&mut self, worker: usize) {
        let keyed = std::mem::take(&mut self.parts[worker]);
        let bytes = bytes_of(&keyed.bundle);
        self.outbox.send(worker, Parcel { data: Box::new(keyed), bytes });
    }
}

/// How many elements make a parcel: handing one over costs about a microsecond, so many; but no more than a cache takes.
pub(super) fn parcel_len<T>() -> usize {
    (32 * 1024 / size_of::<T>().max(1)).clamp(64, 2048)
}

/// About how many bytes of memory a bundle takes, with what its elements point to: the first one's encoding is taken
/// as typical.
pub(super) fn bytes_of<T: Serialize>(bundle: &Bundle<T>) -> usize {
    if planted("credits-by-elements") {
        return bundle.len(); // elements have any size
    }
    let Some(first) = bundle.values.first() else { return 0 };
    let size = postcard::ser_flavors::Size::default;
    let encoded = without_scratch(|| postcard::serialize_with_flavor(first, size())).unwrap_or(0);
    bundle.len() * size_of::<T>().max(encoded)
}
