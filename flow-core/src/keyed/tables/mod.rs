//! Combining by key in the common windowings.

mod absorb;
mod add;
mod contents;
mod emit;
mod gauge;
mod late;
mod saved;
mod saving;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::marker::PhantomData;

use foldhash::fast::FixedState;
use serde::Serialize;

pub(super) use absorb::{Absorb, Collected, Merged, Single, Spill};
use contents::Contents;
use emit::Emitting;
use gauge::Gauge;
use late::Late;
use saved::Changes;

use super::hash::key_hash;
use super::kernel::{Dropped, Kernel, Keyed};
use crate::combine::CombineFn;
use crate::element::Key;
use crate::exec::{Epoch, StepSaving};
use crate::scratch::Space;
use crate::trigger::Trigger;
use crate::window::{Accumulation, Closing, TimestampCombiner, Window, Windowing};
use crate::{Bundle, Meta, Result, Timestamp};

/// Combines by key for the common case: windows that stay apart, emitted when the watermark passes their end and
/// again for each late bundle, at the end of the window. One table a window, emitted whole.
///
/// Everything else is the work of [`Groups`](crate::group::Groups), with which this must agree.
///
/// In a durable run what an open window got since the last barrier is apart from what it had before, so that taking an
/// element in costs the same in either kind of run: what is new is written at the barrier, and then merged.
///
/// When the tables of all open windows take more than their share of memory, the largest go to scratch as sorted runs,
/// which are merged when the window is over. What windows keep for late elements stays in memory.
pub(super) struct Tables<K, V, C: CombineFn<V>, A> {
    combine: C,
    lateness: i64,
    accumulating: bool,
    index: hashbrown::HashMap<Window, usize, FixedState>,
    open: Vec<Option<Contents<K, C::Accumulator>>>,
    free: Vec<usize>,
    recent: Option<(Window, usize)>,
    /// Windows not yet emitted, by the moment that completes them.
    ends: BTreeSet<(Timestamp, Window)>,
    late: hashbrown::HashMap<Window, Late<K, C::Accumulator>, FixedState>,
    expiries: BTreeSet<(Timestamp, Window)>,
    emitting: Option<Emitting<K, C::Accumulator>>,
    late_panes: VecDeque<(K, C::Accumulator, Meta)>,
    watermark: Timestamp,
    default: Option<K>,
    /// There was one: whether the global window ended empty is decided here.
    decides_default: bool,
    space: Space,
    gauge: Gauge,
    worker: usize,
    /// In a durable run.
    changes: Option<Changes<K>>,
    /// What workers of an earlier run had in windows that they had not emitted.
    restoring: BTreeMap<(Window, usize), Contents<K, C::Accumulator>>,
    types: PhantomData<fn(V, A)>,
}

/// Whether a windowing is the common case.
pub(super) fn can(windowing: &Windowing) -> bool {
    windowing.trigger == Trigger::Default
        && !windowing.is_merging()
        && windowing.combiner == TimestampCombiner::EndOfWindow
        && windowing.closing == Closing::FireIfNonEmpty
}

impl<K: Key, V, C: CombineFn<V>, A: Spill<V, C>> Tables<K, V, C, A> {
    pub(super) fn new(combine: C, windowing: &Windowing, worker: usize, space: Space) -> Self {
        Tables {
            combine,
            lateness: windowing.lateness,
            accumulating: windowing.accumulation == Accumulation::Accumulating,
            index: hashbrown::HashMap::default(),
            open: Vec::new(),
            free: Vec::new(),
            recent: None,
            ends: BTreeSet::new(),
            late: hashbrown::HashMap::default(),
            expiries: BTreeSet::new(),
            emitting: None,
            late_panes: VecDeque::new(),
            watermark: Timestamp::MIN,
            default: None,
            decides_default: false,
            gauge: Gauge::new::<K, C::Accumulator>(&space, A::KEEPS_INPUTS),
            space,
            worker,
            changes: None,
            restoring: BTreeMap::new(),
            types: PhantomData,
        }
    }

    /// If the global window ends without an element, this key has the result of none.
    pub(super) fn set_default(&mut self, key: K) {
        self.default = Some(key);
        self.decides_default = true;
    }

    /// The place of a window's table, made if need be.
    #[inline]
    fn table_of(&mut self, window: Window, epoch: Epoch) -> usize {
        if let Some((recent, at)) = self.recent
            && recent == window
        {
            return at;
        }
        let at = match self.index.get(&window) {
            Some(at) => *at,
            None => self.open_window(window, epoch),
        };
        self.recent = Some((window, at));
        at
    }

    fn open_window(&mut self, window: Window, epoch: Epoch) -> usize {
        let open = Some(Contents::new(epoch));
        let at = self.free.pop().unwrap_or(self.open.len());
        if at == self.open.len() {
            self.open.push(open);
        } else {
            self.open[at] = open;
        }
        self.index.insert(window, at);
        self.ends.insert((window.max_timestamp(), window));
        at
    }

    fn close_window(&mut self, window: Window) -> Option<Contents<K, C::Accumulator>> {
        self.recent = None;
        self.ends.remove(&(window.max_timestamp(), window));
        let at = self.index.remove(&window)?;
        self.free.push(at);
        let open = self.open[at].take()?;
        open.uncount(&mut self.gauge);
        Some(open)
    }

    /// Looks how much memory the tables of open windows take, and moves the largest to scratch if it is too much.
    #[cold]
    fn relieve(&mut self) -> Result<()> {
        let Tables { open, restoring, gauge, .. } = self;
        let mut all: Vec<_> = open.iter_mut().flatten().chain(restoring.values_mut()).collect();
        if !A::KEEPS_INPUTS && std::mem::needs_drop::<(K, C::Accumulator)>() {
            gauge.measured(all.iter_mut().map(|window| window.measure()).sum());
        }
        if gauge.is_over() {
            let size = |gauge: &Gauge, window: &Contents<_, _>| gauge.bytes(window.keys(), window.heap);
            all.retain(|window| size(gauge, window) > gauge.least());
            all.sort_by_key(|window| std::cmp::Reverse(size(gauge, window)));
            for window in all {
                if gauge.is_relieved() {
                    break;
                }
                window.uncount(gauge);
                window.spill::<V, C, A>(&self.combine, &self.space)?;
            }
        }
        gauge.looked();
        Ok(())
    }
}

const IS_OPEN: &str = "an indexed window is open";

impl<K, In, V, C, A> Kernel<K, In, (K, C::Output)> for Tables<K, V, C, A>
where
    K: Key,
    In: Serialize,
    C: CombineFn<V>,
    A: Absorb<In, V, C> + Spill<V, C>,
{
    fn add(&mut self, elements: &mut Keyed<K, In>, epoch: Epoch) -> Result<Dropped> {
        let dropped = self.take_in(elements, epoch);
        if self.gauge.is_high() {
            self.relieve()?;
        }
        Ok(dropped)
    }

    fn advance(&mut self, watermark: Timestamp, _: Timestamp) {
        self.watermark = watermark;
        if watermark > Timestamp::END_OF_GLOBAL_WINDOW
            && let Some(key) = self.default.take()
            && !self.index.contains_key(&Window::GLOBAL)
        {
            let at = self.open_window(Window::GLOBAL, Epoch::MAX);
            let fresh = self.combine.create();
            let open = self.open[at].as_mut().expect(IS_OPEN);
            open.table.insert_unique(key_hash(&key), (key, fresh), |entry| key_hash(&entry.0));
        }
    }

    fn poll(&mut self, out: &mut Bundle<(K, C::Output)>) -> Result<bool> {
        self.emit(out)
    }

    fn output_watermark(&self) -> Timestamp {
        let emitting = self.emitting.as_ref().map(|e| e.window.max_timestamp());
        let due = self.ends.first().map(|(end, _)| *end).filter(|end| *end < self.watermark);
        [emitting, due].into_iter().flatten().fold(self.watermark, Timestamp::min)
    }

    fn deadline(&self) -> Option<Timestamp> {
        None
    }

    fn held_since(&self) -> Option<Epoch> {
        let open = self.open.iter().flatten().map(|open| open.since);
        // What was emitted and not kept is gone: late elements are emitted at once.
        let late = self.late.values().filter(|_| self.accumulating).map(|late| late.since);
        open.chain(late).min()
    }

    fn track(&mut self) {
        self.changes = Some(Changes::default());
    }

    fn save(&mut self, saving: &mut StepSaving<'_>) -> Result<()> {
        self.save_changes(saving)
    }

    fn restore(&mut self, record: &[u8]) -> Result<()> {
        self.take_back(record)?;
        if self.gauge.is_high() {
            self.relieve()?;
        }
        Ok(())
    }

    fn restore_emitted(&mut self, worker: usize, window: Window) -> Result<()> {
        self.take_back_emitted(worker, window)
    }

    fn restored(&mut self, watermark: Timestamp, now: Timestamp) {
        self.reopen();
        Kernel::<K, In, _>::advance(self, watermark, now);
    }
}
