//! The step behind the stateful verbs: the state of every key in every window.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::marker::PhantomData;
use std::sync::Arc;

use super::exchange;
use super::hash::key_hash;
use super::inbox::Station;
use super::kernel::{Dropped, Kernel, Keyed};
use super::stateful::{StatefulCx, StatefulFn};
use super::timers::{Domain, Timers};
use crate::element::{Element, Key, Wire};
use crate::exec::{AnyOutput, BuildCx, Epoch, ExchangeOp, Inbox, Op, Outbox, Routing, StepId, erased, typed};
use crate::steps::Typed;
use crate::window::{Window, Windowing};
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
    fn station(&self, step: StepId, output: AnyOutput) -> Station<K, V, Out, Cells<K, V, Out, F>> {
        Station::new(step, Cells::new(self.f.clone(), self.windowing.lateness), typed(output), key_hash)
    }
}

impl<K: Key, V: Wire, Out: Element, F: StatefulFn<K, V, Out>> ExchangeOp for StatefulStep<K, V, Out, F> {
    fn routing(&self) -> Routing {
        Routing::Key
    }

    fn sender(&self, step: StepId, outbox: Box<dyn Outbox>, _: &mut BuildCx) -> AnyOutput {
        exchange::sender::<K, V>(step, outbox)
    }

    fn receiver(&self, step: StepId, output: AnyOutput, _: &mut BuildCx) -> Box<dyn Inbox> {
        Box::new(self.station(step, output))
    }

    fn inline(&self, step: StepId, output: AnyOutput, _: &mut BuildCx) -> AnyOutput {
        erased::<(K, V)>(self.station(step, output))
    }
}

/// The state of every key in every window, by number; numbers are given in order of creation.
struct Cells<K, V, Out, F: StatefulFn<K, V, Out>> {
    f: F,
    lateness: i64,
    numbers: HashMap<(K, Window), u64, foldhash::fast::FixedState>,
    by_number: HashMap<u64, Cell<K, F::State>, foldhash::fast::FixedState>,
    next: u64,
    timers: Timers<F::Timer>,
    expiries: BTreeSet<(Timestamp, u64)>,
    ready: VecDeque<(Out, Meta)>,
    /// How many cells began in each epoch.
    since: BTreeMap<Epoch, usize>,
    watermark: Timestamp,
    passed: Timestamp,
    now: Timestamp,
    types: PhantomData<fn(V)>,
}

struct Cell<K, S> {
    key: K,
    window: Window,
    state: S,
    since: Epoch,
}

impl<K: Key, V: Wire, Out: Element, F: StatefulFn<K, V, Out>> Cells<K, V, Out, F> {
    fn new(f: F, lateness: i64) -> Self {
        Cells {
            f,
            lateness,
            numbers: HashMap::default(),
            by_number: HashMap::default(),
            next: 0,
            timers: Timers::default(),
            expiries: BTreeSet::new(),
            ready: VecDeque::new(),
            since: BTreeMap::new(),
            watermark: Timestamp::MIN,
            passed: Timestamp::MIN,
            now: Timestamp::MIN,
            types: PhantomData,
        }
    }

    fn cell_of(&mut self, key: &K, window: Window, epoch: Epoch) -> u64 {
        if let Some(number) = self.numbers.get(&(key.clone(), window)) {
            return *number;
        }
        let number = self.next;
        self.next += 1;
        self.numbers.insert((key.clone(), window), number);
        self.expiries.insert((window.expiry(self.lateness), number));
        *self.since.entry(epoch).or_default() += 1;
        self.by_number
            .insert(number, Cell { key: key.clone(), window, state: F::State::default(), since: epoch });
        number
    }

    /// What a cell has seen stems from this epoch too.
    fn note_since(&mut self, number: u64, epoch: Epoch) {
        let Some(cell) = self.by_number.get_mut(&number).filter(|cell| epoch < cell.since) else { return };
        let before = std::mem::replace(&mut cell.since, epoch);
        *self.since.entry(epoch).or_default() += 1;
        self.forget(before);
    }

    fn forget(&mut self, since: Epoch) {
        if let Some(count) = self.since.get_mut(&since) {
            *count -= 1;
            if *count == 0 {
                self.since.remove(&since);
            }
        }
    }

    /// Calls the user's function for a cell.
    fn call(
        &mut self,
        number: u64,
        at: Timestamp,
        pane: Pane,
        call: impl FnOnce(&F, &K, &mut F::State, &mut StatefulCx<'_, F::Timer, Out>) -> Result<(), BoxError>,
    ) -> Result<()> {
        let here = self.by_number.get_mut(&number).expect("a numbered cell is there until it expires");
        let mut cx = StatefulCx {
            out: &mut self.ready,
            timers: &mut self.timers,
            cell: number,
            meta: Meta { time: at, window: here.window, pane },
            expiry: here.window.expiry(self.lateness),
            watermark: self.watermark,
            now: self.now,
            forget: false,
            failed: None,
        };
        let result = call(&self.f, &here.key, &mut here.state, &mut cx);
        let (is_over, failed) = (cx.forget, cx.failed.take());
        if let Some(error) = failed {
            return Err(error);
        }
        if is_over {
            self.drop_cell(number);
        }
        result.map_err(|cause| Error::new(ErrorKind::User, "failed").caused_by(cause))
    }

    /// Lets go of a cell: its state, its timers and its expiry.
    fn drop_cell(&mut self, number: u64) {
        self.timers.clear_cell(number);
        let Some(cell) = self.by_number.remove(&number) else { return };
        self.expiries.remove(&(cell.window.expiry(self.lateness), number));
        self.forget(cell.since);
        self.numbers.remove(&(cell.key, cell.window));
    }

    /// Fires the next timer, or expires the next window, whichever is due first; false if nothing is.
    fn fire_one(&mut self) -> Result<bool> {
        let expiring = self.expiries.first().copied().filter(|(at, _)| *at < self.watermark);
        let timer = self.timers.due(self.watermark, self.now);
        let timer = timer.filter(|(_, _, set)| {
            set.domain == Domain::Processing || expiring.is_none_or(|(expiry, _)| set.at <= expiry)
        });
        if let Some((number, tag, set)) = timer {
            self.timers.clear(number, &tag);
            self.call(number, set.output, Pane::default(), |f, key, state, cx| {
                f.on_timer(key, tag, state, cx)
            })?;
            return Ok(true);
        }
        let Some((_, number)) = expiring else { return Ok(false) };
        let end = self.by_number.get(&number).map(|cell| cell.window.max_timestamp()).expect("expires once");
        self.call(number, end, Pane::default(), F::on_window_expiration)?;
        self.drop_cell(number);
        Ok(true)
    }
}

impl<K: Key, V: Wire, Out: Element, F: StatefulFn<K, V, Out>> Kernel<K, V, Out> for Cells<K, V, Out, F> {
    fn add(&mut self, elements: &mut Keyed<K, V>, epoch: Epoch) -> Result<Dropped> {
        let mut dropped = Dropped::default();
        for ((key, value), meta) in elements.bundle.drain() {
            if self.watermark > meta.window.expiry(self.lateness) {
                dropped.late += 1;
                continue;
            }
            let number = self.cell_of(&key, meta.window, epoch);
            self.note_since(number, epoch);
            self.call(number, meta.time, meta.pane, |f, key, state, cx| f.process(key, value, state, cx))?;
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
        let is_due = self.timers.due(self.watermark, self.now).is_some();
        let is_expiring = self.expiries.first().is_some_and(|(at, _)| *at < self.watermark);
        let more = !self.ready.is_empty() || is_due || is_expiring;
        if !more {
            let held = self.timers.hold();
            self.passed = held.map_or(self.watermark, |held| self.watermark.min(held));
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
        self.since.first_key_value().map(|(epoch, _)| *epoch)
    }
}
