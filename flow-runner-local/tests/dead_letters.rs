//! Regions whose elements may fail, on many workers and in streams.
mod kit;

use std::time::Duration;

use flow_core::ErrorKind;
use flow_core::prelude::*;
use flow_core::testing::{MemorySinks, collect};
use flow_runner_local::{LocalRunner, Options};
use kit::{Fact, Feed, Log, Logged, acknowledged, visible};

fn no_hundreds(n: u64) -> u64 {
    assert_ne!(n % 100, 0, "no hundreds here");
    n
}

#[test]
fn every_element_comes_out_once_or_is_a_letter() {
    for workers in [1, 2, 4] {
        let (p, sinks) = (Pipeline::new(), MemorySinks::new());
        let numbers = p.create(0..10_000_u64).reshuffle();
        let (kept, failed) = numbers.with_dead_letters(|n| {
            let (even, odd) = n.map(|n| if n % 2 == 0 { Ok(n) } else { Err(n) }).split();
            (even.map(no_hundreds), odd)
        });
        kept.0.flatten([&kept.1]).write(sinks.sink("kept"));
        failed.map(|letter| letter.element).write(sinks.sink("failed"));
        let report = kit::run(kit::workers(workers), p);
        let sorted = |name: &str| {
            let mut values = sinks.values(name);
            values.sort_unstable();
            values
        };
        assert_eq!(sorted("kept"), (0..10_000).filter(|n| n % 100 != 0).collect::<Vec<_>>());
        assert_eq!(sorted("failed"), (0..100).map(|n| n * 100).collect::<Vec<_>>());
        assert_eq!(report.summary.dead_letters(), 100);
        let counts = report.step("with_dead_letters/map-2").unwrap();
        assert_eq!((counts.elements_in, counts.elements_out), (4_900, 4_900));
        assert!(report.to_string().contains("\ndead letters: 100\n"), "{report}");
    }
}

/// Sums and counts of what comes of two pipelines, of which one lets elements fail.
fn totals(workers: usize, guarded: bool) -> (Vec<(u64, u64)>, u64) {
    let p = Pipeline::new();
    let timed = p.create(0..5_000_u64).with_timestamps(|n| Timestamp::from_secs(*n as i64 / 10));
    let sevens = |n: &PCollection<u64>| {
        n.flat_map(|n| [n, n + 1]).filter(|n| n % 3 != 0).window(Fixed::of(Duration::from_mins(1)))
    };
    let kept = if guarded {
        let (kept, failed) = timed.with_dead_letters(|n| sevens(&n.map(no_hundreds)));
        failed.for_each(|_| {});
        kept
    } else {
        sevens(&timed.filter(|n| n % 100 != 0))
    };
    let sums = collect(&kept.map(|n| (n % 5, n)).sum_per_key());
    let report = kit::run(kit::workers(workers), p);
    (sums.sorted(), report.summary.dropped_late())
}

#[test]
fn groups_behind_a_region_are_those_of_its_good_elements() {
    for workers in [1, 2, 4] {
        assert_eq!(totals(workers, true), totals(workers, false));
    }
}

#[test]
fn elements_wait_for_their_views_on_every_worker() {
    for workers in [1, 2, 4] {
        let p = Pipeline::new();
        let numbers = p.create(0..5_000_u64);
        let count = numbers.map(|_| ()).count().values().as_single();
        let (shifted, failed) =
            numbers.with_dead_letters(|n| n.with(&count).map(|n, count| no_hundreds(n) + count));
        let (sum, failed) = (collect(&shifted.combine(Sum)), collect(&failed.map(|_| ()).count()));
        kit::run(kit::workers(workers).with_memory_limit(4_000), p);
        let good = (0..5_000_u64).filter(|n| n % 100 != 0);
        assert_eq!(sum.values(), [good.map(|n| n + 5_000).sum::<u64>()]);
        assert_eq!(failed.values(), [((), 50)]);
    }
}

#[test]
fn an_element_is_acknowledged_when_its_letter_is_written() {
    let log = Log::default();
    let feed = Feed::new("feed", &log);
    let p = Pipeline::new();
    let (kept, failed) = p.read(feed.clone()).with_dead_letters(|n| n.map(no_hundreds));
    kept.write(Logged(log.clone()));
    failed.map(|letter| letter.element + 1_000_000).write(Logged(log.clone()));
    let options = Options { epoch: Duration::from_millis(5), ..kit::workers(2) };
    let job = LocalRunner::new(options).start(p).expect("the pipeline is in order");
    for round in 0..20_u64 {
        feed.add((round * 10..round * 10 + 10).map(|n| (n, 0)));
        log.wait("the round is acknowledged", |facts| acknowledged(facts, "feed") == round * 10 + 10);
    }
    job.drain();
    kit::ends("the drain", move || job.wait()).unwrap_or_else(|e| panic!("{}", e.report()));
    let facts = log.facts();
    for (at, fact) in facts.iter().enumerate() {
        if let Fact::Acknowledged(_, position) = fact {
            assert!(visible(&facts[..at]).len() as u64 >= *position, "{position} is acknowledged too early");
        }
    }
    let letters = [1_000_000, 1_000_100];
    assert_eq!(visible(&facts), (0..200).filter(|n| n % 100 != 0).chain(letters).collect::<Vec<_>>());
}

#[test]
fn a_breaker_that_trips_leaves_nothing_written() {
    let (p, sinks) = (Pipeline::new(), MemorySinks::new());
    let (kept, failed) = p
        .create(0..50_000_u64)
        .with_dead_letters(|n| n.map(|n| if n % 10 == 0 { panic!("tens") } else { n }));
    kept.write(sinks.sink("kept"));
    failed.map(|letter| letter.element).write(sinks.sink("failed"));
    let error = kit::fails(kit::workers(2), p);
    assert_eq!(
        (error.kind(), error.step().unwrap().name.as_str()),
        (ErrorKind::Panic, "with_dead_letters/try")
    );
    assert!(error.to_string().contains("51 of the last 1000 elements failed"), "{error}");
    assert_eq!((sinks.values("kept"), sinks.values("failed")), (Vec::<u64>::new(), vec![]));
}
