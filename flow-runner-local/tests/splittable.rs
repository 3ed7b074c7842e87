//! What goes on by itself on workers: it is written while it goes on, keeps nothing back, and ends when it is to.
mod kit;

use std::time::Duration;

use flow_core::prelude::*;
use flow_core::splittable::Growth;
use flow_core::testing::collect;
use flow_runner_local::{LocalRunner, Options};
use kit::{Fact, Feed, Log, Logged, acknowledged};
use proptest::prelude::*;

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

/// The numbers below an element, in parts, with a pause every some claims.
#[derive(Clone)]
struct Below {
    parts: usize,
    pause_after: u64,
    pause: Duration,
}

impl SplittableFn<u64, (u64, u64)> for Below {
    type Restriction = OffsetRange;

    fn restriction(&self, end: &u64) -> Result<OffsetRange, BoxError> {
        Ok(OffsetRange::new(0, *end))
    }

    fn split(&self, _: &u64, whole: OffsetRange, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        Ok(whole.into_parts(self.parts))
    }

    fn process(
        &self,
        end: &u64,
        cx: &mut SplittableCx<'_, OffsetRange, (u64, u64)>,
    ) -> Result<Resume, BoxError> {
        let mut next = cx.restriction().next();
        let pause = next + self.pause_after;
        while cx.try_claim(&next) {
            cx.emit((*end, next));
            next += 1;
            if next == pause {
                return Ok(Resume::After(self.pause));
            }
        }
        Ok(Resume::Done)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn however_it_is_cut_and_interrupted_everything_is_read_once(
        ends in prop::collection::btree_set(0..4000_u64, 0..12),
        parts in 1..5_usize,
        pause_after in 1..2000_u64,
        pauses in any::<bool>(),
        workers in 1..5_usize,
    ) {
        let p = Pipeline::new();
        let pause = if pauses { Duration::from_micros(200) } else { Duration::ZERO };
        let below = Below { parts, pause_after: pause_after.max(100), pause };
        let read = collect(&p.create(ends.clone()).par_do_splittable(below));
        kit::run(kit::workers(workers), p);
        let expected: Vec<_> = ends.iter().flat_map(|end| (0..*end).map(move |n| (*end, n))).collect();
        prop_assert_eq!(read.sorted(), expected);
    }
}

/// An element, once it has been asked for so often.
#[derive(Clone)]
struct Asked(std::sync::Arc<std::sync::atomic::AtomicU64>);

impl SplittableFn<u64, u64> for Asked {
    type Restriction = OffsetRange;

    fn restriction(&self, _: &u64) -> Result<OffsetRange, BoxError> {
        Ok(OffsetRange::new(0, 1))
    }

    fn process(
        &self,
        element: &u64,
        cx: &mut SplittableCx<'_, OffsetRange, u64>,
    ) -> Result<Resume, BoxError> {
        if self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 5 {
            return Ok(Resume::After(Duration::from_secs(1)));
        }
        if cx.try_claim(&0) {
            cx.emit(*element);
        }
        Ok(Resume::Done)
    }
}

#[test]
fn what_waits_for_something_outside_when_a_script_is_over_still_comes() {
    for workers in [0, 1, 2] {
        let p = Pipeline::new();
        let read = flow_core::testing::stream::<u64>()
            .add([(7, Timestamp::from_secs(1))])
            .collection(&p)
            .par_do_splittable(Asked(std::sync::Arc::default()));
        let read = collect(&read);
        if workers == 0 {
            ReferenceRunner::new().run(p).unwrap();
        } else {
            kit::run(kit::workers(workers), p);
        }
        assert_eq!(read.values(), [7]);
    }
}
