//! The step behind the stateful verbs: the state of every key in every window.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::marker::PhantomData;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::context::{Call, Cause, StatefulCx};
use super::exchange;
use super::hash::key_hash;
use super::inbox::Station;
use super::kernel::{Dropped, Kernel, Keyed};
use super::merging::Merging;
use super::stateful::StatefulFn;
use super::store::{Cell, CellId, Store};
use super::timers::{Domain, Set, Timers};
use crate::element::{Element, Key, Wire};
use crate::exec::{
    AnyOutput, BuildCx, Epoch, ExchangeOp, Inbox, Op, Outbox, Routing, StepId, StepSaving, decode_record,
    erased, planted, typed,
};
use crate::steps::Typed;
use crate::window::{Merged, Window, Windowing};
use crate::{BoxError, Bundle, Error, ErrorKind, Meta, Pane, Result, Timestamp};

pub(crate) fn stateful<K: Key, V: Wire, Out: Element, F: StatefulFn<K, V, Out>>(
    f: F,
    windowing: Windowing,
) -> Typed<(K, V), Out> {
    Op::Exchange(Arc::new(StatefulStep { f, windowing, types: PhantomData::<fn(K, V) -> Out> })).into()
}

struct StatefulStep<K, V, Out, F> {
    f: F,
    windowing: Windowing,
    types: PhantomData<fn(K, V) -> Out>,
}

impl<K: Key, V: Wire, Out: Element, F: StatefulFn<K, V, Out>> StatefulStep<K, V, Out, F> {
    fn station(
        &self,
        step: StepId,
        output: AnyOutput,
        cx: &BuildCx,
    ) -> Station<K, V, Out, Cells<K, V, Out, F>> {
        Station::new(step, Cells::new(self.f.clone(), &self.windowing), typed(output), key_hash, cx)
    }
}

impl<K: Key, V: Wire, Out: Element, F: StatefulFn<K, V, Out>> ExchangeOp for StatefulStep<K, V, Out, F> {
    fn routing(&self) -> Routing {
        Routing::Key
    }

    fn sender(&self, step: StepId, outbox: Box<dyn Outbox>, _: &mut BuildCx) -> AnyOutput {
        exchange::sender::<K, V>(step, outbox)
    }

    fn receiver(&self, step: StepId, output: AnyOutput, cx: &mut BuildCx) -> Box<dyn Inbox> {
        Box::new(self.station(step, output, cx))
    }

    fn inline(&self, step: StepId, output: AnyOutput, cx: &mut BuildCx) -> AnyOutput {
        erased::<(K, V)>(self.station(step, output, cx))
    }
}

/// The kernel alone.
#[cfg(any(test, fuzzing))]
pub(crate) fn cells<K: Key, V: Wire, Out: Element, F: StatefulFn<K, V, Out>>(
    f: F,
    windowing: &Windowing,
) -> impl Kernel<K, V, Out> {
    Cells::new(f, windowing)
}

/// The state of every key in every window, with what it emits and when it acts.
pub(super) struct Cells<K, V, Out, F: StatefulFn<K, V, Out>> {
    f: F,
    lateness: i64,
    store: Store<K, F::State>,
    /// Of windows that merge.
    merging: Option<Merging<K, F::State>>,
    timers: Timers<F::Timer>,
    ready: VecDeque<(Out, Meta)>,
    watermark: Timestamp,
    passed: Timestamp,
    now: Timestamp,
    types: PhantomData<fn(V)>,
}

/// An element whose window has not expired.
struct Taken<K, V> {
    hash: u64,
    key: K,
    value: V,
    meta: Meta,
}

impl<K: Key, V: Wire, Out: Element, F: StatefulFn<K, V, Out>> Cells<K, V, Out, F> {
    pub(super) fn new(f: F, windowing: &Windowing) -> Self {
        let fold = f.merging().filter(|_| windowing.is_merging());
        Cells {
            lateness: windowing.lateness,
            store: Store::new(windowing.lateness),
            merging: fold.map(|fold| Merging::new(windowing.clone(), fold)),
            f,
            timers: Timers::default(),
            ready: VecDeque::new(),
            watermark: Timestamp::MIN,
            passed: Timestamp::MIN,
            now: Timestamp::MIN,
            types: PhantomData,
        }
    }

    /// Calls the function for an element, in the state of its key and window, old or new. It may have been found before.
    #[inline]
    fn process(&mut self, taken: Taken<K, V>, found: Option<CellId>, epoch: Epoch) -> Result<()> {
        let Taken { hash, key, value, meta } = taken;
        let call = Call {
            time: meta.time,
            moment: meta.time,
            pane: meta.pane,
            epoch: Some(epoch),
            cause: Cause::Element,
        };
        let found = found.filter(|id| self.store.is_there(*id));
        let id = match found.or_else(|| self.store.find(hash, &key, meta.window)) {
            Some(id) => id,
            None => self.open(Cell::new(key, hash, meta.window, F::State::default(), epoch)),
        };
        self.store.note_since(id, epoch);
        self.call(id, call, |f, key, state, cx| f.process(key, value, state, cx))
    }

    /// The cells of the elements of a bundle, where there are any: looked up one after the other, lookups wait for memory
    /// side by side. Not if windows are to be merged first.
    fn find_all(&self, elements: &Keyed<K, V>) -> Vec<Option<CellId>> {
        let Keyed { bundle, hashes } = elements;
        let count = if self.merging.is_some() { 0 } else { hashes.len() };
        let all = bundle.values.iter().zip(hashes).enumerate().take(count);
        all.map(|(at, ((key, _), hash))| self.store.find(*hash, key, bundle.windows.get(at))).collect()
    }

    fn open(&mut self, cell: Cell<K, F::State>) -> CellId {
        if let Some(merging) = &mut self.merging {
            merging.opened(&cell.key, cell.window);
        }
        self.store.insert(cell)
    }

    /// Lets go of a cell, but not of its timers.
    fn close(&mut self, id: CellId) -> Option<Cell<K, F::State>> {
        let cell = self.store.remove(id)?;
        if let Some(merging) = &mut self.merging {
            merging.closed(&cell.key, cell.window);
        }
        Some(cell)
    }

    /// Lets go of a cell: its state, its timers and its expiry. The function may have done so before.
    fn drop_cell(&mut self, id: CellId) {
        self.timers.take_cell(id);
        self.close(id);
    }

    /// Calls the user's function for a cell.
    #[inline]
    fn call(
        &mut self,
        id: CellId,
        call: Call<F::Timer>,
        function: impl FnOnce(&F, &K, &mut F::State, &mut StatefulCx<'_, F::Timer, Out>) -> Result<(), BoxError>,
    ) -> Result<()> {
        self.store.changed(id);
        let here = self.store.get_mut(id);
        let mut cx = StatefulCx {
            out: &mut self.ready,
            timers: &mut self.timers,
            cell: id,
            call,
            window: here.window,
            expiry: here.window.expiry(self.lateness),
            watermark: self.watermark,
            now: self.now,
            forget: false,
            since: None,
            failed: None,
        };
        let result = function(&self.f, &here.key, &mut here.state, &mut cx);
        let (is_over, since, failed) = (cx.forget, cx.since, cx.failed.take());
        if let Some(error) = failed {
            return Err(error);
        }
        if is_over {
            self.drop_cell(id);
        } else if let Some(since) = since {
            self.store.set_since(id, since);
        }
        result.map_err(|cause| Error::new(ErrorKind::User, "failed").caused_by(cause))
    }

    /// Processing time, as timers see it: when the input has ended no clock will come any more that they could wait for.
    fn clock(&self) -> Timestamp {
        if self.watermark == Timestamp::MAX { Timestamp::MAX } else { self.now }
    }

    /// Nothing that is due is left: passes the watermark on as far as timers let it.
    fn pass(&mut self) {
        let held = self.timers.hold();
        self.passed = held.map_or(self.watermark, |held| self.watermark.min(held));
    }

    /// Fires the next timer, or expires the next window, whichever is due first; false if nothing is.
    fn fire_one(&mut self) -> Result<bool> {
        let expiring = self.store.expiring(self.watermark);
        let until = expiring.map_or(self.watermark, |(expiry, _)| expiry);
        if let Some((id, tag, set)) = self.timers.due(until, self.clock()) {
            self.timers.clear(id, &tag);
            let moment = if set.domain == Domain::Event { set.at } else { set.output };
            // What was set without an output has not held the watermark, so what it sets in turn starts from there.
            let (time, cause) = if set.holds {
                (set.output, Cause::Timer)
            } else {
                (set.output.max(self.passed), Cause::SilentTimer(tag.clone()))
            };
            let call = Call { time, moment, pane: Pane::default(), epoch: None, cause };
            self.call(id, call, |f, key, state, cx| f.on_timer(key, tag, state, cx))?;
            return Ok(true);
        }
        let Some((_, id)) = expiring else { return Ok(false) };
        let end = self.store.get_mut(id).window.max_timestamp();
        let call =
            Call { time: end, moment: end, pane: Pane::default(), epoch: None, cause: Cause::Expiration };
        self.call(id, call, F::on_window_expiration)?;
        self.drop_cell(id);
        Ok(true)
    }
}

/// Windows that merge.
impl<K: Key, V: Wire, Out: Element, F: StatefulFn<K, V, Out>> Cells<K, V, Out, F> {
    /// Merges the windows of new elements with each other and with those that are open, and the states of these; the
    /// elements are then of the merged windows.
    fn merge_windows(&mut self, taken: &mut [Taken<K, V>]) {
        for elements in by_key(taken) {
            let Taken { key, hash, .. } = &taken[elements[0]];
            let new: BTreeSet<Window> = elements.iter().map(|at| taken[*at].meta.window).collect();
            let Some(merging) = &self.merging else { return };
            let plan = merging.plan(key, new, self.watermark);
            for merged in plan.merged() {
                self.merge_cells(*hash, key, merged);
            }
            for at in elements {
                let window = &mut taken[at].meta.window;
                *window = plan.of(*window);
            }
        }
    }

    /// Makes one cell of those in windows that merge; windows that only new elements have are in none.
    fn merge_cells(&mut self, hash: u64, key: &K, merged: &Merged) {
        let Some(fold) = self.merging.as_ref().map(|merging| merging.fold) else { return };
        let windows: BTreeSet<Window> = merged.from.iter().copied().chain([merged.into]).collect();
        let old: Vec<CellId> =
            windows.iter().filter_map(|window| self.store.find(hash, key, *window)).collect();
        if old.is_empty() || (old.len() == 1 && self.store.find(hash, key, merged.into).is_some()) {
            return;
        }
        let cells: Vec<Cell<K, F::State>> = old.iter().filter_map(|id| self.close(*id)).collect();
        let one = cells.into_iter().reduce(|mut into, cell| {
            fold(&mut into.state, cell.state);
            into.since = into.since.min(cell.since);
            into
        });
        let Some(mut one) = one else { return };
        one.window = merged.into;
        one.saved = false; // under its new window
        let id = self.open(one);
        for from in old {
            let timers = self.timers.take_cell(from);
            self.timers.join(id, timers, merged.into.expiry(self.lateness));
        }
    }
}

/// The places of the elements of each key, in the order in which the keys came.
fn by_key<K: Key, V>(taken: &[Taken<K, V>]) -> Vec<Vec<usize>> {
    let mut keys: HashMap<&K, usize, FixedState> = HashMap::default();
    let mut elements: Vec<Vec<usize>> = Vec::new();
    for (at, taken) in taken.iter().enumerate() {
        let key = *keys.entry(&taken.key).or_insert(elements.len());
        if key == elements.len() {
            elements.push(Vec::new());
        }
        elements[key].push(at);
    }
    elements
}

impl<K: Key, V: Wire, Out: Element, F: StatefulFn<K, V, Out>> Kernel<K, V, Out> for Cells<K, V, Out, F> {
    fn add(&mut self, elements: &mut Keyed<K, V>, epoch: Epoch) -> Result<Dropped> {
        let mut dropped = Dropped::default();
        let mut merging = Vec::new();
        let mut found = self.find_all(elements).into_iter();
        for (((key, value), meta), hash) in elements.bundle.drain().zip(elements.hashes.drain(..)) {
            let found = found.next().flatten();
            if self.watermark > meta.window.expiry(self.lateness) {
                dropped.late += 1;
                continue;
            }
            let taken = Taken { hash, key, value, meta };
            if self.merging.is_some() {
                merging.push(taken);
            } else {
                self.process(taken, found, epoch)?;
            }
        }
        // Windows merge before any element gets into one, so that none is seen that is merged away.
        self.merge_windows(&mut merging);
        for taken in merging {
            self.process(taken, None, epoch)?;
        }
        Ok(dropped)
    }

    fn advance(&mut self, watermark: Timestamp, now: Timestamp) {
        self.watermark = watermark;
        self.now = now;
    }

    fn poll(&mut self, out: &mut Bundle<Out>) -> Result<bool> {
        while self.ready.len() < Bundle::<Out>::TARGET_LEN && self.fire_one()? {}
        while !out.is_full()
            && let Some((value, meta)) = self.ready.pop_front()
        {
            out.push(value, meta);
        }
        let is_due = self.timers.due(self.watermark, self.clock()).is_some();
        let is_expiring = self.store.expiring(self.watermark).is_some();
        let more = !self.ready.is_empty() || is_due || is_expiring;
        if !more {
            self.pass();
        }
        Ok(more)
    }

    fn output_watermark(&self) -> Timestamp {
        self.passed
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.timers.deadline()
    }

    fn held_since(&self) -> Option<Epoch> {
        if !self.f.holds_elements() {
            return None;
        }
        self.store.held_since()
    }

    fn track(&mut self) {
        self.store.track();
    }

    fn save(&mut self, saving: &mut StepSaving<'_>) -> Result<()> {
        let changes = self.store.take_changes(saving.whole());
        for (hash, key, window) in &changes.gone {
            saving.put(*hash, &(key, window, None::<(&F::State, Vec<(&F::Timer, Set)>)>))?;
        }
        for id in changes.kept {
            // Planted: what waits for a moment waits for ever.
            let timers: Vec<(&F::Timer, Set)> =
                self.timers.of_cell(id).filter(|_| !planted("timers-not-saved")).collect();
            let cell = self.store.get(id);
            saving.put(cell.hash, &(&cell.key, cell.window, Some((&cell.state, timers))))?;
        }
        Ok(())
    }

    fn restore(&mut self, record: &[u8]) -> Result<()> {
        let (key, window, kept): Record<K, F::State, F::Timer> = decode_record(record)?;
        let hash = key_hash(&key);
        let old = self.store.find(hash, &key, window);
        let Some((state, timers)) = kept else {
            if let Some(id) = old {
                self.drop_cell(id);
            }
            return Ok(());
        };
        let id = match old {
            Some(id) => {
                self.timers.take_cell(id);
                self.store.get_mut(id).state = state;
                id
            }
            // What was saved holds no epoch: it need not be read again.
            None => self.open(Cell::new(key, hash, window, state, Epoch::MAX)),
        };
        for (tag, set) in timers {
            self.timers.set(id, tag, set);
        }
        Ok(())
    }

    fn restored(&mut self, watermark: Timestamp, now: Timestamp) {
        self.advance(watermark, now);
        // Before timers that fell due meanwhile fire: what they set starts from here.
        self.pass();
    }
}

/// A key and a window, and what is kept for them: the state and the timers, or nothing any more.
type Record<K, S, Tag> = (K, Window, Option<(S, Vec<(Tag, Set)>)>);
