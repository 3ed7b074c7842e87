//! A day's timers that fall due at one moment, and more destinations than a run takes.

mod kit;

use std::sync::Arc;
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::{MemorySinks, collect};
use kit::restart::{Ledger, Replay, World, run_through};

const DAY: i64 = 86_400;
const KEYS: u64 = 8;

/// So many seconds have one element.
const SPAN: i64 = 16;

fn seconds() -> Arc<Vec<Vec<(u64, i64)>>> {
    let split = |from: i64| {
        (from * SPAN..DAY).step_by(2 * SPAN as usize).map(|second| (second as u64, second)).collect()
    };
    Arc::new((0..2).map(split).collect())
}

/// Sets a timer for each second of the next day; tells of each, and whether the key's last one was an earlier one.
#[derive(Clone)]
struct Tomorrow;

impl StatefulFn<u64, u64, String> for Tomorrow {
    type State = Option<i64>;
    type Timer = i64;

    fn process(
        &self,
        _: &u64,
        second: u64,
        _: &mut Option<i64>,
        cx: &mut StatefulCx<'_, i64, String>,
    ) -> Result<(), BoxError> {
        for second in second as i64..second as i64 + SPAN {
            cx.set_timer(second, Timestamp::from_secs(DAY + second));
        }
        Ok(())
    }

    fn on_timer(
        &self,
        key: &u64,
        second: i64,
        last: &mut Option<i64>,
        cx: &mut StatefulCx<'_, i64, String>,
    ) -> Result<(), BoxError> {
        let in_order = last.replace(second).is_none_or(|last| last < second);
        cx.emit(format!("{key} {second} {in_order}"));
        Ok(())
    }
}

fn key_of(second: u64) -> u64 {
    second / SPAN as u64 % KEYS
}

fn day(world: &World) -> Pipeline {
    let p = Pipeline::new();
    let source = Replay { world: world.clone(), splits: seconds(), bounded: false };
    p.read(source).key_by(|second| key_of(*second)).par_do_stateful(Tomorrow).write(Ledger(world.clone()));
    p
}

#[test]
fn a_days_timers_fire_once_and_in_order_though_all_are_due_at_the_end() {
    let line = |second: u64| format!("{} {second} true", key_of(second));
    let mut wanted: Vec<String> = (0..DAY as u64).map(line).collect();
    wanted.sort();
    let directory = tempfile::tempdir().unwrap();
    let world = World::failing(1, 2_000);
    let options = kit::workers(2)
        .with_epoch(Duration::from_millis(5))
        .with_memory_limit(16 << 20)
        .with_state_dir(directory.path())
        .allowing_ephemeral_state();
    run_through(&options, &world, || day(&world));
    let visible = world.visible();
    assert_eq!(visible.len(), wanted.len());
    let wrong: Vec<_> = visible.iter().zip(&wanted).filter(|(is, wanted)| is != wanted).take(5).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn of_a_hundred_thousand_destinations_the_first_ten_thousand_are_written_and_the_rest_comes_back() {
    let written = MemorySinks::new();
    let sinks = written.clone();
    let p = Pipeline::new();
    let refused = p
        .create(0..100_000_u32)
        .try_write_by(|n| *n, move |destination| sinks.sink(&destination.to_string()))
        .map(|refused| (refused.value, refused.reason.contains("10000")));
    let refused = collect(&refused);
    kit::run(kit::workers(2).with_memory_limit(16 << 20), p);
    let mut back: Vec<u32> = refused
        .values()
        .into_iter()
        .map(|(n, is_told_why)| {
            assert!(is_told_why, "{n}");
            n
        })
        .collect();
    back.sort_unstable();
    assert_eq!(back.len(), 90_000);
    let comes_back = |n: u32| back.binary_search(&n).is_ok();
    for n in 0..100_000_u32 {
        let values: Vec<u32> = written.values(&n.to_string());
        assert_eq!(values, if comes_back(n) { vec![] } else { vec![n] });
    }
}
