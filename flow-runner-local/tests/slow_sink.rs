//! A sink slower than its source holds it up: what lies between them is bounded by the memory limit.
mod kit;

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::task::Poll;

use flow_core::prelude::*;
use flow_core::sink::{Commit, Committed, Delivery, Rejects, Writer, WriterContext};
use flow_core::testing::MemorySinks;
use flow_core::{Bundle, Result};

/// How many numbers were made and written, and how many there were at most between the two.
#[derive(Clone, Debug, Default)]
struct Gauge(Arc<[AtomicU64; 3]>);

impl Gauge {
    fn made(&self, n: u64) {
        let [made, written, most] = &*self.0;
        // Both go on meanwhile, so this may be a little off.
        let between = (made.fetch_add(n, SeqCst) + n).saturating_sub(written.load(SeqCst));
        most.fetch_max(between, SeqCst);
    }

    fn wrote(&self, n: u64) {
        self.0[1].fetch_add(n, SeqCst);
    }

    fn written(&self) -> u64 {
        self.0[1].load(SeqCst)
    }

    fn most(&self) -> u64 {
        self.0[2].load(SeqCst)
    }
}

/// Waits to be polled again many times before it takes a bundle.
#[derive(Clone, Debug)]
struct Slow(Gauge);

impl Sink<u64> for Slow {
    type Writer = SlowWriter;
    type Token = ();

    fn delivery(&self, _: bool) -> Delivery {
        Delivery::AtLeastOnce
    }

    fn open(&self, _: &WriterContext) -> Result<SlowWriter> {
        Ok(SlowWriter(self.0.clone()))
    }

    fn commit(&self, _: Commit<()>) -> impl Future<Output = Result<Committed<()>>> + Send + 'static {
        std::future::ready(Ok(Committed::default()))
    }
}

struct SlowWriter(Gauge);

impl Writer<u64> for SlowWriter {
    type Token = ();

    async fn write(&mut self, bundle: &mut Bundle<u64>, _: &mut Rejects<u64>) -> Result<()> {
        turns(100).await;
        self.0.wrote(bundle.len() as u64);
        bundle.clear();
        Ok(())
    }

    async fn prepare(&mut self, _: u64, _: Timestamp, _: &mut Rejects<u64>) -> Result<Vec<()>> {
        Ok(vec![])
    }
}

/// Is ready when it was polled so many times.
async fn turns(mut left: u32) {
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

const MEMORY: u64 = 1 << 20;
const NUMBERS: u64 = 400_000;

/// Numbers that the limit has room for, with what is outside of it: a bundle or two for each step and worker.
const BOUND: u64 = MEMORY / 8 + 30_000;

fn numbers(p: &Pipeline, gauge: &Gauge) -> PCollection<u64> {
    let gauge = gauge.clone();
    p.create(0..NUMBERS).inspect(move |_| gauge.made(1))
}

#[track_caller]
fn assert_bounded(p: Pipeline, gauge: &Gauge) {
    kit::run(kit::workers(2).with_memory_limit(MEMORY), p);
    assert_eq!(gauge.written(), NUMBERS);
    assert!(gauge.most() < BOUND, "{} elements between source and sink", gauge.most());
}

#[test]
fn a_source_waits_for_its_sink() {
    let (p, gauge) = (Pipeline::new(), Gauge::default());
    numbers(&p, &gauge).write(Slow(gauge.clone()));
    assert_bounded(p, &gauge);
}

#[test]
fn a_source_waits_for_a_sink_behind_a_reshuffle() {
    let (p, gauge) = (Pipeline::new(), Gauge::default());
    numbers(&p, &gauge).reshuffle().write(Slow(gauge.clone()));
    assert_bounded(p, &gauge);
}

#[test]
fn a_source_waits_for_a_sink_behind_state() {
    let (p, gauge) = (Pipeline::new(), Gauge::default());
    let passed = numbers(&p, &gauge).key_by(|n| n % 100).stateful(|_, n, (): &mut (), out| out.emit(n));
    passed.write(Slow(gauge.clone()));
    assert_bounded(p, &gauge);
}

#[test]
fn a_source_waits_for_the_slower_of_two_sinks() {
    let (p, gauge, fast) = (Pipeline::new(), Gauge::default(), MemorySinks::new());
    let numbers = numbers(&p, &gauge);
    numbers.write(fast.sink("fast"));
    numbers.write(Slow(gauge.clone()));
    assert_bounded(p, &gauge);
    assert_eq!(fast.values("fast").len() as u64, NUMBERS);
}

#[test]
fn a_source_waits_for_a_slow_call() {
    let (p, gauge) = (Pipeline::new(), Gauge::default());
    let written = gauge.clone();
    numbers(&p, &gauge)
        .map_async(64, |n| async move {
            turns(if n % 1000 == 0 { 1000 } else { 1 }).await;
            n
        })
        .for_each(move |_| written.wrote(1));
    assert_bounded(p, &gauge);
}

#[test]
fn a_source_waits_for_one_slow_call_before_many_fast_ones() {
    for ordered in [true, false] {
        let (p, gauge) = (Pipeline::new(), Gauge::default());
        let written = gauge.clone();
        let slow = |n: u64| async move {
            turns(if n == 0 { 20_000 } else { 0 }).await;
            n
        };
        let numbers = numbers(&p, &gauge);
        let called =
            if ordered { numbers.map_async(64, slow) } else { numbers.map_async_unordered(64, slow) };
        called.for_each(move |_| written.wrote(1));
        assert_bounded(p, &gauge);
    }
}

#[test]
fn a_large_group_goes_through_a_slow_sink_to_its_end() {
    let (p, gauge) = (Pipeline::new(), Gauge::default());
    p.create(0..NUMBERS).key_by(|n| *n).group_by_key().keys().write(Slow(gauge.clone()));
    kit::run(kit::workers(2).with_memory_limit(MEMORY), p);
    assert_eq!(gauge.written(), NUMBERS);
}

#[test]
fn a_large_group_goes_through_slow_calls_to_its_end() {
    let (p, gauge) = (Pipeline::new(), Gauge::default());
    let written = gauge.clone();
    let called = p.create(0..NUMBERS).key_by(|n| *n).group_by_key().keys().map_async(8, |n| async move {
        turns(2).await;
        n
    });
    called.for_each(move |_| written.wrote(1));
    kit::run(kit::workers(2).with_memory_limit(MEMORY), p);
    assert_eq!(gauge.written(), NUMBERS);
}
