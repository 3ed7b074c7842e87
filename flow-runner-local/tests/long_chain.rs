//! Many elements through many steps.
mod kit;

use flow_core::prelude::*;
use flow_core::testing::collect;

/// A million where nothing is optimized, ten million otherwise; or as many as `FLOW_TEST_ELEMENTS` says.
fn elements() -> u64 {
    let wanted = std::env::var("FLOW_TEST_ELEMENTS").ok().and_then(|n| n.parse().ok());
    wanted.unwrap_or(if cfg!(debug_assertions) { 1_000_000 } else { 10_000_000 })
}

#[test]
fn thirty_steps_lose_and_double_nothing() {
    let p = Pipeline::new();
    let blocks = elements() / 1000;
    let mut numbers = p.create(0..blocks).flat_map(|block| (0..1000).map(move |n| block * 1000 + n));
    for step in 0..30_u64 {
        numbers = match step % 3 {
            0 => numbers.map(move |n| n + step),
            1 => numbers.filter(|n| *n < u64::MAX),
            _ => numbers.map(move |n| n - (step - 2)),
        };
    }
    let (sum, count) = (collect(&numbers.combine(Sum)), collect(&numbers.combine(Count)));
    kit::run(kit::workers(2), p);
    let n = blocks * 1000;
    assert_eq!(count.values(), [n]);
    assert_eq!(sum.values(), [n * (n - 1) / 2]);
}
