//! Groupings of more than fits into memory. `FLOW_BIG_GB=10` makes them large: build with `--release` then.
#![cfg(target_os = "linux")]

mod kit;

#[path = "beyond/numbers.rs"]
mod numbers;

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use flow_core::ErrorKind;
use flow_core::combine::{Max, Sum, of};
use flow_core::prelude::*;
use flow_core::testing::collect;
use flow_runner_local::{LocalRunner, Options};
use numbers::{Numbers, mix};

/// What a process takes that does nothing much, with the stacks of its threads and what its allocator keeps back.
const PROCESS: u64 = 24 << 20;
/// The bytes of a value.
const VALUE: usize = 240;
const HOT: u64 = 7;

/// How large it all is.
struct Size {
    bytes: u64,
    limit: u64,
}

/// Small, unless wanted large.
fn size() -> Size {
    match std::env::var("FLOW_BIG_GB").ok().and_then(|text| text.parse::<u64>().ok()) {
        Some(gigabytes @ 4..) => Size { bytes: gigabytes << 30, limit: 512 << 20 },
        Some(gigabytes) => Size { bytes: gigabytes << 30, limit: 128 << 20 },
        None => Size { bytes: 96 << 20, limit: 16 << 20 },
    }
}

/// Half of all are of one key.
fn key_of(number: u64, keys: u64) -> u64 {
    if number.is_multiple_of(2) { HOT } else { 1000 + mix(number) % keys }
}

fn value_of(number: u64) -> String {
    format!("{number:0VALUE$}")
}

fn number_of(value: &str) -> u64 {
    value.parse().expect("a number that was made into text")
}

/// What a pair adds to the sum of all, whatever their order.
fn digest(key: u64, number: u64) -> u64 {
    mix(key.wrapping_mul(31).wrapping_add(number))
}

static DIGEST: AtomicU64 = AtomicU64::new(0);
static COUNT: AtomicU64 = AtomicU64::new(0);

fn note(digest: u64, count: u64) {
    DIGEST.fetch_add(digest, Relaxed);
    COUNT.fetch_add(count, Relaxed);
}

/// Runs a test of this file once more in a process of its own, which says what came of it; the most memory that it took
/// must be within the limit.
fn within_memory(name: &str, pipeline: impl FnOnce(&Pipeline)) -> Option<(u64, u64)> {
    let Size { limit, .. } = size();
    if std::env::var("FLOW_BEYOND").is_ok_and(|child| child == name) {
        let p = Pipeline::new();
        pipeline(&p);
        LocalRunner::new(Options::default().with_workers(2).with_memory_limit(limit)).run(p).unwrap();
        let (digest, count) = (DIGEST.load(Relaxed), COUNT.load(Relaxed));
        println!("\ncame of it: {digest} {count} {} {}", peak_memory(), written());
        return None;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--exact", name, "--nocapture"]).env("FLOW_BEYOND", name).output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let line = said.lines().find_map(|line| line.strip_prefix("came of it: ")).expect("the child says it");
    let [digest, count, peak, written] = *line.split(' ').map(number_of).collect::<Vec<_>>() else {
        panic!("{line}")
    };
    println!("{name}: {} of {} MiB of memory, {} MiB written", peak >> 20, limit >> 20, written >> 20);
    assert!(peak <= limit + PROCESS, "{name} took {} MiB, the limit is {} MiB", peak >> 20, limit >> 20);
    assert!(written > limit, "{name} wrote {} MiB to scratch", written >> 20);
    Some((digest, count))
}

fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    1024 * line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
}

/// What went to scratch: nothing else is written here.
fn written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    number_of(io.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap())
}

#[test]
fn a_group_of_more_than_memory_holds_comes_whole() {
    let Size { bytes, .. } = size();
    let numbers = bytes / (VALUE as u64 + 8);
    let keys = (numbers / 100).max(1);
    let came = within_memory("a_group_of_more_than_memory_holds_comes_whole", |p| {
        let pairs = p.read(Numbers(numbers)).map(move |n| (key_of(n, keys), value_of(n)));
        pairs.group_by_key().for_each(|(key, values)| {
            let sum = |values: &Group<String>| {
                values.iter().fold(0, |sum: u64, value| sum.wrapping_add(digest(*key, number_of(&value))))
            };
            let first = sum(values);
            // Once more, and from a clone.
            assert_eq!(first, sum(&values.clone()), "of key {key}");
            note(first, values.len() as u64);
        });
    });
    if let Some((sum, count)) = came {
        assert_eq!(count, numbers);
        assert_eq!(sum, (0..numbers).fold(0, |sum: u64, n| sum.wrapping_add(digest(key_of(n, keys), n))));
    }
}

#[test]
fn sums_of_more_keys_than_memory_holds_are_right() {
    let keys = if std::env::var("FLOW_BIG_GB").is_ok() { 10_000_000 } else { 600_000 };
    let came = within_memory("sums_of_more_keys_than_memory_holds_are_right", |p| {
        let pairs = p.read(Numbers(3 * keys)).map(move |n| (mix(n % keys).to_string(), n));
        let sums = pairs.combine_per_key((Sum, of(|n: &u64| *n, Max)));
        sums.for_each(move |(_, (sum, largest))| {
            assert_eq!(*largest, Some((sum / 3) + keys));
            note(mix(*sum), 1);
        });
    });
    if let Some((sum, count)) = came {
        assert_eq!(count, keys);
        assert_eq!(sum, (0..keys).fold(0, |sum: u64, n| sum.wrapping_add(mix(3 * n + 3 * keys))));
    }
}

#[test]
fn two_sides_of_more_than_memory_holds_meet() {
    let Size { bytes, .. } = size();
    let numbers = bytes / 2 / (VALUE as u64 + 8);
    let keys = (numbers / 10).max(1);
    let came = within_memory("two_sides_of_more_than_memory_holds_meet", |p| {
        let left = p.read(Numbers(numbers)).map(move |n| (key_of(n, keys), value_of(n)));
        let right = p.read(Numbers(numbers)).map(move |n| (key_of(n + 1, keys), value_of(n)));
        left.co_group(&right).for_each(|(key, (left, right))| {
            let sum = |values: &Group<String>, side: u64| {
                values
                    .iter()
                    .fold(0, |sum: u64, value| sum.wrapping_add(digest(key + side, number_of(&value))))
            };
            note(sum(left, 0).wrapping_add(sum(right, 1)), (left.len() + right.len()) as u64);
        });
    });
    if let Some((sum, count)) = came {
        assert_eq!(count, 2 * numbers);
        let of_both = |n| digest(key_of(n, keys), n).wrapping_add(digest(key_of(n + 1, keys) + 1, n));
        assert_eq!(sum, (0..numbers).fold(0, |sum: u64, n| sum.wrapping_add(of_both(n))));
    }
}

#[test]
fn the_values_of_a_group_in_scratch_are_as_those_in_memory() {
    let p = Pipeline::new();
    let groups = p.create(0..60_000_u64).map(|n| (n % 3, n)).group_by_key();
    let same = groups.map(|(key, values)| {
        let all: Vec<u64> = values.iter().collect();
        let in_memory = Group::from(all.clone());
        let equal = |one: &Group<u64>, other: &Group<u64>| one == other;
        let hash = |group: &Group<u64>| {
            use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
            BuildHasherDefault::<DefaultHasher>::default().hash_one(group)
        };
        let encoded = serde_of(&values);
        (
            key,
            format!("{values:?}") == "Group { len: 20000, .. }",
            equal(&values, &in_memory) && equal(&in_memory, &values) && equal(&values, &values.clone()),
            values.cmp(&in_memory).is_eq() && hash(&values) == hash(&in_memory),
            encoded == serde_of(&in_memory),
            values.clone().into_iter().eq(all) && values.into_iter().len() == 20_000,
        )
    });
    let same = collect(&same);
    kit::run(kit::workers(1).with_memory_limit(1 << 18), p);
    assert_eq!(same.sorted(), [0, 1, 2].map(|key| (key, true, true, true, true, true)));
}

fn serde_of(group: &Group<u64>) -> Vec<u8> {
    postcard::to_stdvec(group).unwrap()
}

#[test]
fn a_join_with_a_key_of_more_than_memory_holds_pairs_all() {
    let p = Pipeline::new();
    let many = p.create(0..60_000_u64).map(|n| (n % 2, n));
    let few = p.create([(0_u64, 1_u64), (0, 2), (2, 3)]);
    let sums = collect(&few.outer_join(&many).map(|(key, sides)| (key, sides)).count_per_key());
    let wrong = collect(&few.join(&many).filter(|(key, (_, n))| n % 2 != *key));
    kit::run(kit::workers(2).with_memory_limit(1 << 18), p);
    assert_eq!(sums.sorted(), [(0, 60_000), (1, 30_000), (2, 1)]);
    assert_eq!(wrong.values(), []);
}

#[test]
fn three_sides_of_a_key_meet_whichever_are_large() {
    let p = Pipeline::new();
    let many = p.create(0..60_000_u64).map(|n| (n % 2, n));
    let few = p.create([(0_u64, "a".to_string()), (1, "b".to_string()), (0, "c".to_string())]);
    let numbers = p.create(0..50_000_u64).map(|n| (0, n.to_string()));
    let sizes = many.co_group((&few, &numbers)).map(|(key, (many, few, numbers))| {
        let mut few: Vec<String> = few.into_iter().collect();
        few.sort_unstable();
        assert_eq!(numbers.iter().map(|n| number_of(&n)).sum::<u64>(), 1_249_975_000 * (1 - key));
        (key, many.iter().filter(|n| n % 2 == key).count(), few, numbers.len())
    });
    let sizes = collect(&sizes);
    kit::run(kit::workers(2).with_memory_limit(1 << 18), p);
    let texts = |some: &[&str]| some.iter().map(|text| (*text).to_string()).collect::<Vec<_>>();
    assert_eq!(sizes.sorted(), [(0, 30_000, texts(&["a", "c"]), 50_000), (1, 30_000, texts(&["b"]), 0)]);
}

#[test]
fn a_folder_that_cannot_be_used_is_named_where_a_grouping_needs_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let p = Pipeline::new();
    p.create(0..100_000_u64).key_by(|n| n % 7).group_by_key().for_each(|_| {});
    let error = kit::fails(kit::workers(2).with_memory_limit(1 << 18).with_scratch_dir(file.path()), p);
    let said = error.report();
    assert_eq!(error.kind(), ErrorKind::Storage, "{said}");
    assert_eq!(error.step().unwrap().name, "group_by_key");
    assert!(said.contains("results would miss it") && said.contains("--scratch-dir"), "{said}");
}
