//! Streams: what is read is committed, then acknowledged; epoch after epoch, and at the end.
mod kit;

use std::time::Duration;

use flow_core::prelude::*;
use flow_core::{Error, ErrorKind};
use flow_runner_local::{Job, LocalRunner, Options, Report};
use kit::{Fact, Feed, Log, Logged, acknowledged, visible};

/// Epochs end often, and a silent source holds no one up for long.
fn short() -> Options {
    Options { epoch: Duration::from_millis(5), idle_timeout: Duration::from_millis(20), ..kit::workers(2) }
}

/// Epochs end only with the run.
fn one_epoch() -> Options {
    Options { epoch: Duration::from_hours(1), ..kit::workers(2) }
}

fn start(options: Options, p: Pipeline) -> Job {
    LocalRunner::new(options).start(p).expect("the pipeline is in order")
}

#[track_caller]
fn drained(job: Job) -> Report {
    job.drain();
    kit::ends("the drain", move || job.wait()).unwrap_or_else(|e| panic!("{}", e.report()))
}

#[test]
fn a_position_is_acknowledged_only_when_everything_before_it_is_committed() {
    let log = Log::default();
    let feed = Feed::new("feed", &log);
    let p = Pipeline::new();
    p.read(feed.clone()).reshuffle().write(Logged(log.clone()));
    let job = start(short(), p);
    for round in 0..20_u64 {
        feed.add((round * 10..round * 10 + 10).map(|n| (n, 0)));
        log.wait("the round is acknowledged", |facts| acknowledged(facts, "feed") == round * 10 + 10);
    }
    let report = drained(job);
    assert!(report.stopped);
    assert!(report.epochs >= 20, "{} epochs", report.epochs);
    let facts = log.facts();
    for (at, fact) in facts.iter().enumerate() {
        if let Fact::Acknowledged(_, position) = fact {
            let before: Vec<u64> = visible(&facts[..at]);
            assert!(
                before.len() as u64 >= *position,
                "{position} acknowledged after {} values",
                before.len()
            );
        }
    }
    assert_eq!(log.committed(), (0..200).collect::<Vec<_>>());
}

#[test]
fn what_is_remembered_against_duplicates_holds_no_acknowledgement() {
    let log = Log::default();
    let feed = Feed::new("feed", &log);
    let p = Pipeline::new();
    let hour = Duration::from_hours(1);
    p.read(feed.clone()).deduplicate_by(hour, |n| n % 10).write(Logged(log.clone()));
    let job = start(short(), p);
    feed.add((0..20).map(|n| (n, 0)));
    log.wait("all are acknowledged", |facts| acknowledged(facts, "feed") == 20);
    drained(job);
    assert_eq!(log.committed(), (0..10).collect::<Vec<_>>());
}

#[test]
fn what_waits_in_a_batch_is_acknowledged_when_the_batch_has_left() {
    let log = Log::default();
    let (feed, other) = (Feed::new("batched", &log), Feed::new("plain", &log));
    let p = Pipeline::new();
    let batches = p.read(feed.clone()).key_by(|_| ()).group_into_batches(3);
    batches.flat_map(|((), batch)| batch).write(Logged(log.clone()));
    p.read(other.clone()).write(Logged(log.clone()));
    let job = start(short(), p);
    feed.add([(1, 0), (2, 0)]);
    for round in 1..=5 {
        other.add([(1000 + round, 0)]);
        log.wait("the plain value is written", |facts| visible(facts).contains(&(1000 + round)));
    }
    assert_eq!(acknowledged(&log.facts(), "batched"), 0, "the batch is not full");
    feed.add([(3, 0)]);
    log.wait("the batch is acknowledged", |facts| acknowledged(facts, "batched") == 3);
    drained(job);
}

#[test]
fn a_batch_that_leaves_for_the_next_is_acknowledged_though_its_key_never_rests() {
    let log = Log::default();
    let (feed, other) = (Feed::new("batched", &log), Feed::new("plain", &log));
    let p = Pipeline::new();
    // Two numbers are not as large as a batch, three are too large.
    let batches = p.read(feed.clone()).key_by(|_| ()).group_into_batches(Batch::of_bytes(5));
    batches.flat_map(|((), batch)| batch).write(Logged(log.clone()));
    p.read(other.clone()).write(Logged(log.clone()));
    let job = start(short(), p);
    for round in 0..5_u64 {
        feed.add([(1000 + 2 * round, 0), (1001 + 2 * round, 0)]);
        other.add([(round, 0)]);
        log.wait("the plain value is written", |facts| visible(facts).contains(&round));
    }
    log.wait("batches that have left are acknowledged", |facts| acknowledged(facts, "batched") >= 4);
    drained(job);
}

#[test]
fn what_no_partner_can_come_for_is_acknowledged() {
    let log = Log::default();
    let (feed, other) = (Feed::new("joined", &log), Feed::new("plain", &log));
    let p = Pipeline::new();
    let pairs = p.read(feed.clone()).key_by(|n| n % 2);
    let near = pairs.interval_join(&pairs, Duration::ZERO, Duration::from_secs(10));
    near.values().map(|(one, other)| one * 10 + other).write(Logged(log.clone()));
    p.read(other.clone()).write(Logged(log.clone()));
    let job = start(short(), p);
    feed.add([(1, 5), (3, 6)]);
    other.add([(1000, 0)]);
    log.wait("the pairs are written", |facts| visible(facts) == [11, 13, 33, 1000]);
    feed.watermark(16);
    other.add([(1001, 0)]);
    log.wait("an epoch has ended", |facts| visible(facts).contains(&1001));
    assert_eq!(acknowledged(&log.facts(), "joined"), 0, "a partner at 16 may still come");
    feed.watermark(17);
    log.wait("both are acknowledged", |facts| acknowledged(facts, "joined") == 2);
    drained(job);
}

/// Two sides that are read apart from a feed, of one key.
type Sides = PCollection<((), u64)>;

/// Feeds a key that always has something waiting; what has left must be acknowledged though it never rests.
fn steadily(verb: impl FnOnce(&Sides, &Sides) -> PCollection<u64>) {
    let log = Log::default();
    let (feed, other) = (Feed::new("steady", &log), Feed::new("plain", &log));
    let p = Pipeline::new();
    let pairs = p.read(feed.clone()).key_by(|_| ());
    let (even, odd) = (pairs.filter(|((), n)| n % 2 == 0), pairs.filter(|((), n)| n % 2 == 1));
    verb(&even, &odd).write(Logged(log.clone()));
    p.read(other.clone()).write(Logged(log.clone()));
    let job = start(short(), p);
    for round in 0..8_u64 {
        let secs = 10 * round as i64;
        feed.add([(1000 + 2 * round, secs), (1001 + 2 * round, secs)]);
        feed.watermark(secs - 5);
        other.add([(round, 0)]);
        log.wait("the plain value is written", |facts| visible(facts).contains(&round));
    }
    log.wait("what has left is acknowledged", |facts| acknowledged(facts, "steady") >= 4);
    drained(job);
}

#[test]
fn what_was_sorted_is_acknowledged_though_its_key_never_rests() {
    steadily(|even, odd| even.flatten([odd]).time_sorted().values());
}

#[test]
fn what_found_its_partners_is_acknowledged_though_its_key_never_rests() {
    let seconds = Duration::from_secs(7);
    steadily(move |even, odd| even.interval_join(odd, seconds, seconds).values().map(|(even, _)| even));
}

#[test]
fn versions_that_are_over_are_acknowledged_though_their_key_never_rests() {
    steadily(|even, odd| even.temporal_join(odd).values().map(|(even, _)| even));
}

#[test]
fn what_a_window_holds_is_acknowledged_when_it_has_left() {
    let log = Log::default();
    let (feed, other) = (Feed::new("windowed", &log), Feed::new("plain", &log));
    let p = Pipeline::new();
    let minutes = p.read(feed.clone()).window(Fixed::of(Duration::from_mins(1)));
    minutes.map(|n| ((), n)).sum_per_key().values().write(Logged(log.clone()));
    p.read(other.clone()).write(Logged(log.clone()));
    let job = start(short(), p);
    feed.add([(1, 5), (2, 6)]);
    for round in 1..=5 {
        other.add([(1000 + round, 0)]);
        log.wait("the plain value is written", |facts| visible(facts).contains(&(1000 + round)));
    }
    assert_eq!(acknowledged(&log.facts(), "windowed"), 0, "the window is open");
    feed.watermark(61);
    log.wait("the window is acknowledged", |facts| acknowledged(facts, "windowed") == 2);
    assert!(log.committed().contains(&3), "acknowledged after the sum was written");
    drained(job);
}

#[test]
fn what_two_windows_hold_one_after_the_other_is_acknowledged_when_it_has_left_both() {
    let log = Log::default();
    let (feed, other) = (Feed::new("windowed", &log), Feed::new("plain", &log));
    let p = Pipeline::new();
    let minutes = p.read(feed.clone()).window(Fixed::of(Duration::from_mins(1)));
    let sums = minutes.map(|n| ((), n)).sum_per_key();
    let seen = log.clone();
    let sums = sums.inspect(move |((), sum)| seen.note(Fact::Acknowledged("minute", *sum)));
    let days = sums.window(Fixed::of(Duration::from_hours(24)));
    days.sum_per_key().values().write(Logged(log.clone()));
    p.read(other.clone()).write(Logged(log.clone()));
    let job = start(short(), p);
    feed.add([(1, 5), (2, 6)]);
    other.add([(1000, 0)]);
    log.wait("an epoch has ended", |facts| visible(facts).contains(&1000));
    feed.watermark(61);
    log.wait("the minute is over", |facts| acknowledged(facts, "minute") == 3);
    for round in 1..=5 {
        other.add([(1000 + round, 0)]);
        log.wait("the plain value is written", |facts| visible(facts).contains(&(1000 + round)));
    }
    assert_eq!(acknowledged(&log.facts(), "windowed"), 0, "the day is open");
    feed.watermark(24 * 3600 + 1);
    log.wait("the day is acknowledged", |facts| acknowledged(facts, "windowed") == 2);
    drained(job);
}

#[test]
fn a_drain_writes_and_acknowledges_everything_that_was_read() {
    let log = Log::default();
    let feed = Feed::new("feed", &log);
    let p = Pipeline::new();
    let read = p.counter("read");
    let count = read.clone();
    let seen = log.clone();
    let numbers = p.read(feed.clone()).inspect(move |_| {
        count.inc();
        seen.note(Fact::Acknowledged("seen", count.value()));
    });
    let sums = numbers.window(Fixed::of(Duration::from_mins(1))).map(|n| (n % 2, n)).sum_per_key();
    sums.values().write(Logged(log.clone()));
    let job = start(one_epoch(), p);
    feed.add((0..100).map(|n| (n, 5)));
    log.wait("all is read", |facts| acknowledged(facts, "seen") == 100);
    assert_eq!(log.committed(), []);
    let report = drained(job);
    assert_eq!(log.committed(), [2450, 2500]);
    assert_eq!(acknowledged(&log.facts(), "feed"), 100);
    assert_eq!((report.epochs, report.stopped), (1, true));
}

#[test]
fn a_cancelled_run_commits_nothing_more() {
    let log = Log::default();
    let feed = Feed::new("feed", &log);
    let p = Pipeline::new();
    let seen = log.clone();
    p.read(feed.clone())
        .inspect(move |n| seen.note(Fact::Acknowledged("seen", *n)))
        .write(Logged(log.clone()));
    let job = start(one_epoch(), p);
    feed.add([(7, 0)]);
    log.wait("it is read", |facts| acknowledged(facts, "seen") == 7);
    job.cancel();
    let error = kit::ends("the job", move || job.wait()).expect_err("cancelled");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(log.committed(), []);
    assert_eq!(acknowledged(&log.facts(), "feed"), 0);
}

#[test]
fn a_stream_that_ends_by_itself_is_acknowledged_to_its_end() {
    let log = Log::default();
    let (feed, other) = (Feed::new("feed", &log), Feed::new("other", &log));
    let p = Pipeline::new();
    p.read(feed.clone()).write(Logged(log.clone()));
    p.read(other.clone()).write(Logged(log.clone()));
    let job = start(short(), p);
    for round in 0..50_u64 {
        feed.add([(round, 0)]);
        if round % 10 == 0 {
            log.wait("some is acknowledged", |facts| acknowledged(facts, "feed") > round);
        }
    }
    feed.end();
    log.wait("the end is acknowledged", |facts| acknowledged(facts, "feed") == 50);
    other.add([(1000, 0)]);
    log.wait("the other goes on", |facts| acknowledged(facts, "other") == 1);
    drained(job);
    assert_eq!(log.committed().len(), 51);
}

#[test]
fn streams_that_all_end_end_the_run() {
    let log = Log::default();
    let feed = Feed::new("feed", &log);
    let p = Pipeline::new();
    p.read(feed.clone()).write(Logged(log.clone()));
    let job = start(short(), p);
    feed.add([(1, 0), (2, 0)]);
    feed.end();
    let report = kit::ends("the run", move || job.wait()).expect("ends well");
    assert!(!report.stopped);
    assert_eq!((log.committed(), acknowledged(&log.facts(), "feed")), (vec![1, 2], 2));
}

#[test]
fn a_silent_stream_does_not_pin_the_windows_of_another() {
    let log = Log::default();
    let (busy, silent) = (Feed::new("busy", &log), Feed::new("silent", &log));
    let p = Pipeline::new();
    let both = p.read(busy.clone()).flatten([&p.read(silent.clone())]);
    let sums = both.window(Fixed::of(Duration::from_mins(1))).map(|n| ((), n)).sum_per_key();
    sums.values().write(Logged(log.clone()));
    let job = start(short(), p);
    busy.add([(1, 5), (2, 6)]);
    busy.watermark(61);
    log.wait("the first window is written", |facts| visible(facts) == [3]);
    drained(job);
}

#[test]
fn a_silent_stream_is_not_over() {
    let log = Log::default();
    let (busy, silent) = (Feed::new("busy", &log), Feed::new("silent", &log));
    let p = Pipeline::new();
    let sums = |numbers: &PCollection<u64>| {
        let pairs = numbers.window(Fixed::of(Duration::from_mins(1))).map(|n| ((), n));
        pairs.sum_per_key().values()
    };
    let quiet = p.read(silent.clone());
    sums(&quiet).map(|sum| sum + 1000).write(Logged(log.clone()));
    sums(&p.read(busy.clone()).flatten([&quiet])).write(Logged(log.clone()));
    let job = start(short(), p);
    silent.add([(1, 5)]);
    busy.add([(2, 6)]);
    busy.watermark(61);
    log.wait("the silent stream is left out", |facts| visible(facts) == [3]);
    silent.add([(4, 7)]);
    silent.watermark(61);
    log.wait("its window is whole", |facts| visible(facts) == [3, 1005]);
    drained(job);
}

#[test]
fn a_stream_that_speaks_again_holds_the_windows_back_again() {
    let log = Log::default();
    let (busy, calm) = (Feed::new("busy", &log), Feed::new("calm", &log));
    let p = Pipeline::new();
    let minute = Fixed::of(Duration::from_mins(1));
    let windowed = |feed: &Feed| p.read(feed.clone()).window(minute.clone()).map(|n| (n % 10, n));
    let both = windowed(&busy).sum_per_key().flatten([&windowed(&calm).sum_per_key()]);
    both.count_per_key().map(|(key, count)| key * 100 + count).write(Logged(log.clone()));
    let job = start(Options { idle_timeout: Duration::from_hours(1), ..short() }, p);
    calm.watermark(30);
    busy.add([(1, 5)]);
    busy.watermark(61);
    calm.add([(2, 40), (1, 41)]);
    calm.watermark(62);
    log.wait("both are counted", |facts| visible(facts) == [102, 201]);
    drained(job);
}

#[test]
fn a_stream_that_fails_ends_the_run_with_its_error() {
    let log = Log::default();
    let feed = Feed::new("feed", &log);
    let p = Pipeline::new();
    p.read(feed.clone()).named("feed").write(Logged(log.clone()));
    let job = start(one_epoch(), p);
    feed.add([(1, 0)]);
    feed.fail(Error::new(ErrorKind::Source, "the line is down"));
    let error = kit::ends("the job", move || job.wait()).expect_err("fails");
    assert_eq!((error.kind(), error.step().unwrap().name.as_str()), (ErrorKind::Source, "feed"));
    assert_eq!((log.committed(), acknowledged(&log.facts(), "feed")), (vec![], 0));
}

#[test]
fn elements_that_wait_for_a_view_are_acknowledged_when_they_are_written() {
    let log = Log::default();
    let (main, side) = (Feed::new("main", &log), Feed::new("side", &log));
    let p = Pipeline::new();
    let minute = Fixed::of(Duration::from_mins(1));
    let factor = p.read(side.clone()).window(minute.clone()).as_single();
    let scaled = p.read(main.clone()).window(minute).with(&factor).map(|n, factor| n * factor);
    scaled.write(Logged(log.clone()));
    let plain = Feed::new("plain", &log);
    p.read(plain.clone()).write(Logged(log.clone()));
    let job = start(Options { idle_timeout: Duration::from_hours(1), ..short() }, p);
    main.add([(3, 5)]);
    for round in 1..=5 {
        plain.add([(1000 + round, 0)]);
        log.wait("the plain value is written", |facts| visible(facts).contains(&(1000 + round)));
    }
    assert_eq!(acknowledged(&log.facts(), "main"), 0);
    side.add([(10, 1)]);
    side.watermark(60);
    log.wait("the main input is acknowledged", |facts| acknowledged(facts, "main") == 1);
    assert!(log.committed().contains(&30));
    drained(job);
}
