//! Many windows at once.
mod kit;

use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::collect;

fn seconds(p: &Pipeline, count: i64) -> PCollection<i64> {
    p.create(0..count).with_timestamps(|second| Timestamp::from_secs(*second))
}

#[test]
fn ten_thousand_fixed_windows_each_have_their_own_sum() {
    let p = Pipeline::new();
    let sums = seconds(&p, 100_000)
        .window(Fixed::of(Duration::from_secs(10)))
        .map(|second| ((), second))
        .sum_per_key()
        .reify()
        .map(|sum| (sum.window.start.micros() / 1_000_000, sum.value.1));
    let wrong = collect(&sums.filter(|(start, sum)| *sum != 10 * start + 45));
    let count = collect(&sums.window(Global::windows()).combine(Count));
    kit::run(kit::workers(4).with_memory_limit(20_000), p);
    assert_eq!(wrong.values(), []);
    assert_eq!(count.values(), [10_000]);
}

#[test]
fn an_element_in_sixty_windows_counts_in_each() {
    let p = Pipeline::new();
    let windows = Sliding::of(Duration::from_mins(1), Duration::from_secs(1));
    let counts = seconds(&p, 5_000).window(windows).map(|_| ()).count().values();
    let full = collect(&counts.filter(|n| *n == 60).window(Global::windows()).combine(Count));
    let all = collect(&counts.window(Global::windows()).combine(Sum));
    kit::run(kit::workers(4).with_memory_limit(20_000), p);
    assert_eq!(full.values(), [5_000 - 59]);
    assert_eq!(all.values(), [5_000 * 60]);
}

#[test]
fn every_key_has_its_own_sessions() {
    let p = Pipeline::new();
    let pairs = seconds(&p, 20_000).filter(|second| second % 100 < 50).key_by(|second| second % 5);
    let sizes = pairs.window(Sessions::with_gap(Duration::from_secs(10))).count_per_key().values();
    let (ten, all) = (collect(&sizes.filter(|n| *n == 10)), collect(&sizes));
    kit::run(kit::workers(4).with_memory_limit(20_000), p);
    assert_eq!((ten.values().len(), all.values().len()), (1000, 1000));
}
