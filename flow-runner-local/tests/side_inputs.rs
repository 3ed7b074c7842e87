//! Side inputs on many workers: nothing is lost while an element waits, and no one waits for ever.
mod kit;

use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::{MemorySinks, collect};
use flow_runner_local::{LocalRunner, Options};
use kit::{Fact, Feed, Log, acknowledged};

/// A few hundred bytes under way, and as many waiting.
const TINY: u64 = 4_000;

#[test]
fn what_waits_for_a_view_at_the_end_is_written_before_the_end() {
    for _ in 0..40 {
        let sinks = MemorySinks::new();
        let p = Pipeline::new();
        let numbers = p.create(0..20_u64);
        let total = numbers.map(|n| (n % 3, n)).sum_per_key().values().combine(Sum).as_single();
        numbers.with(&total).map(|n, total| n + total).write(sinks.sink("out"));
        kit::run(kit::workers(4), p);
        let mut written = sinks.values("out");
        written.sort_unstable();
        assert_eq!(written, (190..210).collect::<Vec<_>>());
    }
}

#[test]
fn a_view_outlives_the_first_of_two_inputs_that_read_it() {
    for workers in [1, 2, 4] {
        let p = Pipeline::new();
        let factor = p.create([10_u64]).as_single();
        let few = collect(&p.create([1_u64]).with(&factor).map(|n, factor| n * factor));
        let many = collect(&p.create(0..50_000_u64).with(&factor).map(|n, factor| n * factor).combine(Sum));
        kit::run(kit::workers(workers), p);
        assert_eq!(few.values(), [10]);
        assert_eq!(many.values(), [12_499_750_000]);
    }
}

#[test]
fn a_source_that_feeds_a_view_and_its_reader_does_not_wait_for_itself() {
    for workers in [1, 2, 4] {
        let p = Pipeline::new();
        let numbers = p.create(0..50_000_u64);
        let count = numbers.map(|_| ()).count().values().as_single();
        let sum = collect(&numbers.with(&count).map(|n, count| n + count).combine(Sum));
        kit::run(kit::workers(workers).with_memory_limit(TINY), p);
        assert_eq!(sum.values(), [49_999 * 25_000 + 50_000 * 50_000]);
    }
}

#[test]
fn a_step_behind_an_exchange_does_not_hold_up_the_view_it_waits_for() {
    for workers in [1, 2, 4] {
        let p = Pipeline::new();
        let numbers = p.create(0..20_000_u64);
        let last = numbers.combine(Max).map(|max| max.unwrap_or(0)).as_single();
        let often = numbers.key_by(|n| n % 7).stateful(|_, n, (): &mut (), out| {
            for _ in 0..10 {
                out.emit(n);
            }
        });
        let sum = collect(&often.with(&last).map(|n, last| n + last).combine(Sum));
        kit::run(kit::workers(workers).with_memory_limit(TINY), p);
        assert_eq!(sum.values(), [10 * (19_999 * 10_000 + 20_000 * 19_999)]);
    }
}

#[test]
fn two_inputs_that_are_each_others_views_do_not_wait_for_each_other() {
    for workers in [1, 2, 4] {
        let p = Pipeline::new();
        let (left, right) = (p.create(0..50_000_u64), p.create(0..40_000_u64));
        let (lefts, rights) = (left.combine(Count).as_single(), right.combine(Count).as_single());
        let seen_left = collect(&left.with(&rights).map(|_, rights| *rights).combine(Sum));
        let seen_right = collect(&right.with(&lefts).map(|_, lefts| *lefts).combine(Sum));
        kit::run(kit::workers(workers).with_memory_limit(TINY), p);
        assert_eq!(seen_left.values(), [50_000 * 40_000]);
        assert_eq!(seen_right.values(), [40_000 * 50_000]);
    }
}

#[test]
fn a_view_of_a_view_is_there_in_time() {
    for workers in [1, 2, 4] {
        let sinks = MemorySinks::new();
        let p = Pipeline::new();
        let numbers = p.create(0..1000_u64);
        let count = numbers.combine(Count).as_single();
        let scaled = numbers.with(&count).map(|n, count| n * count).combine(Sum).as_single();
        numbers.with((&count, &scaled)).map(|n, (count, scaled)| n + count + scaled).write(sinks.sink("out"));
        kit::run(kit::workers(workers).with_memory_limit(TINY), p);
        let mut written = sinks.values("out");
        written.sort_unstable();
        assert_eq!(written, (0..1000).map(|n| n + 1000 + 499_500_000).collect::<Vec<u64>>());
    }
}

#[test]
fn what_waited_for_a_view_goes_on_at_once() {
    for waiting_first in [true, false] {
        let log = Log::default();
        let (main, side) = (Feed::new("main", &log), Feed::new("side", &log));
        let p = Pipeline::new();
        let minute = Fixed::of(Duration::from_mins(1));
        let factor = p.read(side.clone()).window(minute.clone()).as_single();
        let numbers = p.read(main.clone()).window(minute);
        let waiting = numbers.with(&factor).map(|n, factor| n * factor);
        let both = if waiting_first { waiting.flatten([&numbers]) } else { numbers.flatten([&waiting]) };
        let seen = log.clone();
        both.key_by(|n| *n)
            .stateful(|_, n, (): &mut (), out| out.emit(n))
            .for_each(move |n| seen.note(Fact::Acknowledged("seen", *n)));
        // No epoch, and no silence, that would push it on.
        let never = Duration::from_hours(1);
        let options = Options { epoch: never, idle_timeout: never, ..kit::workers(2) };
        let job = LocalRunner::new(options).start(p).expect("the pipeline is in order");
        main.add([(3, 5)]);
        log.wait("the plain number is seen", |facts| acknowledged(facts, "seen") == 3);
        side.add([(10, 1)]);
        side.watermark(60);
        log.wait("the product is seen", |facts| acknowledged(facts, "seen") == 30);
        job.drain();
        kit::ends("the drain", move || job.wait()).expect("ends well");
    }
}
