//! What sources and sinks tell the runner of themselves, and what it makes of it.
mod kit;

use std::future::Future;
use std::time::Duration;

use flow_core::metrics::{Counter, MetricValue};
use flow_core::prelude::*;
use flow_core::sink::{Commit, Committed, Delivery, Rejects, Writer, WriterContext};
use flow_core::source::ReaderContext;
use flow_core::splittable::Growth;
use flow_core::{Bundle, Error, ErrorKind, Result};
use flow_runner_local::{LocalRunner, Report};
use kit::{Feed, FeedReader, Log};

/// A feed that hands out again what is not acknowledged in an hour.
struct Leased(Feed);

impl Source for Leased {
    type Item = u64;
    type Split = ();
    type Position = u64;
    type Reader = FeedReader;

    fn is_bounded(&self) -> bool {
        false
    }

    fn splits(&self, desired: usize) -> Result<Vec<()>> {
        self.0.splits(desired)
    }

    fn reader(&self, split: &(), from: Option<u64>, cx: &ReaderContext) -> Result<FeedReader> {
        self.0.reader(split, from, cx)
    }

    fn lease(&self) -> Option<Duration> {
        Some(Duration::from_hours(1))
    }
}

fn sums_in(windows: WindowInto<Fixed>) -> Result<Report> {
    let feed = Feed::new("feed", &Log::default());
    feed.end();
    let p = Pipeline::new();
    let pairs = p.read(Leased(feed)).map(|n| (n % 2, n));
    pairs.window(windows).sum_per_key().named("sums").for_each(|_| {});
    LocalRunner::new(kit::workers(1)).run(p)
}

#[test]
fn windows_that_outlast_half_of_a_lease_are_refused() {
    let minutes = |n| Fixed::of(Duration::from_mins(n));
    let error = sums_in(minutes(31).discarding()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.step().unwrap().name, "sums");
    assert!(
        error
            .to_string()
            .contains("it keeps elements for 1860s, which is more than half of the 3600s that `read`"),
        "{error}"
    );
    let late = minutes(20).allowed_lateness(Duration::from_mins(11));
    sums_in(late.clone().accumulating()).unwrap_err();
    sums_in(late.discarding()).unwrap();
    sums_in(minutes(30).discarding()).unwrap();
}

#[test]
fn what_is_read_without_end_is_refused_behind_a_lease() {
    let p = Pipeline::new();
    let watch = Watch::every(Duration::from_secs(1));
    let grown = p
        .read(Leased(Feed::new("feed", &Log::default())))
        .watch(watch, |n| Ok::<_, BoxError>(Growth::of([*n])));
    grown.for_each(|_| {});
    let error = LocalRunner::new(kit::workers(1)).run(p).unwrap_err();
    assert_eq!((error.kind(), error.step().unwrap().name.as_str()), (ErrorKind::Config, "watch/read"));
    assert!(error.to_string().contains("`read` would never be told that its elements are done"), "{error}");
}

#[test]
fn windows_whose_early_panes_discard_what_they_hold_may_be_long() {
    let day = Fixed::of(Duration::from_hours(24)).allowed_lateness(Duration::ZERO);
    let day = day.trigger(AtWatermark.early(after_count(10)));
    sums_in(day.clone().discarding()).unwrap();
    sums_in(day.accumulating()).unwrap_err();
}

/// A sink that is not there, or loses elements.
#[derive(Clone)]
struct Odd {
    missing: bool,
    loses: u64,
}

struct OddWriter {
    written: Counter,
    loses: u64,
}

impl Sink<u64> for Odd {
    type Writer = OddWriter;
    type Token = ();

    fn delivery(&self, _: bool) -> Delivery {
        Delivery::AtLeastOnce
    }

    fn check(&self) -> impl Future<Output = Result<()>> + Send + 'static {
        let missing = self.missing;
        async move { if missing { Err(Error::config("there is no such place")) } else { Ok(()) } }
    }

    fn open(&self, cx: &WriterContext) -> Result<OddWriter> {
        Ok(OddWriter { written: cx.metrics.counter("written"), loses: self.loses })
    }

    fn commit(&self, _: Commit<()>) -> impl Future<Output = Result<Committed<()>>> + Send + 'static {
        std::future::ready(Ok(Committed::default()))
    }
}

impl Writer<u64> for OddWriter {
    type Token = ();

    async fn write(&mut self, bundle: &mut Bundle<u64>, rejects: &mut Rejects<u64>) -> Result<()> {
        for (value, meta) in bundle.drain() {
            if value == 0 {
                rejects.reject(value, meta, "odd", "it is nothing");
            } else if value > self.loses {
                self.written.inc();
            }
        }
        Ok(())
    }

    async fn prepare(&mut self, _: u64, _: Timestamp, _: &mut Rejects<u64>) -> Result<Vec<()>> {
        Ok(Vec::new())
    }
}

fn written_to(sink: Odd) -> Result<Report> {
    let p = Pipeline::new();
    p.create(0..10_u64).try_write(sink).for_each(|_| {});
    LocalRunner::new(kit::workers(1)).run(p)
}

#[test]
fn a_sink_that_is_not_there_ends_the_run_before_anything_is_read() {
    let feed = Feed::new("feed", &Log::default());
    feed.fail(Error::config("it was read"));
    let p = Pipeline::new();
    p.read(feed).write(Odd { missing: true, loses: 0 });
    let error = LocalRunner::new(kit::workers(1)).run(p).unwrap_err();
    assert!(error.to_string().ends_with("there is no such place"), "{error}");
    assert_eq!(error.step().unwrap().name, "write");
}

#[test]
fn what_a_connector_counts_is_in_the_report() {
    let report = written_to(Odd { missing: false, loses: 0 }).unwrap();
    assert_eq!(report.summary.metrics["try_write.written"], MetricValue::Counter(9));
}

#[test]
fn what_was_neither_written_nor_refused_is_an_error() {
    let error = written_to(Odd { missing: false, loses: 2 }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(error.to_string().ends_with("10 elements came in, 7 were written and 1 refused"), "{error}");
}

#[test]
fn a_stream_that_is_to_end_after_so_many_elements_does_on_all_workers() {
    let log = Log::default();
    let (one, other) = (Feed::new("one", &log), Feed::new("other", &log));
    one.add((0..70).map(|n| (n, 0)));
    other.add((0..40).map(|n| (n, 0)));
    let p = Pipeline::new();
    let one = p.read(one.ending_after(70));
    one.flatten(&[p.read(other.ending_after(40))]).write(kit::Logged(log.clone()));
    let run = move || LocalRunner::new(kit::workers(2)).run(p);
    let report = kit::ends("the run", run).unwrap_or_else(|e| panic!("{}", e.report()));
    assert!(!report.stopped);
    assert_eq!(log.committed().len(), 110);
    assert_eq!(kit::acknowledged(&log.facts(), "one"), 70);
}

#[test]
fn what_accumulates_in_the_global_window_would_hold_for_ever() {
    let feed = Feed::new("feed", &Log::default());
    feed.end();
    let p = Pipeline::new();
    let all = Global::windows().trigger(repeatedly(after_count(10))).accumulating();
    p.read(Leased(feed)).map(|n| (n % 2, n)).window(all).sum_per_key().for_each(|_| {});
    let error = LocalRunner::new(kit::workers(1)).run(p).unwrap_err();
    assert!(error.to_string().contains("it keeps elements for ever"), "{error}");
}
