use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::marker::PhantomData;

use hashbrown::hash_table::{Entry, HashTable, IntoIter};

use super::absorb::Absorb;
use super::hash::key_hash;
use super::kernel::{Dropped, ForAll, Kernel, Keyed};
use super::late::Late;
use super::saved::{Changes, Record};
use crate::combine::CombineFn;
use crate::element::Key;
use crate::exec::{Epoch, StepSaving, decode_record};
use crate::trigger::Trigger;
use crate::window::{Accumulation, Closing, TimestampCombiner, Window, Windowing};
use crate::{Bundle, Meta, Pane, Result, Timestamp};

/// Combines by key for the common case: windows that stay apart, emitted when the watermark passes their end and
/// again for each late bundle, at the end of the window. One table a window, emitted whole.
///
/// Everything else is the work of [`Groups`](crate::group::Groups), with which this must agree.
///
/// In a durable run what an open window got since the last barrier is apart from what it had before, so that taking an
/// element in costs the same in either kind of run: what is new is written at the barrier, and then merged.
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
    /// There was one: whether the global window ended empty is decided here.
    decides_default: bool,
    worker: usize,
    /// In a durable run.
    changes: Option<Changes<K>>,
    /// What workers of an earlier run had in windows that they had not emitted.
    restoring: BTreeMap<(Window, usize), HashTable<(K, C::Accumulator)>>,
    types: PhantomData<fn(V, A)>,
}

/// From about so many entries on, a table is larger than the caches near a core.
const OUTGROWS_CACHE: usize = 1 << 14;

struct Open<K, A> {
    table: HashTable<(K, A)>,
    /// What was there at the last barrier, and has been written.
    base: HashTable<(K, A)>,
    since: Epoch,
}

impl<K, A> Open<K, A> {
    fn new(since: Epoch) -> Self {
        Open { table: HashTable::new(), base: HashTable::new(), since }
    }
}

struct Emitting<K, A> {
    window: Window,
    entries: IntoIter<(K, A)>,
    keeps: bool,
}

impl<K: Key, V, C: CombineFn<V>, A> Tables<K, V, C, A> {
    /// Whether a windowing is such a common case.
    pub(super) fn can(windowing: &Windowing) -> bool {
        windowing.trigger == Trigger::Default
            && !windowing.is_merging()
            && windowing.combiner == TimestampCombiner::EndOfWindow
            && windowing.closing == Closing::FireIfNonEmpty
    }

    pub(super) fn new(combine: C, windowing: &Windowing, worker: usize) -> Self {
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
        let open = Some(Open::new(epoch));
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
        let Some(Open { table, mut base, since }) = self.close_window(window) else { return false };
        let expiry = window.expiry(self.lateness);
        let keeps = expiry > end && self.watermark <= expiry;
        if let Some(changes) = &mut self.changes {
            changes.emitted.extend((!base.is_empty()).then_some(window));
            if keeps {
                changes.late.extend(table.iter().map(|(key, _)| (window, key_hash(key), key.clone())));
            }
        }
        merge_tables(&self.combine, &mut base, table);
        if keeps {
            let late = self.late.entry(window).or_insert_with(|| Late::new(since));
            late.since = late.since.min(since);
            late.keys.reserve(base.len(), |known| key_hash(&known.key));
            self.expiries.insert((expiry, window));
        }
        self.emitting = Some(Emitting { window, entries: base.into_iter(), keeps });
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
                late.insert(key.clone(), kept);
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
            let pane = known.next_pane();
            self.late_panes.push_back((
                key,
                accumulator,
                Meta { time: window.max_timestamp(), window, pane },
            ));
        }
    }
}

/// In a durable run.
impl<K: Key, V, C: CombineFn<V>, A> Tables<K, V, C, A> {
    /// What is new in the windows that are open, or everything in them.
    fn save_open(&mut self, saving: &mut StepSaving<'_>) -> Result<()> {
        for ((_, window), place) in self.ends.iter().map(|end| (end, self.index[&end.1])) {
            let open = self.open[place].as_mut().expect("an indexed window is open");
            let table = std::mem::take(&mut open.table);
            if saving.whole() {
                merge_tables(&self.combine, &mut open.base, table);
                save_table(self.worker, *window, &open.base, saving)?;
            } else {
                save_table(self.worker, *window, &table, saving)?;
                merge_tables(&self.combine, &mut open.base, table);
            }
        }
        Ok(())
    }

    /// Everything in windows that were emitted before.
    fn save_all_late(&mut self, saving: &mut StepSaving<'_>) -> Result<()> {
        for (window, late) in &mut self.late {
            for known in &mut late.keys {
                known.changed = false;
                known.save(*window, saving)?;
            }
        }
        Ok(())
    }

    fn save_late(&mut self, changed: Vec<(Window, u64, K)>, saving: &mut StepSaving<'_>) -> Result<()> {
        for (window, hash, key) in changed {
            // It may have expired.
            if let Some(known) = self.late.get_mut(&window).and_then(|late| late.find(hash, &key)) {
                known.changed = false;
                known.save(window, saving)?;
            }
        }
        Ok(())
    }

    /// A window of which it is known that it was emitted.
    fn late_of(&mut self, window: Window) -> &mut Late<K, C::Accumulator> {
        self.expiries.insert((window.expiry(self.lateness), window));
        self.late.entry(window).or_insert_with(|| Late::new(Epoch::MAX))
    }
}

fn save_table<K: Key, A: serde::Serialize>(
    worker: usize,
    window: Window,
    table: &HashTable<(K, A)>,
    saving: &mut StepSaving<'_>,
) -> Result<()> {
    for (key, accumulator) in table {
        saving.put(key_hash(key), &Record::Open { worker, window, key, accumulator })?;
    }
    Ok(())
}

/// Moves what a table has behind what another has.
fn merge_tables<K: Key, V, C: CombineFn<V>>(
    combine: &C,
    into: &mut HashTable<(K, C::Accumulator)>,
    from: HashTable<(K, C::Accumulator)>,
) {
    if into.is_empty() {
        *into = from;
        return;
    }
    for (key, accumulator) in from {
        merge_entry(combine, into, key, accumulator);
    }
}

fn merge_entry<K: Key, V, C: CombineFn<V>>(
    combine: &C,
    table: &mut HashTable<(K, C::Accumulator)>,
    key: K,
    accumulator: C::Accumulator,
) {
    match table.entry(key_hash(&key), |entry| entry.0 == key, |entry| key_hash(&entry.0)) {
        Entry::Occupied(mut entry) => combine.merge(&mut entry.get_mut().1, accumulator),
        Entry::Vacant(place) => {
            place.insert((key, accumulator));
        }
    }
}

impl<K, In, V, C, A> Kernel<K, In, (K, C::Output)> for Tables<K, V, C, A>
where
    K: Key,
    C: CombineFn<V>,
    A: Absorb<In, V, C>,
{
    fn add(&mut self, elements: &mut Keyed<K, In>, epoch: Epoch) -> Result<Dropped> {
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

    fn poll(&mut self, out: &mut Bundle<(K, C::Output)>) -> Result<bool> {
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

    fn track(&mut self) {
        self.changes = Some(Changes::default());
    }

    fn save(&mut self, saving: &mut StepSaving<'_>) -> Result<()> {
        let Some(changes) = self.changes.as_mut().map(std::mem::take) else { return Ok(()) };
        if saving.whole() {
            self.save_all_late(saving)?;
        } else {
            for window in changes.emitted {
                saving.put_for_all(&ForAll::Emitted { worker: self.worker, window })?;
            }
            self.save_late(changes.late, saving)?;
        }
        if self.decides_default && self.default.is_none() {
            saving.put_for_all(&ForAll::Emitted { worker: self.worker, window: Window::GLOBAL })?;
        }
        self.save_open(saving)
    }

    fn restore(&mut self, record: &[u8]) -> Result<()> {
        match decode_record(record)? {
            Record::Open { worker, window, key, accumulator } => {
                let table = self.restoring.entry((window, worker)).or_default();
                merge_entry(&self.combine, table, key, accumulator);
            }
            Record::Late { window, key, accumulator, panes } => {
                let known = self.late_of(window).enter(key_hash(&key), &key);
                (known.accumulator, known.panes) = (accumulator, panes);
            }
        }
        Ok(())
    }

    fn restore_emitted(&mut self, worker: usize, window: Window) {
        if window.is_global() {
            self.default = None;
        }
        let Some(keys) = self.restoring.remove(&(window, worker)) else { return };
        if window.expiry(self.lateness) == window.max_timestamp() {
            return;
        }
        let accumulating = self.accumulating;
        let late = self.late_of(window);
        for (key, accumulator) in keys {
            // What is here already was written behind this.
            if late.find(key_hash(&key), &key).is_none() {
                late.insert(key, accumulating.then_some(accumulator));
            }
        }
    }

    fn restored(&mut self, watermark: Timestamp, now: Timestamp) {
        for ((window, _), keys) in std::mem::take(&mut self.restoring) {
            let place = self.table_of(window, Epoch::MAX);
            let open = self.open[place].as_mut().expect("an indexed window is open");
            merge_tables(&self.combine, &mut open.base, keys);
        }
        Kernel::<K, In, _>::advance(self, watermark, now);
    }

    fn held_since(&self) -> Option<Epoch> {
        let open = self.open.iter().flatten().map(|open| open.since);
        // What was emitted and not kept is gone: late elements are emitted at once.
        let late = self.late.values().filter(|_| self.accumulating).map(|late| late.since);
        open.chain(late).min()
    }
}
