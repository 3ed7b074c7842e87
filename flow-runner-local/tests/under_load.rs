//! What does not wait for the sources to rest, since they may have something to say all the time.
mod kit;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::source::{Next, Reader, ReaderContext, Source};
use flow_core::splittable::Growth;
use flow_core::{Bundle, Meta, Result};

/// Seconds one after the other, without a pause, until it is enough; or until there are very many.
struct Seconds {
    enough: Arc<AtomicBool>,
    read: Arc<AtomicI64>,
}

struct SecondsReader {
    next: i64,
    enough: Arc<AtomicBool>,
    read: Arc<AtomicI64>,
}

const MOST: i64 = 1_000_000;

impl Source for Seconds {
    type Item = i64;
    type Split = ();
    type Position = ();
    type Reader = SecondsReader;

    fn is_bounded(&self) -> bool {
        false
    }

    fn splits(&self, _: usize) -> Result<Vec<()>> {
        Ok(vec![()])
    }

    fn reader(&self, (): &(), _: Option<()>, _: &ReaderContext) -> Result<SecondsReader> {
        Ok(SecondsReader { next: 0, enough: Arc::clone(&self.enough), read: Arc::clone(&self.read) })
    }
}

impl Reader for SecondsReader {
    type Item = i64;
    type Position = ();

    fn poll_next(&mut self, _: &mut Context<'_>, out: &mut Bundle<i64>) -> Poll<Result<Next>> {
        if self.next >= MOST || self.enough.load(SeqCst) {
            return Poll::Ready(Ok(Next::End));
        }
        for second in self.next..self.next + 20 {
            out.push(second, Meta { time: Timestamp::from_secs(second), ..Meta::default() });
        }
        self.next += 20;
        self.read.store(self.next, SeqCst);
        Poll::Ready(Ok(Next::More))
    }

    fn watermark(&self) -> Timestamp {
        Timestamp::from_secs(self.next)
    }

    fn position(&self) {}
}

#[test]
fn what_waits_for_a_view_of_its_own_source_goes_on_while_that_is_busy() {
    for workers in [1, 2] {
        let (enough, read, p) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)), Pipeline::new());
        let source = Seconds { enough: Arc::clone(&enough), read: Arc::clone(&read) };
        let seconds = p.read(source).window(Fixed::of(Duration::from_mins(1)));
        let minute = seconds.as_list();
        seconds.with(&minute).map(|_, minute| minute.len()).for_each(move |_| enough.store(true, SeqCst));
        kit::run(kit::workers(workers), p);
        let read = read.load(SeqCst);
        assert!(read < MOST, "{read} seconds were read before the first were looked up");
    }
}

#[test]
fn what_is_looked_at_every_so_often_is_while_a_source_is_busy() {
    let (enough, read, p) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)), Pipeline::new());
    let source = Seconds { enough: Arc::clone(&enough), read: Arc::clone(&read) };
    p.read(source).for_each(|_| {});
    let looks = AtomicI64::new(0);
    let watched = p.create([0]).watch(Watch::every(Duration::from_millis(1)), move |_| {
        let looks = looks.fetch_add(1, SeqCst);
        let found = Growth::of(0..looks);
        Ok::<_, BoxError>(if looks == 3 { found.complete() } else { found })
    });
    watched.for_each(move |(_, look)| enough.store(*look == 2, SeqCst));
    kit::run(kit::workers(1), p);
    let read = read.load(SeqCst);
    assert!(read < MOST, "{read} seconds were read before the third look");
}

#[test]
fn a_run_ends_although_a_view_is_loaded_all_the_time() {
    for workers in [1, 2] {
        let p = Pipeline::new();
        // Takes longer than its period, and does so on the worker.
        let view = p.refreshing(Duration::from_millis(1), || {
            let until = millis() + 3;
            while millis() < until {
                std::hint::spin_loop();
            }
            async { Ok::<_, BoxError>(7) }
        });
        let seen = flow_core::testing::collect(&p.create([1, 2]).with(&view).map(|n, view| n * view));
        kit::run(kit::workers(workers), p);
        assert_eq!(seen.sorted(), [7, 14]);
    }
}

#[expect(clippy::disallowed_methods, reason = "work that takes its time")]
fn millis() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_millis()
}
