use std::mem::needs_drop;

use hashbrown::hash_table::Entry;
use serde::Serialize;

use super::absorb::{Absorb, Spill};
use super::gauge::Cost;
use super::late::Late;
use super::{IS_OPEN, Tables};
use crate::combine::CombineFn;
use crate::element::Key;
use crate::exec::Epoch;
use crate::keyed::ahead;
use crate::keyed::hash::key_hash;
use crate::keyed::kernel::{Dropped, Keyed};
use crate::window::Window;
use crate::{Bundle, Meta};

/// Elements are taken in.
impl<K: Key, V, C: CombineFn<V>, A: Spill<V, C>> Tables<K, V, C, A> {
    pub(super) fn take_in<In: Serialize>(&mut self, elements: &mut Keyed<K, In>, epoch: Epoch) -> Dropped
    where
        A: Absorb<In, V, C>,
    {
        let mut dropped = Dropped::default();
        let Keyed { bundle, hashes } = elements;
        let cost = self.gauge.cost::<K, C::Accumulator, In>(&bundle.values, A::KEEPS_INPUTS);
        if let Some(window) = bundle.windows.uniform()
            && self.watermark <= window.max_timestamp()
        {
            self.add_all(window, bundle, hashes, epoch, cost);
            return dropped;
        }
        let mut touched = Vec::new();
        let (mut keys, mut heap) = (0, 0);
        let Bundle { values, windows, .. } = bundle;
        for (at, ((key, input), hash)) in values.drain(..).zip(hashes.drain(..)).enumerate() {
            let window = windows.get(at);
            if self.watermark <= window.max_timestamp() {
                let place = self.table_of(window, epoch);
                let open = self.open[place].as_mut().expect(IS_OPEN);
                open.since = open.since.min(epoch);
                if has_heap::<K, V, C, A>() {
                    open.heap += cost.input;
                    heap += cost.input;
                }
                match open.table.entry(hash, |entry| entry.0 == key, |entry| key_hash(&entry.0)) {
                    Entry::Occupied(mut entry) => A::absorb(&self.combine, &mut entry.get_mut().1, input),
                    Entry::Vacant(place) => {
                        place.insert((key, A::start(&self.combine, input)));
                        open.heap += cost.key;
                        heap += cost.key;
                        keys += 1;
                    }
                }
            } else if self.watermark > window.expiry(self.lateness) {
                dropped.late += 1;
            } else {
                self.add_late(window, hash, key, input, epoch, &mut touched);
            }
        }
        self.gauge.add(keys, heap);
        self.fire_late(touched);
        dropped
    }

    /// Elements of one window that is still open.
    fn add_all<In>(
        &mut self,
        window: Window,
        bundle: &mut Bundle<(K, In)>,
        hashes: &mut Vec<u64>,
        epoch: Epoch,
        cost: Cost,
    ) where
        A: Absorb<In, V, C>,
    {
        let place = self.table_of(window, epoch);
        let open = self.open[place].as_mut().expect(IS_OPEN);
        open.since = open.since.min(epoch);
        let (inputs, keys) = (bundle.len(), open.table.len());
        let (start, absorb) =
            (|input| A::start(&self.combine, input), |to: &mut _, input| A::absorb(&self.combine, to, input));
        ahead::take_in(&mut open.table, &mut bundle.values, hashes, start, absorb);
        let new = open.table.len() - keys;
        let heap = new * cost.key + inputs * cost.input;
        open.heap += heap;
        self.gauge.add(new, heap);
    }

    /// Late elements: added to what the window has, and noted as touched so that each key fires once for the bundle.
    fn add_late<In>(
        &mut self,
        window: Window,
        hash: u64,
        key: K,
        input: In,
        epoch: Epoch,
        touched: &mut Vec<(Window, u64, K)>,
    ) where
        A: Absorb<In, V, C>,
    {
        let late = self.late.entry(window).or_insert_with(|| {
            self.expiries.insert((window.expiry(self.lateness), window));
            Late::new(epoch)
        });
        let known = late.enter(hash, &key);
        match &mut known.accumulator {
            Some(accumulator) => A::absorb(&self.combine, accumulator, input),
            none => *none = Some(A::start(&self.combine, input)),
        }
        if !std::mem::replace(&mut known.touched, true) {
            if let Some(changes) = &mut self.changes
                && !std::mem::replace(&mut known.changed, true)
            {
                changes.late.push((window, hash, key.clone()));
            }
            touched.push((window, hash, key));
        }
    }

    fn fire_late(&mut self, touched: Vec<(Window, u64, K)>) {
        for (window, hash, key) in touched {
            let Some(late) = self.late.get_mut(&window) else { continue };
            let Some(known) = late.find(hash, &key) else { continue };
            known.touched = false;
            let accumulator =
                if self.accumulating { known.accumulator.clone() } else { known.accumulator.take() };
            let Some(accumulator) = accumulator else { continue };
            let meta = Meta { time: window.max_timestamp(), window, pane: known.next_pane() };
            self.late_panes.push_back((key, accumulator, meta));
        }
    }
}

/// Whether tables point to anything.
const fn has_heap<K, V, C: CombineFn<V>, A: Spill<V, C>>() -> bool {
    A::KEEPS_INPUTS || needs_drop::<(K, C::Accumulator)>()
}
