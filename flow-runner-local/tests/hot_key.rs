//! Skewed keys: one key with nearly everything.
mod kit;

use flow_core::prelude::*;
use flow_core::testing::collect;

fn skewed(n: u64) -> u64 {
    if n.is_multiple_of(1000) { n } else { 7 }
}

#[test]
fn a_hot_key_is_summed_with_the_others() {
    let p = Pipeline::new();
    let sums = p.create(0..200_000_u64).map(|n| (skewed(n), 1_u64)).sum_per_key();
    let hot = collect(&sums.filter(|(key, _)| *key == 7));
    let others = collect(&sums.filter(|(key, _)| *key != 7).count_per_key().combine(Count));
    kit::run(kit::workers(4).with_memory_limit(10_000), p);
    assert_eq!(hot.values(), [(7, 199_800)]);
    assert_eq!(others.values(), [200]);
}

#[test]
fn a_hot_key_is_grouped_whole() {
    let p = Pipeline::new();
    let groups = p.create(0..200_000_u64).key_by(|n| skewed(*n)).group_by_key();
    let sizes = collect(&groups.filter(|(key, _)| *key == 7).map(|(_, group)| group.len()));
    kit::run(kit::workers(4).with_memory_limit(10_000), p);
    assert_eq!(sizes.values(), [199_800]);
}

#[test]
fn a_hot_key_keeps_one_state() {
    let p = Pipeline::new();
    let numbered = p.create(0..100_000_u64).key_by(|n| skewed(*n)).stateful(|key, _, seen: &mut u64, out| {
        *seen += 1;
        out.emit((*key, *seen));
    });
    let last = collect(&numbered.filter(|(key, _)| *key == 7).values().combine(Max));
    kit::run(kit::workers(4).with_memory_limit(10_000), p);
    assert_eq!(last.values(), [Some(99_900)]);
}
