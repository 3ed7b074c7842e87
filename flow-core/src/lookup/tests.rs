use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::*;
use crate::scratch::{Blob, MemoryScratch, Scratch, Space};

type Model = HashMap<u64, Vec<u64>, BuildHasherDefault<std::hash::DefaultHasher>>;

/// Numbers that look as if drawn, the same on every run.
fn drawn(n: u64) -> u64 {
    (n.wrapping_add(1)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20
}

fn space(memory: usize) -> Space {
    Space::new(Arc::new(MemoryScratch), memory)
}

/// Builds as a worker does: what is over half of the memory goes to scratch.
fn build<K: Key + Ord, V: Wire>(pairs: impl IntoIterator<Item = (K, V)>, space: &Space) -> Lookup<K, V> {
    let mut builder = LookupBuilder::new(space.clone());
    for (key, value) in pairs {
        builder.add(key, &value).unwrap();
        if builder.used() > space.memory / 2 {
            builder.spill().unwrap();
        }
    }
    builder.finish().unwrap()
}

fn all<K: Key + Ord, V: Wire>(lookup: &Lookup<K, V>, key: &K) -> Vec<V> {
    lookup.get_all(key).collect::<Result<_>>().unwrap()
}

#[test]
fn a_million_pairs_in_four_megabytes_are_found_as_in_a_map() {
    const PAIRS: u64 = 1_000_000;
    const KEYS: u64 = 400_000;
    let pairs = || (0..PAIRS).map(|n| (drawn(n) % KEYS, n));
    let mut model = Model::default();
    for (key, value) in pairs() {
        model.entry(key).or_default().push(value);
    }
    let lookup = build(pairs(), &space(4 << 20));
    assert!(lookup.is_spilled());
    assert_eq!(lookup.len(), PAIRS);
    for key in (0..KEYS + 1000).step_by(7) {
        let wanted = model.get(&key).map_or(&[][..], Vec::as_slice);
        assert_eq!(lookup.get(&key).unwrap().as_ref(), wanted.first());
        assert_eq!(lookup.contains_key(&key).unwrap(), !wanted.is_empty());
        assert_eq!(all(&lookup, &key), wanted);
    }
    let mut sorted: Vec<(u64, u64)> = pairs().collect();
    sorted.sort_by_key(|(key, _)| *key);
    let mut went = sorted.into_iter();
    assert!(lookup.iter().all(|pair| Some(pair.unwrap()) == went.next()));
    assert_eq!(went.next(), None);
}

#[test]
fn what_fits_into_memory_stays_there_and_is_sorted() {
    let lookup = build([(3, 'c'), (1, 'a'), (3, 'd'), (2, 'b')], &space(1 << 20));
    assert!(!lookup.is_spilled());
    let pairs: Vec<(i32, char)> = lookup.iter().collect::<Result<_>>().unwrap();
    assert_eq!(pairs, [(1, 'a'), (2, 'b'), (3, 'c'), (3, 'd')]);
    assert_eq!((lookup.get(&3).unwrap(), lookup.get(&4).unwrap()), (Some('c'), None));
}

#[test]
fn nothing_is_found_in_nothing() {
    let lookup = build::<String, u64>([], &space(1 << 20));
    assert_eq!((lookup.len(), lookup.is_empty(), lookup.iter().count()), (0, true, 0));
    assert_eq!((lookup.get("a").unwrap(), lookup.contains_key("a").unwrap()), (None, false));
}

#[test]
fn text_is_looked_up_without_a_copy_and_in_its_own_order() {
    let words = ["zebra", "a", "mole", "ant"];
    let lookup = build((0..4000_u64).map(|n| (format!("{}{n}", words[n as usize % 4]), n)), &space(16 << 10));
    assert!(lookup.is_spilled());
    assert_eq!(lookup.get("ant3").unwrap(), Some(3));
    assert!(!lookup.contains_key("ant4").unwrap());
    let keys: Vec<String> = lookup.iter().map(|pair| pair.unwrap().0).collect();
    assert!(keys.is_sorted());
    assert_eq!(keys.len(), 4000);
}

#[test]
fn more_runs_than_are_merged_at_once_keep_the_order_of_arrival() {
    let (few, keys) = (space(1 << 10), 7);
    let lookup = build((0..20_000_u64).map(|n| (n % keys, n)), &few);
    for key in 0..keys {
        let wanted: Vec<u64> = (0..20_000).filter(|n| n % keys == key).collect();
        assert_eq!(all(&lookup, &key), wanted);
    }
}

/// Counts what is read.
#[derive(Debug, Default)]
struct Counting {
    read: Arc<AtomicU64>,
    open: Arc<AtomicUsize>,
    space: usize,
}

#[derive(Debug)]
struct Counted {
    bytes: Box<dyn Blob>,
    read: Arc<AtomicU64>,
    open: Arc<AtomicUsize>,
    left: usize,
}

impl Scratch for Counting {
    fn blob(&self) -> Result<Box<dyn Blob>, BoxError> {
        self.open.fetch_add(1, Ordering::Relaxed);
        let (read, open) = (Arc::clone(&self.read), Arc::clone(&self.open));
        Ok(Box::new(Counted { bytes: MemoryScratch.blob()?, read, open, left: self.space }))
    }
}

impl Blob for Counted {
    fn append(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        self.left = self.left.checked_sub(bytes.len()).ok_or("/scratch is full")?;
        self.bytes.append(bytes)
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), BoxError> {
        self.read.fetch_add(into.len() as u64, Ordering::Relaxed);
        self.bytes.read(offset, into)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

fn counting(memory: usize, space: usize) -> (Space, Arc<AtomicU64>, Arc<AtomicUsize>) {
    let scratch = Counting { space, ..Counting::default() };
    let (read, open) = (Arc::clone(&scratch.read), Arc::clone(&scratch.open));
    (Space::new(Arc::new(scratch), memory), read, open)
}

#[test]
fn values_of_one_key_are_read_as_they_are_asked_for() {
    let (space, read, _) = counting(64 << 10, usize::MAX);
    let lookup = build((0..100_000_u64).map(|n| (1_u8, n)), &space);
    read.store(0, Ordering::Relaxed);
    let first: Vec<u64> = lookup.get_all(&1).take(10).collect::<Result<_>>().unwrap();
    assert_eq!(first, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let bytes = read.load(Ordering::Relaxed);
    assert!(bytes < 10_000, "ten values took {bytes} bytes");
    assert_eq!(lookup.get_all(&1).count(), 100_000);
}

#[test]
fn what_was_read_last_is_not_read_again() {
    let (space, read, _) = counting(64 << 10, usize::MAX);
    let lookup = build((0..100_000_u64).map(|n| (n, n)), &space);
    lookup.get(&5000).unwrap();
    read.store(0, Ordering::Relaxed);
    assert_eq!(lookup.get(&5001).unwrap(), Some(5001));
    assert_eq!(read.load(Ordering::Relaxed), 0);
}

#[test]
fn runs_are_deleted_when_they_are_merged_and_the_table_with_its_lookup() {
    let (space, _, open) = counting(64 << 10, usize::MAX);
    let lookup = build((0..100_000_u64).map(|n| (n, n)), &space);
    assert_eq!(open.load(Ordering::Relaxed), 1);
    drop(lookup);
    assert_eq!(open.load(Ordering::Relaxed), 0);
}

#[test]
fn however_many_runs_there_are_few_files_are_open() {
    let (space, _, open) = counting(32 << 10, usize::MAX);
    let mut builder = LookupBuilder::new(space);
    let mut most = 0;
    for n in 0..500_u64 {
        builder.add(n % 10, &n).unwrap();
        builder.spill().unwrap();
        most = most.max(open.load(Ordering::Relaxed));
    }
    // Two runs are merged at a time here: one of 256, one of 128, and so on.
    assert!(most <= 10, "{most} files were open at once");
    let lookup = builder.finish().unwrap();
    assert_eq!(all(&lookup, &3), (0..50).map(|n| 10 * n + 3).collect::<Vec<u64>>());
}

#[test]
fn scratch_that_is_full_is_an_error_that_says_so() {
    let (space, _, open) = counting(64 << 10, 10_000);
    let mut builder = LookupBuilder::new(space);
    let failed = (0..100_000_u64).find_map(|n| {
        builder
            .add(n, &n)
            .and_then(|()| if builder.used() > 32 << 10 { builder.spill() } else { Ok(()) })
            .err()
    });
    let said = failed.unwrap();
    assert_eq!(said.kind(), ErrorKind::Storage);
    assert!(said.report().contains("a lookup could not be built"), "{}", said.report());
    assert!(said.report().contains("/scratch is full"), "{}", said.report());
    drop(builder);
    assert_eq!(open.load(Ordering::Relaxed), 0);
}
