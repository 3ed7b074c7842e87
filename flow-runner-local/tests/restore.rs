//! A run that fails at any point and goes on from its state directory gives what one gives that never failed.

mod kit;

use std::sync::Arc;
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::Pipeline;
use flow_runner_local::Options;
use kit::restart::{Ledger, Replay, World, run_through};

/// How many random cases of each pipeline are tried.
fn cases() -> u64 {
    std::env::var("FLOW_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(20)
}

/// Elements of three splits, each in order of time.
fn elements() -> Arc<Vec<Vec<(u64, i64)>>> {
    let split = |split: u64| (0..400).map(|n| ((n * 7 + split * 3) % 23, (n / 4) as i64)).collect();
    Arc::new((0..3).map(split).collect())
}

type Program = fn(&PCollection<u64>) -> PCollection<String>;

fn program(world: &World, bounded: bool, body: Program) -> Pipeline {
    let p = Pipeline::new();
    let source = Replay { world: world.clone(), splits: elements(), bounded };
    body(&p.read(source)).write(Ledger(world.clone()));
    p
}

/// What is visible in the end, with failures in between and without.
#[track_caller]
fn goes_on_exactly(body: Program) {
    for bounded in [true, false] {
        let world = World::default();
        run_through(&Options::default(), &world, || program(&world, bounded, body));
        let wanted = world.visible();
        assert!(!wanted.is_empty());
        let mut failures = 0;
        for seed in 0..cases() {
            let directory = tempfile::tempdir().unwrap();
            let world = World::failing(seed, 60);
            let options = Options::default()
                .with_epoch(Duration::from_micros(200))
                .with_state_dir(directory.path())
                .allowing_ephemeral_state();
            failures += run_through(&options, &world, || program(&world, bounded, body));
            assert_eq!(world.visible(), wanted, "seed {seed}, bounded {bounded}");
        }
        assert!(u64::from(failures) > cases(), "too few failures to tell anything: {failures}");
    }
}

#[test]
fn steps_that_keep_nothing() {
    goes_on_exactly(|numbers| numbers.filter(|n| n % 3 != 0).map(|n| format!("{n}")));
}

#[test]
fn a_running_count_of_each_key() {
    goes_on_exactly(|numbers| {
        numbers.key_by(|n| *n).map_values(|_| ()).stateful(|key, (), seen: &mut u64, cx| {
            *seen += 1;
            cx.emit(format!("{key}: {seen}"));
        })
    });
}

#[test]
fn counts_in_windows() {
    goes_on_exactly(|numbers| {
        numbers
            .window(Fixed::of(Duration::from_secs(10)))
            .count()
            .reify()
            .map(|one| format!("{:?} {:?}: {:?}", one.value, one.window, one.pane.timing))
    });
}
