use hashbrown::hash_table::{Entry, HashTable, IntoIter};
use serde::Serialize;

use super::absorb::{Spill, gather};
use super::gauge::Gauge;
use super::saved::Record;
use crate::combine::{CombineFn, encoding};
use crate::element::Key;
use crate::exec::{Epoch, StepSaving};
use crate::keyed::hash::key_hash;
use crate::scratch::Space;
use crate::spill::{Merge, RunWriter, Runs, footprint, not_kept};
use crate::window::Window;
use crate::{BoxError, Result};

/// What the keys of a window have, until it is emitted: what is new, what a durable run has saved, and what did not fit
/// into memory.
pub(super) struct Contents<K, A> {
    /// What came since the last barrier of a durable run; everything, if the run is not durable.
    pub(super) table: HashTable<(K, A)>,
    /// What came before, and was written then.
    base: HashTable<(K, A)>,
    /// What came before both.
    runs: Runs,
    /// What keys and accumulators in memory point to, about.
    pub(super) heap: usize,
    pub(super) since: Epoch,
}

/// The keys of a window that is over.
pub(super) enum Entries<K, A> {
    Memory(IntoIter<(K, A)>),
    Scratch(Merge),
}

impl<K: Key, A> Contents<K, A> {
    pub(super) fn new(since: Epoch) -> Self {
        Contents { table: HashTable::new(), base: HashTable::new(), runs: Runs::default(), heap: 0, since }
    }

    /// How many keys are in memory; those that are in both tables count twice.
    pub(super) fn keys(&self) -> usize {
        self.table.len() + self.base.len()
    }

    pub(super) fn is_spilled(&self) -> bool {
        !self.runs.is_empty()
    }

    /// Whether a durable run has saved something of it.
    pub(super) fn is_saved(&self) -> bool {
        !self.base.is_empty() || self.runs.has_saved()
    }

    /// Takes it out of the gauge.
    pub(super) fn uncount(&self, gauge: &mut Gauge) {
        gauge.remove(self.keys(), self.heap);
    }

    /// Takes in what was saved of a key, behind what there is.
    pub(super) fn restore<V, C>(&mut self, combine: &C, key: K, accumulator: A, gauge: &mut Gauge)
    where
        A: Serialize,
        C: CombineFn<V, Accumulator = A>,
    {
        let heap =
            if std::mem::needs_drop::<(K, A)>() { footprint(&key) + footprint(&accumulator) } else { 0 };
        let before = self.base.len();
        merge_entry(combine, &mut self.base, key, accumulator);
        self.heap += heap;
        gauge.add(self.base.len() - before, heap);
    }

    /// Takes in what another worker had: the keys are others.
    pub(super) fn join<V, C: CombineFn<V, Accumulator = A>>(&mut self, combine: &C, other: Self) {
        self.runs.append(other.runs);
        merge_tables(combine, &mut self.base, other.base);
        merge_tables(combine, &mut self.base, other.table);
        self.heap += other.heap;
    }

    /// What it points to, looked at closely.
    pub(super) fn measure(&mut self) -> usize
    where
        A: Serialize,
    {
        self.heap =
            self.table.iter().chain(&self.base).map(|(key, so_far)| footprint(key) + footprint(so_far)).sum();
        self.heap
    }
}

impl<K: Key, A> Contents<K, A> {
    /// Moves what is in memory to scratch. What came first is written first, so that it stays in order.
    pub(super) fn spill<V, C, S>(&mut self, combine: &C, space: &Space) -> Result<()>
    where
        C: CombineFn<V, Accumulator = A>,
        S: Spill<V, C>,
    {
        self.write_runs::<V, C, S>(combine, space).map_err(not_kept)
    }

    fn write_runs<V, C, S>(&mut self, combine: &C, space: &Space) -> Result<(), BoxError>
    where
        C: CombineFn<V, Accumulator = A>,
        S: Spill<V, C>,
    {
        for (table, is_saved) in [(&mut self.base, true), (&mut self.table, false)] {
            let table = std::mem::take(table);
            if !table.is_empty() {
                self.runs.write(space, is_saved, |run| write_table(&table, run, S::write))?;
            }
        }
        self.heap = 0;
        self.runs.compact(space, &mut |key, run| S::rewrite(combine, key, run))
    }

    /// The keys, once nothing more comes.
    pub(super) fn entries<V, C, S>(mut self, combine: &C, space: &Space) -> Result<Entries<K, A>>
    where
        C: CombineFn<V, Accumulator = A>,
        S: Spill<V, C>,
    {
        if self.is_spilled() {
            self.spill::<V, C, S>(combine, space)?;
            let merge = self.runs.merge(space, &mut |key, run| S::rewrite(combine, key, run));
            return merge.map(Entries::Scratch).map_err(not_kept);
        }
        merge_tables(combine, &mut self.base, self.table);
        Ok(Entries::Memory(self.base.into_iter()))
    }

    /// Writes what is new, or everything; afterwards it is what came before.
    pub(super) fn save<V, C, S>(
        &mut self,
        combine: &C,
        worker: usize,
        window: Window,
        saving: &mut StepSaving<'_>,
    ) -> Result<()>
    where
        A: Serialize,
        C: CombineFn<V, Accumulator = A>,
        S: Spill<V, C>,
    {
        let whole = saving.whole();
        self.runs.save(whole, &mut |hash, key, items, count| {
            let key: K = postcard::from_bytes(key).map_err(|cause| not_kept(cause.into()))?;
            let accumulator = S::read(combine, None, items, count).map_err(not_kept)?;
            saving.put(hash, &Record::Open { worker, window, key, accumulator })
        })?;
        let new = std::mem::take(&mut self.table);
        if whole {
            merge_tables(combine, &mut self.base, new);
            return save_table(&self.base, worker, window, saving);
        }
        save_table(&new, worker, window, saving)?;
        merge_tables(combine, &mut self.base, new);
        Ok(())
    }
}

impl<K: Key, A> Entries<K, A> {
    /// The next key with everything that it has, in memory.
    pub(super) fn next<V, C, S>(&mut self, combine: &C) -> Result<Option<(K, A)>>
    where
        C: CombineFn<V, Accumulator = A>,
        S: Spill<V, C>,
    {
        match self {
            Entries::Memory(entries) => Ok(entries.next()),
            Entries::Scratch(merge) => next_of(merge, |merge| gather::<V, C, S>(combine, merge)),
        }
    }
}

/// The next key of what is in scratch, and what becomes of its pieces.
pub(super) fn next_of<K: Key, T>(
    merge: &mut Merge,
    read: impl FnOnce(&mut Merge) -> Result<T, BoxError>,
) -> Result<Option<(K, T)>> {
    let next = |merge: &mut Merge| {
        if !merge.next_key()? {
            return Ok(None);
        }
        let key = postcard::from_bytes(merge.key())?;
        read(merge).map(|value| Some((key, value)))
    };
    next(merge).map_err(not_kept)
}

fn save_table<K: Key, A: Serialize>(
    table: &HashTable<(K, A)>,
    worker: usize,
    window: Window,
    saving: &mut StepSaving<'_>,
) -> Result<()> {
    for (key, accumulator) in table {
        saving.put(key_hash(key), &Record::Open { worker, window, key, accumulator })?;
    }
    Ok(())
}

/// Writes a table in the order of runs.
fn write_table<K: Key, A>(
    table: &HashTable<(K, A)>,
    run: &mut RunWriter,
    write: impl Fn(&A, &mut RunWriter) -> Result<(), BoxError>,
) -> Result<(), BoxError> {
    let mut order: Vec<(u64, &(K, A))> = table.iter().map(|entry| (key_hash(&entry.0), entry)).collect();
    order.sort_unstable_by(|(a, one), (b, other)| {
        a.cmp(b).then_with(|| encoding(&one.0).cmp(&encoding(&other.0)))
    });
    for (hash, (key, accumulator)) in order {
        run.key(hash, key)?;
        write(accumulator, run)?;
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
