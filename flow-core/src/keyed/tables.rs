use std::collections::{BTreeSet, VecDeque};
use std::marker::PhantomData;

use hashbrown::hash_table::{Entry, HashTable, IntoIter};

use super::hash::key_hash;
use super::kernel::{Dropped, Kernel, Keyed};
use crate::combine::CombineFn;
use crate::element::Key;
use crate::exec::Epoch;
use crate::trigger::Trigger;
use crate::window::{Accumulation, Closing, TimestampCombiner, Window, Windowing};
use crate::{Bundle, Meta, Pane, Timestamp, Timing};

/// Combines by key for the common case: windows that stay apart, emitted when the watermark passes their end and
/// again for each late bundle, at the end of the window. One table a window, emitted whole.
///
/// Everything else is the work of [`Groups`](crate::group::Groups), with which this must agree.
pub(super) struct Tables<K, V, C: CombineFn<V>, A> {
    combine: C,
    lateness: i64,
    accumulating: bool,
    index: hashbrown::HashMap<Window, usize, foldhash::fast::FixedState>,
    open: Vec<Option<Open<K, C::Accumulator>>>,
    free: Vec<usize>,
    recent: Option<(Window, usize)>,
    /// Windows not yet emitted, by the moment that completes them.
    ends: BTreeSet<(Timestamp, Window)>,
    late: hashbrown::HashMap<Window, Late<K, C::Accumulator>, foldhash::fast::FixedState>,
    expiries: BTreeSet<(Timestamp, Window)>,
    emitting: Option<Emitting<K, C::Accumulator>>,
    late_panes: VecDeque<(K, C::Accumulator, Meta)>,
    watermark: Timestamp,
    default: Option<K>,
    types: PhantomData<fn(V, A)>,
}

/// From about so many entries on, a table is larger than the caches near a core.
const OUTGROWS_CACHE: usize = 1 << 14;

struct Open<K, A> {
    table: HashTable<(K, A)>,
    since: Epoch,
}

/// A window that was emitted and still takes data.
struct Late<K, A> {
    keys: HashTable<LateKey<K, A>>,
    since: Epoch,
}

struct LateKey<K, A> {
    key: K,
    /// Everything so far, if panes accumulate.
    accumulator: Option<A>,
    panes: u32,
    touched: bool,
}

struct Emitting<K, A> {
    window: Window,
    entries: IntoIter<(K, A)>,
    keeps: bool,
}

/// How an input is taken in: as a value, or as an accumulator made elsewhere.
pub(super) trait Absorb<In, V, C: CombineFn<V>> {
    fn absorb(combine: &C, accumulator: &mut C::Accumulator, input: In);
    fn start(combine: &C, input: In) -> C::Accumulator;
}

/// Inputs are values.
pub(super) struct Single;
/// Inputs are accumulators.
pub(super) struct Merge;

impl<V, C: CombineFn<V>> Absorb<V, V, C> for Single {
    #[inline]
    fn absorb(combine: &C, accumulator: &mut C::Accumulator, input: V) {
        combine.add(accumulator, input);
    }
    #[inline]
    fn start(combine: &C, input: V) -> C::Accumulator {
        let mut accumulator = combine.create();
        combine.add(&mut accumulator, input);
        accumulator
    }
}

impl<V, C: CombineFn<V>> Absorb<C::Accumulator, V, C> for Merge {
    #[inline]
    fn absorb(combine: &C, accumulator: &mut C::Accumulator, input: C::Accumulator) {
        combine.merge(accumulator, input);
    }
    #[inline]
    fn start(_: &C, input: C::Accumulator) -> C::Accumulator {
        input
    }
}

impl<K: Key, V, C: CombineFn<V>, A> Tables<K, V, C, A> {
    /// Whether a windowing is such a common case.
    pub(super) fn can(windowing: &Windowing) -> bool {
        windowing.trigger == Trigger::Default
            && !windowing.is_merging()
            && windowing.combiner == TimestampCombiner::EndOfWindow
            && windowing.closing == Closing::FireIfNonEmpty
    }

    pub(super) fn new(combine: C, windowing: &Windowing) -> Self {
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
            types: PhantomData,
        }
    }

    /// If the global window ends without an element, this key has the result of none.
    pub(super) fn set_default(&mut self, key: K) {
        self.default = Some(key);
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
        let open = Some(Open { table: HashTable::new(), since: epoch });
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

    fn close_window(&mut self, window: Window) -> Option<Open<K, C::Accumulator>> {
        self.recent = None;
        self.ends.remove(&(window.max_timestamp(), window));
        let at = self.index.remove(&window)?;
        self.free.push(at);
        self.open[at].take()
    }

    /// Starts emitting the next window that the watermark has passed.
    fn begin(&mut self) -> bool {
        let Some((end, window)) = self.ends.first().copied().filter(|(end, _)| *end < self.watermark) else {
            return false;
        };
        let Some(open) = self.close_window(window) else { return false };
        let expiry = window.expiry(self.lateness);
        let keeps = expiry > end && self.watermark <= expiry;
        if keeps {
            let keys = HashTable::with_capacity(open.table.len());
            self.late.insert(window, Late { keys, since: open.since });
            self.expiries.insert((expiry, window));
        }
        self.emitting = Some(Emitting { window, entries: open.table.into_iter(), keeps });
        true
    }

    fn expire(&mut self) {
        while let Some((_, window)) =
            self.expiries.first().copied().filter(|(expiry, _)| *expiry < self.watermark)
        {
            self.expiries.pop_first();
            self.late.remove(&window);
        }
    }

    fn emit_window(&mut self, out: &mut Bundle<(K, C::Output)>) {
        let Some(emitting) = &mut self.emitting else { return };
        let Emitting { window, entries, keeps } = emitting;
        let pane = Pane { last: !*keeps, ..Pane::ONLY };
        let meta = Meta { time: window.max_timestamp(), window: *window, pane };
        if out.uniform_meta() != Some(meta) {
            debug_assert!(out.is_empty(), "a pass emits one window");
            *out = Bundle::with(std::mem::take(&mut out.values), meta);
        }
        while out.len() < Bundle::<(K, C::Output)>::TARGET_LEN {
            let Some((key, accumulator)) = entries.next() else {
                self.emitting = None;
                return;
            };
            if *keeps {
                let kept = self.accumulating.then(|| accumulator.clone());
                let late = self.late.get_mut(window).expect("kept until its expiry, which follows");
                let entry = LateKey { key: key.clone(), accumulator: kept, panes: 1, touched: false };
                late.keys.insert_unique(key_hash(&key), entry, |entry| key_hash(&entry.key));
            }
            out.values.push((key, self.combine.finish(accumulator)));
        }
    }
}

impl<K: Key, V, C: CombineFn<V>, A> Tables<K, V, C, A> {
    /// Elements of one window that is still open.
    fn add_all<In>(
        &mut self,
        window: Window,
        bundle: &mut Bundle<(K, In)>,
        hashes: &mut Vec<u64>,
        epoch: Epoch,
    ) where
        A: Absorb<In, V, C>,
    {
        let place = self.table_of(window, epoch);
        let open = self.open[place].as_mut().expect("an indexed window is open");
        open.since = open.since.min(epoch);
        if open.table.len() > OUTGROWS_CACHE {
            // Looked up first without use: such reads wait for memory side by side, those of updates one by one.
            let found = |((key, _), hash): (&(K, In), &u64)| {
                open.table.find(*hash, |entry| entry.0 == *key).is_some()
            };
            std::hint::black_box(bundle.values.iter().zip(&*hashes).filter(|pair| found(*pair)).count());
        }
        for ((key, input), hash) in bundle.values.drain(..).zip(hashes.drain(..)) {
            match open.table.entry(hash, |entry| entry.0 == key, |entry| key_hash(&entry.0)) {
                Entry::Occupied(mut entry) => A::absorb(&self.combine, &mut entry.get_mut().1, input),
                Entry::Vacant(place) => {
                    place.insert((key, A::start(&self.combine, input)));
                }
            }
        }
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
            Late { keys: HashTable::new(), since: epoch }
        });
        let entry = late.keys.entry(hash, |known| known.key == key, |known| key_hash(&known.key));
        let known = match entry {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let new = LateKey { key: key.clone(), accumulator: None, panes: 0, touched: false };
                place.insert(new).into_mut()
            }
        };
        match &mut known.accumulator {
            Some(accumulator) => A::absorb(&self.combine, accumulator, input),
            none => *none = Some(A::start(&self.combine, input)),
        }
        if !std::mem::replace(&mut known.touched, true) {
            touched.push((window, hash, key));
        }
    }

    fn fire_late(&mut self, touched: Vec<(Window, u64, K)>) {
        for (window, hash, key) in touched {
            let Some(late) = self.late.get_mut(&window) else { continue };
            let Some(known) = late.keys.find_mut(hash, |known| known.key == key) else { continue };
            known.touched = false;
            let accumulator =
                if self.accumulating { known.accumulator.clone() } else { known.accumulator.take() };
            let Some(accumulator) = accumulator else { continue };
            let index = known.panes;
            known.panes += 1;
            let pane = Pane {
                first: index == 0,
                last: false,
                timing: Timing::Late,
                index,
                on_time_index: Some(index),
            };
            self.late_panes.push_back((
                key,
                accumulator,
                Meta { time: window.max_timestamp(), window, pane },
            ));
        }
    }
}

impl<K, In, V, C, A> Kernel<K, In, (K, C::Output)> for Tables<K, V, C, A>
where
    K: Key,
    C: CombineFn<V>,
    A: Absorb<In, V, C>,
{
    fn add(&mut self, elements: &mut Keyed<K, In>, epoch: Epoch) -> crate::Result<Dropped> {
        let mut dropped = Dropped::default();
        let mut touched = Vec::new();
        let Keyed { bundle, hashes } = elements;
        if let Some(window) = bundle.windows.uniform()
            && self.watermark <= window.max_timestamp()
        {
            self.add_all(window, bundle, hashes, epoch);
            return Ok(dropped);
        }
        let Bundle { values, windows, .. } = bundle;
        for (at, ((key, input), hash)) in values.drain(..).zip(hashes.drain(..)).enumerate() {
            let window = windows.get(at);
            if self.watermark > window.max_timestamp() {
                if self.watermark > window.expiry(self.lateness) {
                    dropped.late += 1;
                } else {
                    self.add_late(window, hash, key, input, epoch, &mut touched);
                }
                continue;
            }
            let place = self.table_of(window, epoch);
            let open = self.open[place].as_mut().expect("an indexed window is open");
            open.since = open.since.min(epoch);
            match open.table.entry(hash, |entry| entry.0 == key, |entry| key_hash(&entry.0)) {
                Entry::Occupied(mut entry) => A::absorb(&self.combine, &mut entry.get_mut().1, input),
                Entry::Vacant(place) => {
                    place.insert((key, A::start(&self.combine, input)));
                }
            }
        }
        self.fire_late(touched);
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
            let open = self.open[at].as_mut().expect("opened a moment ago");
            open.table.insert_unique(key_hash(&key), (key, fresh), |entry| key_hash(&entry.0));
        }
    }

    fn poll(&mut self, out: &mut Bundle<(K, C::Output)>) -> crate::Result<bool> {
        while !out.is_full()
            && let Some((key, accumulator, meta)) = self.late_panes.pop_front()
        {
            out.push((key, self.combine.finish(accumulator)), meta);
        }
        if out.is_empty() && (self.emitting.is_some() || self.begin()) {
            self.emit_window(out);
        }
        let is_due = self.ends.first().is_some_and(|(end, _)| *end < self.watermark);
        let more = !self.late_panes.is_empty() || self.emitting.is_some() || is_due;
        if !more {
            self.expire();
        }
        Ok(more)
    }

    fn output_watermark(&self) -> Timestamp {
        let emitting = self.emitting.as_ref().map(|e| e.window.max_timestamp());
        let due = self.ends.first().map(|(end, _)| *end).filter(|end| *end < self.watermark);
        [emitting, due].into_iter().flatten().fold(self.watermark, Timestamp::min)
    }

    fn deadline(&self) -> Option<Timestamp> {
        None
    }

    fn track(&mut self) {}

    fn save(&mut self, _: &mut crate::exec::StepSaving<'_>) -> crate::Result<()> {
        Ok(())
    }

    fn restore(&mut self, _: &[u8]) -> crate::Result<()> {
        Ok(())
    }

    fn held_since(&self) -> Option<Epoch> {
        let open = self.open.iter().flatten().map(|open| open.since);
        // What was emitted and not kept is gone: late elements are emitted at once.
        let late = self.late.values().filter(|_| self.accumulating).map(|late| late.since);
        open.chain(late).min()
    }
}
