//! What goes on by itself on workers: it is written while it goes on, keeps nothing back, and ends when it is to.
mod kit;

use std::time::Duration;

use flow_core::prelude::*;
use flow_core::splittable::Growth;
use flow_runner_local::{LocalRunner, Options};
use kit::{Fact, Feed, Log, Logged, acknowledged};

const MILLI: Duration = Duration::from_millis(1);

fn options(workers: usize) -> Options {
    Options { epoch: MILLI, ..kit::workers(workers) }
}

/// The numbers from an element on, without end, some at a time and never at rest.
#[derive(Clone)]
struct Numbers;

impl SplittableFn<u64, u64> for Numbers {
    type Restriction = OffsetRange;

    fn restriction(&self, from: &u64) -> Result<OffsetRange, BoxError> {
        Ok(OffsetRange::new(*from, u64::MAX))
    }

    fn process(&self, _: &u64, cx: &mut SplittableCx<'_, OffsetRange, u64>) -> Result<Resume, BoxError> {
        let mut next = cx.restriction().next();
        while cx.try_claim(&next) {
            cx.emit(next);
            next += 1;
        }
        Ok(Resume::Done)
    }

    fn is_bounded(&self) -> bool {
        false
    }
}

/// An element, once it has waited for a while.
#[derive(Clone)]
struct Later(Duration);

impl SplittableFn<u64, u64> for Later {
    type Restriction = OffsetRange;

    fn restriction(&self, _: &u64) -> Result<OffsetRange, BoxError> {
        Ok(OffsetRange::new(0, 2))
    }

    fn process(
        &self,
        element: &u64,
        cx: &mut SplittableCx<'_, OffsetRange, u64>,
    ) -> Result<Resume, BoxError> {
        let place = cx.restriction().next();
        if cx.try_claim(&place) && place == 1 {
            cx.emit(*element);
        }
        Ok(Resume::After(self.0))
    }
}

#[test]
fn a_function_that_never_rests_is_written_meanwhile_and_ends_when_drained() {
    for workers in [1, 2] {
        let (log, p) = (Log::default(), Pipeline::new());
        p.create([0_u64, 1_000_000_000_000])
            .par_do_splittable(Numbers)
            .filter(|n| n % 1000 == 0)
            .write(Logged(log.clone()));
        let job = LocalRunner::new(options(workers)).start(p).unwrap();
        let both = |facts: &[Fact]| {
            let seen = kit::visible(facts);
            seen.first() == Some(&0) && seen.last() > Some(&1_000_000_000_000)
        };
        log.wait("both elements make numbers", both);
        job.drain();
        kit::ends("a drained run", move || job.wait()).unwrap();
        let seen = log.committed();
        let few = seen.iter().filter(|n| **n < 1_000_000_000_000).count() as u64;
        assert_eq!(
            seen[..few as usize],
            (0..few).map(|n| n * 1000).collect::<Vec<_>>(),
            "something is missing or twice"
        );
    }
}

#[test]
fn what_is_watched_is_written_as_it_is_found() {
    for workers in [1, 3] {
        let (log, p) = (Log::default(), Pipeline::new());
        let looks = std::sync::atomic::AtomicU64::new(0);
        let found = p.create(["in".to_string()]).watch(Watch::every(MILLI), move |_| {
            let looks = looks.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Ok::<_, BoxError>(Growth::of(0..looks))
        });
        found.values().write(Logged(log.clone()));
        let job = LocalRunner::new(options(workers)).start(p).unwrap();
        log.wait("three are found", |facts| kit::visible(facts).len() >= 3);
        job.drain();
        kit::ends("a drained run", move || job.wait()).unwrap();
        assert_eq!(log.committed()[..3], [0, 1, 2]);
    }
}

#[test]
fn a_bounded_run_waits_for_what_is_still_to_be_read() {
    for workers in [1, 2, 4] {
        let (log, p) = (Log::default(), Pipeline::new());
        p.create(0..40_u64).par_do_splittable(Later(5 * MILLI)).write(Logged(log.clone()));
        kit::run(kit::workers(workers), p);
        assert_eq!(log.committed(), (0..40).collect::<Vec<_>>());
    }
}

#[test]
fn an_element_is_acknowledged_when_it_has_been_read_to_its_end() {
    let (log, p) = (Log::default(), Pipeline::new());
    let feed = Feed::new("feed", &log);
    // The first element is only read to its end when the run is stopped.
    p.read(feed.clone()).par_do_splittable(Later(Duration::from_hours(1))).write(Logged(log.clone()));
    let beside = Feed::new("beside", &log);
    p.read(beside.clone()).write(Logged(log.clone()));
    let job = LocalRunner::new(options(2)).start(p).unwrap();
    feed.add([(7, 0)]);
    beside.add([(1, 0)]);
    log.wait("the other element is written", |facts| kit::visible(facts) == [1]);
    beside.add([(2, 0)]);
    log.wait("the next epoch is over", |facts| kit::visible(facts) == [1, 2]);
    assert_eq!(acknowledged(&log.facts(), "feed"), 0);
    job.drain();
    kit::ends("a drained run", move || job.wait()).unwrap();
    assert_eq!(log.committed(), [1, 2, 7]);
    assert_eq!(acknowledged(&log.facts(), "feed"), 1);
}
