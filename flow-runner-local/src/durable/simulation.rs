//! Whole runs on a disk that fails, tears and forgets what was not synced, in a world of sources and sinks that fail too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flow_core::prelude::*;

use super::kit::restart::{Ledger, Replay, World, try_until_enough_failed};
use super::kit::{try_run, workers};
use crate::Options;
use crate::store::simulated::{Lies, SimulatedDisk};

static DISKS: Mutex<BTreeMap<PathBuf, SimulatedDisk>> = Mutex::new(BTreeMap::new());

pub(super) fn disk_at(root: &Path) -> Option<SimulatedDisk> {
    DISKS.lock().unwrap_or_else(PoisonError::into_inner).get(root).cloned()
}

fn cases(of: u64) -> u64 {
    std::env::var("FLOW_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(of)
}

/// Three splits of elements in order of time.
fn elements() -> Arc<Vec<Vec<(u64, i64)>>> {
    let split = |split: u64| (0..200).map(|n| ((n * 7 + split) % 13, (n / 4) as i64)).collect();
    Arc::new((0..3).map(split).collect())
}

/// Running counts of keys, and counts in windows, to two sinks.
fn pipeline(world: &World) -> Pipeline {
    let p = Pipeline::new();
    let numbers = p.read(Replay { world: world.clone(), splits: elements(), bounded: false });
    let running = numbers.map(|n| (n, ())).stateful(|key, (), seen: &mut u64, cx| {
        *seen += 1;
        cx.emit(format!("{key} for the {seen}th time"));
    });
    running.write(Ledger(world.clone()));
    let counts = numbers.window(Fixed::of(Duration::from_secs(10))).count().reify();
    counts.map(|one| format!("{:?} in {:?}", one.value, one.window)).write(Ledger(world.clone()));
    p
}

/// Runs with power failures until the end is reached; whether everything was visible once, and how often it failed.
fn survives(seed: u64, lies: Lies, wanted: &[String]) -> Result<u32, String> {
    let disk = SimulatedDisk::lying(lies);
    let directory = tempfile::tempdir().expect("what is beside the simulated disk has a place");
    let root = directory.path().to_path_buf();
    DISKS.lock().unwrap_or_else(PoisonError::into_inner).insert(root.clone(), disk.clone());
    let world = World::failing(seed, 150);
    let options = Options::default().with_epoch(Duration::from_micros(100)).with_state_dir(&root);
    let options = options.allowing_ephemeral_state();
    for failures in 0..500 {
        disk.fail_after(3 + world.choose(60));
        let run = try_run(
            Options { workers: workers(1 + world.choose(3) as usize).workers, ..options.clone() },
            pipeline(&world),
        );
        let Err(error) = run else {
            let visible = world.visible();
            return if visible == wanted { Ok(failures) } else { Err(format!("{visible:?}")) };
        };
        let text = error.report();
        if !text.contains("planned") && !text.contains("the power has failed") {
            return Err(text);
        }
        disk.restart(|below| world.choose(below));
    }
    Err("it never comes to its end".into())
}

fn undisturbed() -> Vec<String> {
    let world = World::default();
    try_run(workers(2), pipeline(&world)).unwrap();
    world.visible()
}

#[test]
fn a_run_whose_power_fails_at_any_moment_shows_everything_once() {
    let wanted = undisturbed();
    try_until_enough_failed(cases(60), |seed| {
        survives(seed, Lies::None, &wanted).unwrap_or_else(|how| panic!("seed {seed}: {how}"))
    });
}

#[test]
fn disks_that_do_not_sync_are_noticed() {
    let wanted = undisturbed();
    for lies in [Lies::AboutFiles, Lies::AboutNames] {
        assert!((0..60).any(|seed| survives(seed, lies, &wanted).is_err()), "{lies:?}");
    }
}
