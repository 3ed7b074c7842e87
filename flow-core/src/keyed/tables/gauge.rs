use std::mem::{needs_drop, size_of};

use serde::Serialize;

use crate::scratch::Space;
use crate::spill::footprint;

/// About how much memory the tables of a step take on a worker, told bundle by bundle from some elements of each.
#[derive(Debug)]
pub(super) struct Gauge {
    /// How much they may take.
    share: usize,
    /// Bytes of a table for a key: there are more places than keys, and while it grows there are two tables.
    entry: usize,
    keys: usize,
    /// What keys and accumulators point to.
    heap: usize,
    /// What an accumulator points to, as far as was seen.
    seen: usize,
    /// When to look closer.
    look_at: usize,
}

/// What elements add to what tables point to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// A key that is new.
    pub(super) key: usize,
    pub(super) input: usize,
}

impl Gauge {
    pub(super) fn new<K, A>(space: &Space, keeps_inputs: bool) -> Self {
        let share = space.memory;
        // What an accumulator points to is not known until some have been looked at.
        let look_at = if needs_drop::<A>() && !keeps_inputs { share / 16 } else { share };
        Gauge { share, entry: 2 * (size_of::<(K, A)>() + 1), keys: 0, heap: 0, seen: 0, look_at }
    }

    /// What an element of a bundle adds, in the mean of some of them.
    #[inline]
    pub(super) fn cost<K: Serialize, A, In: Serialize>(
        &self,
        elements: &[(K, In)],
        keeps_inputs: bool,
    ) -> Cost {
        let key = if needs_drop::<K>() { mean(elements, |(key, _)| footprint(key)) } else { 0 };
        if !keeps_inputs && !needs_drop::<A>() {
            return Cost { key, input: 0 };
        }
        let input =
            if needs_drop::<In>() { mean(elements, |(_, input)| footprint(input)) } else { size_of::<In>() };
        if keeps_inputs {
            // A vector has up to twice as many places as values, and four at first.
            let places = 2 * size_of::<usize>() + 2 * size_of::<In>();
            return Cost { key: key + places, input: input + input / 2 };
        }
        Cost { key: key + self.seen, input }
    }

    /// So many keys more, and so many bytes that they point to.
    #[inline]
    pub(super) fn add(&mut self, keys: usize, heap: usize) {
        self.keys += keys;
        self.heap += heap;
    }

    /// So many less.
    pub(super) fn remove(&mut self, keys: usize, heap: usize) {
        self.keys = self.keys.saturating_sub(keys);
        self.heap = self.heap.saturating_sub(heap);
    }

    /// Whether it is time to look closer.
    #[inline]
    pub(super) fn is_high(&self) -> bool {
        self.used() > self.look_at
    }

    pub(super) fn used(&self) -> usize {
        self.bytes(self.keys, self.heap)
    }

    pub(super) fn bytes(&self, keys: usize, heap: usize) -> usize {
        keys * self.entry + heap
    }

    /// What everything points to, after it was looked at.
    pub(super) fn measured(&mut self, heap: usize) {
        self.heap = heap;
        self.seen = heap.div_ceil(self.keys.max(1));
    }

    /// Whether what there is leaves too little for more.
    pub(super) fn is_over(&self) -> bool {
        self.used() > self.share - self.share / 4
    }

    /// Whether half of the share is free.
    pub(super) fn is_relieved(&self) -> bool {
        self.used() <= self.share / 2
    }

    /// Tables that take no more than this stay in memory: a run has a price of its own.
    pub(super) fn least(&self) -> usize {
        (self.share / 64).min(4 << 10)
    }

    /// Looks again when the share is used, or, if it is used by what stays in memory, some time later.
    pub(super) fn looked(&mut self) {
        let later = if self.is_over() { self.used() + self.share / 4 } else { self.share };
        self.look_at = later.max(self.share);
    }
}

/// Of eight of them.
fn mean<T>(elements: &[T], size: impl Fn(&T) -> usize) -> usize {
    let some = elements.iter().step_by(elements.len().div_ceil(8).max(1));
    let count = some.len().max(1);
    some.map(size).sum::<usize>() / count
}
