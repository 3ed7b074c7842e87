use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use super::exchange;
use super::hash::key_hash;
use super::inbox::Station;
use super::kernel::{Dropped, Kernel, Keyed};
use super::tables;
use crate::element::{Key, Wire};
use crate::exec::{
    AnyOutput, BuildCx, Epoch, ExchangeOp, Inbox, Op, Outbox, Routing, StepId, StepSaving, decode_record,
    erased, typed,
};
use crate::lookup::{Chunks, Lookup, LookupBuilder, each_pair};
use crate::scratch::Space;
use crate::steps::{Origin, Published, Typed};
use crate::window::{Window, Windowing};
use crate::{BoxError, Bundle, Error, ErrorKind, Meta, Pane, Result, Timestamp};

/// Whether the pairs of windows can be sorted as they come: each window has one pane, when it is over.
pub(crate) fn can_sort(windowing: &Windowing) -> bool {
    windowing.lateness == 0 && tables::can(windowing)
}

/// Sorts the pairs of each window into a [`Lookup`], in memory and scratch; for windowings that [`can_sort`] allows.
pub(crate) fn lookup<K: Key + Ord, V: Wire>() -> Typed<((), (K, V)), Published<Lookup<K, V>>> {
    Op::Exchange(Arc::new(Sort(PhantomData::<fn(K, V)>))).into()
}

struct Sort<K, V>(PhantomData<fn(K, V)>);

impl<K: Key + Ord, V: Wire> Sort<K, V> {
    fn station(
        step: StepId,
        output: AnyOutput,
        cx: &BuildCx,
    ) -> Station<(), (K, V), Published<Lookup<K, V>>, Sorting<K, V>> {
        Station::new(step, Sorting::new(cx.space().clone()), typed(output), key_hash, cx)
    }
}

impl<K: Key + Ord, V: Wire> ExchangeOp for Sort<K, V> {
    fn routing(&self) -> Routing {
        Routing::Key
    }

    fn sender(&self, step: StepId, outbox: Box<dyn Outbox>, _: &mut BuildCx) -> AnyOutput {
        exchange::sender::<(), (K, V)>(step, outbox)
    }

    fn receiver(&self, step: StepId, output: AnyOutput, cx: &mut BuildCx) -> Box<dyn Inbox> {
        Box::new(Self::station(step, output, cx))
    }

    fn inline(&self, step: StepId, output: AnyOutput, cx: &mut BuildCx) -> AnyOutput {
        erased::<((), (K, V))>(Self::station(step, output, cx))
    }
}

/// Windows whose pairs are still coming.
struct Sorting<K, V> {
    space: Space,
    /// By the moment that completes them.
    open: BTreeMap<(Timestamp, Window), Open<K, V>>,
    watermark: Timestamp,
    is_durable: bool,
}

fn unsaved(cause: BoxError) -> Error {
    Error::new(ErrorKind::State, "a pair of a lookup does not encode").caused_by(cause)
}

struct Open<K, V> {
    builder: LookupBuilder<K, V>,
    since: Epoch,
    /// In a durable run, the pairs that have come since an epoch ended.
    unsaved: Chunks,
}

impl<K: Key + Ord, V: Wire> Sorting<K, V> {
    fn new(space: Space) -> Self {
        Sorting { space, open: BTreeMap::new(), watermark: Timestamp::MIN, is_durable: false }
    }

    fn open(&mut self, window: Window) -> &mut Open<K, V> {
        self.open.entry((window.max_timestamp(), window)).or_insert_with(|| Open {
            builder: LookupBuilder::new(self.space.clone()),
            since: Epoch::MAX,
            unsaved: Chunks::default(),
        })
    }

    /// Moves the largest windows to scratch until the others fit into half of the memory: vectors grow by doubling.
    fn spill(&mut self) -> Result<()> {
        let mut used: usize = self.open.values().map(|open| open.builder.used()).sum();
        while used > self.space.memory / 2 {
            let largest = self.open.values_mut().max_by_key(|open| open.builder.used());
            let Some(Open { builder, .. }) = largest else { return Ok(()) };
            used -= builder.used();
            builder.spill()?;
        }
        Ok(())
    }

    /// The moment that completes the first window that is over.
    fn due(&self) -> Option<Timestamp> {
        self.open.keys().next().map(|(end, _)| *end).filter(|end| *end < self.watermark)
    }
}

impl<K: Key + Ord, V: Wire> Kernel<(), (K, V), Published<Lookup<K, V>>> for Sorting<K, V> {
    fn add(&mut self, elements: &mut Keyed<(), (K, V)>, epoch: Epoch) -> Result<Dropped> {
        let mut dropped = Dropped::default();
        elements.hashes.clear();
        for (((), (key, value)), meta) in elements.bundle.drain() {
            let end = meta.window.max_timestamp();
            if self.watermark > end {
                dropped.late += 1;
                continue;
            }
            let is_durable = self.is_durable;
            let open = self.open(meta.window);
            open.since = open.since.min(epoch);
            if is_durable {
                open.unsaved.push(&(&key, &value)).map_err(unsaved)?;
            }
            open.builder.add(key, &value)?;
        }
        self.spill()?;
        Ok(dropped)
    }

    fn advance(&mut self, watermark: Timestamp, _: Timestamp) {
        self.watermark = watermark;
    }

    fn poll(&mut self, out: &mut Bundle<Published<Lookup<K, V>>>) -> Result<bool> {
        if self.due().is_none() {
            return Ok(false);
        }
        if let Some(((time, window), open)) = self.open.pop_first() {
            let value = Arc::new(open.builder.finish()?);
            out.push(Published { value, origin: Origin::Itself }, Meta { time, window, pane: Pane::ONLY });
        }
        Ok(self.due().is_some())
    }

    fn output_watermark(&self) -> Timestamp {
        self.due().map_or(self.watermark, |due| due.min(self.watermark))
    }

    fn deadline(&self) -> Option<Timestamp> {
        None
    }

    fn track(&mut self) {
        self.is_durable = true;
    }

    fn save(&mut self, saving: &mut StepSaving<'_>) -> Result<()> {
        let hash = key_hash(&());
        for ((_, window), open) in &mut self.open {
            if saving.whole() {
                open.unsaved = Chunks::default();
                let mut chunks = Chunks::default();
                open.builder.each(|key, value| {
                    chunks.push_encoded(key, value)?;
                    Ok(chunks.full().try_for_each(|chunk| saving.put(hash, &(window, chunk)))?)
                })?;
                chunks.all().try_for_each(|chunk| saving.put(hash, &(window, chunk)))?;
            } else {
                open.unsaved.all().try_for_each(|chunk| saving.put(hash, &(window, chunk)))?;
            }
        }
        Ok(())
    }

    fn restore(&mut self, record: &[u8]) -> Result<()> {
        let (window, chunk): (Window, Vec<u8>) = decode_record(record)?;
        let open = self.open(window);
        each_pair(&chunk, |(key, value)| open.builder.add(key, &value))?;
        self.spill()
    }

    fn restored(&mut self, watermark: Timestamp, now: Timestamp) {
        // Those that are over are out already.
        self.open.retain(|(end, _), _| *end >= watermark);
        self.advance(watermark, now);
    }

    fn held_since(&self) -> Option<Epoch> {
        self.open.values().map(|open| open.since).min()
    }
}
