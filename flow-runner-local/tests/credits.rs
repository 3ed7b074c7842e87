//! Tiny credits: a run pauses and goes on, and never stands still for ever.
mod kit;

use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::{collect, stream};

/// A hundred bytes or so under way to an exchange.
const TINY: u64 = 1_000;

#[test]
fn a_diamond_ends() {
    for workers in [1, 2, 4] {
        let p = Pipeline::new();
        let numbers = p.create(0..20_000_u64);
        let counts = numbers.map(|n| n % 100).count();
        let sums = numbers.map(|n| (n % 100, n)).sum_per_key();
        let both = collect(&counts.join(&sums).map(|(_, (count, sum))| count + sum).combine(Sum));
        kit::run(kit::workers(workers).with_memory_limit(TINY), p);
        assert_eq!(both.values(), [20_000 + 19_999 * 10_000]);
    }
}

#[test]
fn many_readers_of_one_collection_all_get_everything() {
    for workers in [1, 2, 4] {
        let p = Pipeline::new();
        let numbers = p.create(0..10_000_u64).reshuffle();
        let sums: Vec<_> = (1..=12_u64)
            .map(|n| collect(&numbers.map(move |m| (m % n, m)).sum_per_key().values().combine(Sum)))
            .collect();
        kit::run(kit::workers(workers).with_memory_limit(TINY), p);
        assert!(sums.iter().all(|sum| sum.values() == [49_995_000]));
    }
}

#[test]
fn one_element_may_become_a_hundred_thousand() {
    for workers in [1, 2, 4] {
        let p = Pipeline::new();
        let many = p.create(0..5_u64).flat_map(|n| (0..100_000).map(move |m| (m % 1000, n)));
        let sums =
            collect(&many.reshuffle().group_by_key().map(|(_, group)| group.len() as u64).combine(Sum));
        kit::run(kit::workers(workers).with_memory_limit(TINY), p);
        assert_eq!(sums.values(), [500_000]);
    }
}

#[test]
fn a_group_of_groups_of_many_keys_ends() {
    for workers in [1, 2, 4] {
        let p = Pipeline::new();
        let first = p.create(0..30_000_u64).key_by(|n| *n).group_by_key();
        let second = first.map(|(key, group)| (key % 1000, group.len() as u64)).group_by_key();
        let third = second.map(|(key, group)| (key % 10, group.len() as u64)).group_by_key();
        let sizes = collect(&third.map(|(key, group)| (key, group.into_iter().sum::<u64>())));
        kit::run(kit::workers(workers).with_memory_limit(TINY), p);
        assert_eq!(sizes.sorted(), (0..10).map(|key| (key, 3000)).collect::<Vec<_>>());
    }
}

#[test]
fn a_limit_of_nothing_still_lets_a_bundle_through_at_a_time() {
    let p = Pipeline::new();
    let sum = collect(&p.create(0..10_000_u64).reshuffle().combine(Sum));
    kit::run(kit::workers(2).with_memory_limit(0), p);
    assert_eq!(sum.values(), [49_995_000]);
}

#[test]
fn a_stream_and_a_table_meet_in_tiny_memory() {
    for workers in [1, 2, 4] {
        let p = Pipeline::new();
        let table = p.create((0..5000_u64).map(|n| (n, n * 2))).as_map();
        let at = Timestamp::from_secs;
        let mut script = stream::<u64>();
        for second in 0..20 {
            script = script.add((0..50).map(|n| (n * 100, at(second)))).watermark(at(second));
        }
        let looked_up = script.collection(&p).with(&table).map(|n, table| table[&n]);
        let sums = collect(&looked_up.window(Fixed::of(Duration::from_secs(10))).combine(Sum));
        kit::run(kit::workers(workers).with_memory_limit(TINY), p);
        assert_eq!(sums.values(), [2_450_000, 2_450_000]);
    }
}
