//! A read that is under way is shared with workers that have nothing left to do.
mod kit;

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use flow_core::prelude::*;
use flow_core::source::{Next, Reader, ReaderContext};
use flow_core::testing::{collect, conformance};
use flow_core::{Bundle, Meta, Result};
use proptest::prelude::*;

/// The numbers below an end, each at its second: a few at a time, in one split.
#[derive(Clone)]
struct Below {
    end: u64,
    at_a_time: u64,
    /// The first reader stops half way until so many were opened.
    needed: u64,
    opened: Arc<AtomicU64>,
    /// What was acknowledged: where a reader began, and how far it came.
    acknowledged: Arc<Mutex<Vec<(u64, u64)>>>,
}

impl Below {
    fn new(end: u64, at_a_time: u64, needed: u64) -> Self {
        Below { end, at_a_time, needed, opened: Arc::default(), acknowledged: Arc::default() }
    }
}

impl Source for Below {
    type Item = u64;
    type Split = (u64, u64);
    type Position = (u64, u64);
    type Reader = BelowReader;

    fn is_bounded(&self) -> bool {
        true
    }

    fn splits(&self, _: usize) -> Result<Vec<(u64, u64)>> {
        Ok(vec![(0, self.end)])
    }

    fn reader(&self, split: &(u64, u64), from: Option<(u64, u64)>, _: &ReaderContext) -> Result<BelowReader> {
        self.opened.fetch_add(1, SeqCst);
        Ok(BelowReader { first: split.0, left: from.unwrap_or(*split), source: self.clone() })
    }

    fn split_off(&self, reader: &mut BelowReader) -> Option<(u64, u64)> {
        let (next, end) = reader.left;
        let middle = next + (end - next).div_ceil(2);
        reader.left.1 = middle;
        (middle < end).then_some((middle, end))
    }
}

struct BelowReader {
    first: u64,
    left: (u64, u64),
    source: Below,
}

impl Reader for BelowReader {
    type Item = u64;
    type Position = (u64, u64);

    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Bundle<u64>) -> Poll<Result<Next>> {
        let (next, end) = self.left;
        if next > self.source.end / 4 && self.source.opened.load(SeqCst) < self.source.needed {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let until = end.min(next + self.source.at_a_time);
        for number in next..until {
            out.push(number, Meta { time: Timestamp::from_secs(number as i64), ..Meta::default() });
        }
        self.left.0 = until;
        Poll::Ready(Ok(if until == end { Next::End } else { Next::More }))
    }

    fn watermark(&self) -> Timestamp {
        Timestamp::from_secs(self.left.0 as i64)
    }

    fn position(&self) -> (u64, u64) {
        self.left
    }

    fn commit(&mut self, (next, _): (u64, u64)) -> impl Future<Output = Result<()>> + Send + 'static {
        self.source.acknowledged.lock().unwrap().push((self.first, next));
        std::future::ready(Ok(()))
    }
}

#[test]
fn a_source_that_gives_away_is_lawful() {
    conformance::source(&Below::new(20, 3, 0), &(0..20).collect::<Vec<_>>());
}

#[test]
fn the_one_split_of_a_source_is_read_by_all_workers() {
    for workers in [2, 3, 4] {
        let source = Below::new(1000, 10, workers);
        let p = Pipeline::new();
        let numbers = collect(&p.read(source.clone()));
        kit::run(kit::workers(workers as usize), p);
        assert_eq!(numbers.sorted(), (0..1000).collect::<Vec<_>>());
        assert!(source.opened.load(SeqCst) >= workers);
    }
}

#[test]
fn every_part_is_acknowledged_to_its_end() {
    let source = Below::new(1000, 10, 4);
    let p = Pipeline::new();
    p.read(source.clone()).for_each(|_| {});
    kit::run(kit::workers(4), p);
    let mut parts = source.acknowledged.lock().unwrap().clone();
    parts.sort_unstable();
    assert!(parts.len() >= 4, "{parts:?}");
    let ends: Vec<u64> = parts.iter().map(|(_, end)| *end).collect();
    let firsts: Vec<u64> = parts.iter().map(|(first, _)| *first).chain([1000]).collect();
    assert_eq!((firsts[0], &firsts[1..]), (0, &ends[..]), "the parts do not make up the whole");
}

#[test]
fn nothing_that_was_given_away_is_late() {
    for workers in [1, 2, 4] {
        let p = Pipeline::new();
        let minutes =
            p.read(Below::new(6000, 7, workers)).window(Fixed::of(std::time::Duration::from_mins(1)));
        let factor = p.create([1_u64]).as_single();
        // A step with a view drops what is late by the watermark of its own worker, in front of any exchange.
        let counts =
            collect(&minutes.with(&factor).map(|_, one| *one).map(|one| ((), one)).sum_per_key().values());
        let report = kit::run(kit::workers(workers as usize), p);
        assert_eq!(counts.values(), vec![60; 100]);
        assert_eq!(report.step("map").unwrap().dropped_late, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn every_element_is_read_once(end in 0..3000_u64, at_a_time in 1..100_u64, workers in 1..5_usize) {
        let p = Pipeline::new();
        let numbers = collect(&p.read(Below::new(end, at_a_time, 0)));
        kit::run(kit::workers(workers), p);
        prop_assert_eq!(numbers.sorted(), (0..end).collect::<Vec<_>>());
    }
}
