//! The local runner end to end.
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::{MemorySinks, collect, stream};
use flow_runner_local::{LocalRunner, Options};

fn run(workers: usize, p: Pipeline) -> flow_runner_local::Report {
    LocalRunner::new(Options::default().with_workers(workers))
        .run(p)
        .unwrap_or_else(|e| panic!("{}", e.report()))
}

#[test]
fn words_are_counted_on_any_number_of_workers() {
    for workers in [1, 2, 4] {
        let p = Pipeline::new();
        let counts = collect(&p.create((0..10_000_u64).collect::<Vec<_>>()).map(|n| n % 7).count());
        run(workers, p);
        assert_eq!(
            counts.sorted(),
            [(0, 1429), (1, 1429), (2, 1429), (3, 1429), (4, 1428), (5, 1428), (6, 1428)]
        );
    }
}

#[test]
fn a_side_input_holds_the_main_input_back() {
    let p = Pipeline::new();
    let numbers = p.create(1..=100_u64);
    let total = numbers.combine(Sum).as_single();
    let scaled = collect(&numbers.with(&total).map(|n, total| n * total).combine(Sum));
    run(2, p);
    assert_eq!(scaled.values(), [5050 * 5050]);
}

#[test]
fn what_is_written_is_committed() {
    let sinks = MemorySinks::new();
    let p = Pipeline::new();
    p.create(0..5000_u64).write(sinks.sink("numbers"));
    run(2, p);
    let mut values = sinks.values("numbers");
    values.sort_unstable();
    assert_eq!(values, (0..5000).collect::<Vec<_>>());
}

#[test]
fn a_script_plays_with_everything_at_rest_between_its_steps() {
    let at = Timestamp::from_secs;
    for workers in [1, 2, 4] {
        let p = Pipeline::new();
        let minute = Duration::from_mins(1);
        let numbers = stream::<u32>()
            .add([(7, at(1)), (7, at(2))])
            .watermark(at(60))
            .add([(7, at(3))])
            .collection(&p)
            .window(Fixed::of(minute).allowed_lateness(minute).accumulating());
        let counts = collect(&numbers.count());
        run(workers, p);
        let seen: Vec<_> = counts.reified().iter().map(|c| (c.value, c.pane.timing)).collect();
        assert_eq!(seen, [((7, 2), Timing::OnTime), ((7, 3), Timing::Late)], "{workers} workers");
    }
}

#[test]
fn a_panic_names_the_step() {
    let p = Pipeline::new();
    p.create([1_u32])
        .map(|n| if n == 1 { panic!("no ones here") } else { n })
        .named("no ones")
        .for_each(|_| {});
    let error = LocalRunner::new(Options::default().with_workers(2)).run(p).unwrap_err();
    assert_eq!(error.kind(), flow_core::ErrorKind::Panic);
    assert!(error.to_string().contains("step `no ones`"), "{error}");
    assert!(error.to_string().contains("panicked: no ones here"), "{error}");
}
