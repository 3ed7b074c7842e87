//! The suites for sources and sinks: what they accept, and which law they name when one is broken.

use std::future::{Future, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use flow_core::sink::{Commit, Committed, Delivery, Rejects, Sink, Writer, WriterContext};
use flow_core::source::{Next, Reader, ReaderContext, Source};
use flow_core::testing::{MemorySink, MemorySinks, conformance, faults::SlowSink};
use flow_core::{Bundle, Result, Timestamp};

/// What a suite says that fails.
fn broken(suite: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(suite)).expect_err("a law is broken");
    *panic.downcast::<String>().expect("a law with its values")
}

/// The numbers to five, one a batch, in two splits, with one of the faults below.
#[derive(Clone, Copy)]
struct Numbers(Fault);

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    SkipsOnResume,
    ResumesAtStart,
    LosesOneInTwoSplits,
    WatermarkGoesBack,
    AppendsAndIsPending,
    KeepsWhatItGivesAway,
    ForgetsThatItGaveAway,
    Unbounded,
}

impl Source for Numbers {
    type Item = u32;
    type Split = (u32, u32);
    type Position = u32;
    type Reader = Count;

    fn is_bounded(&self) -> bool {
        self.0 != Fault::Unbounded
    }

    fn splits(&self, desired: usize) -> Result<Vec<(u32, u32)>> {
        let second = if self.0 == Fault::LosesOneInTwoSplits { 4 } else { 3 };
        Ok(if desired == 1 { vec![(1, 5)] } else { vec![(1, 2), (second, 5)] })
    }

    fn reader(&self, split: &(u32, u32), from: Option<u32>, _: &ReaderContext) -> Result<Count> {
        let skipped = u32::from(self.0 == Fault::SkipsOnResume);
        let resumed = from.filter(|_| self.0 != Fault::ResumesAtStart).map(|from| from + skipped);
        Ok(Count { fault: self.0, next: resumed.unwrap_or(split.0), end: split.1 })
    }

    fn split_off(&self, reader: &mut Count) -> Option<(u32, u32)> {
        let last = (reader.end, reader.end);
        match self.0 {
            Fault::KeepsWhatItGivesAway => Some(last),
            // The position, which is the next number alone, does not tell the new end.
            Fault::ForgetsThatItGaveAway => {
                reader.end -= 1;
                Some(last)
            }
            _ => None,
        }
    }
}

struct Count {
    fault: Fault,
    next: u32,
    end: u32,
}

impl Reader for Count {
    type Item = u32;
    type Position = u32;

    fn poll_next(&mut self, task: &mut Context<'_>, out: &mut Bundle<u32>) -> Poll<Result<Next>> {
        if self.next > self.end {
            let waits = self.fault == Fault::Unbounded;
            return if waits { Poll::Pending } else { Poll::Ready(Ok(Next::End)) };
        }
        out.values.push(self.next);
        if self.fault == Fault::AppendsAndIsPending {
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.next += 1;
        Poll::Ready(Ok(Next::More))
    }

    fn watermark(&self) -> Timestamp {
        let back = if self.fault == Fault::WatermarkGoesBack { -1 } else { 1 };
        Timestamp::from_secs(back * i64::from(self.next))
    }

    fn position(&self) -> u32 {
        self.next
    }
}

#[test]
fn a_source_that_keeps_all_laws_passes() {
    conformance::source(&Numbers(Fault::None), &[1, 2, 3, 4, 5]);
}

#[test]
fn a_source_without_an_end_passes_once_it_has_given_everything() {
    conformance::source(&Numbers(Fault::Unbounded), &[5, 4, 3, 2, 1]);
}

#[test]
fn a_source_that_breaks_a_law_is_told_which() {
    let table = [
        (Fault::SkipsOnResume, "resumed at 1 of (1, 2): missing are [1], and too much are []"),
        (Fault::ResumesAtStart, "resumed at 2 of (1, 2): missing are [], and too much are [1]"),
        (Fault::LosesOneInTwoSplits, "in 2 splits (2 asked for): missing are [3], and too much are []"),
        (Fault::WatermarkGoesBack, "the watermark of (1, 5) went back"),
        (Fault::KeepsWhatItGivesAway, "(2, 2) given away: missing are [], and too much are [2]"),
        (
            Fault::ForgetsThatItGaveAway,
            "of which (2, 2) was given away: missing are [], and too much are [2]",
        ),
        (Fault::AppendsAndIsPending, "(1, 5) returned `Poll::Pending` and appended elements"),
    ];
    for (fault, law) in table {
        let said = broken(|| conformance::source(&Numbers(fault), &[1, 2, 3, 4, 5]));
        assert!(said.contains(law), "{said}");
    }
}

#[test]
fn sinks_in_memory_keep_all_laws_also_when_slow() {
    let sinks = MemorySinks::new();
    let mut places = (0..).map(|n| format!("place {n}"));
    let place = || sinks.sink(&places.next().unwrap());
    conformance::sink(place, &[1, 2, 2, 3, 4], MemorySink::values);
    let slow = || SlowSink::new(sinks.sink(&places.next().unwrap()), 3);
    conformance::sink(slow, &[1, 2, 2, 3, 4], |sink| sink.inner().values());
}

/// A sink whose tokens are the elements, with one of the faults below.
#[derive(Clone)]
struct Shelf {
    fault: ShelfFault,
    delivery: Delivery,
    visible: Arc<Mutex<Vec<u32>>>,
    committed: Arc<Mutex<Vec<u64>>>,
}

#[derive(Clone, Copy, PartialEq)]
enum ShelfFault {
    None,
    VisibleAtWrite,
    VisibleAtPrepare,
    CommitsTwice,
    LosesTheSecondWriter,
    LeavesTheBundle,
}

impl Shelf {
    fn new(fault: ShelfFault, delivery: Delivery) -> Self {
        Shelf { fault, delivery, visible: Arc::default(), committed: Arc::default() }
    }

    fn values(&self) -> Vec<u32> {
        self.visible.lock().unwrap().clone()
    }
}

struct ShelfWriter {
    shelf: Shelf,
    lost: bool,
    waiting: Vec<u32>,
}

impl Sink<u32> for Shelf {
    type Writer = ShelfWriter;
    type Token = Vec<u32>;

    fn delivery(&self, _: bool) -> Delivery {
        self.delivery
    }

    fn open(&self, cx: &WriterContext) -> Result<ShelfWriter> {
        let lost = self.fault == ShelfFault::LosesTheSecondWriter && cx.worker == 1;
        Ok(ShelfWriter { shelf: self.clone(), lost, waiting: Vec::new() })
    }

    fn commit(
        &self,
        commit: Commit<Vec<u32>>,
    ) -> impl Future<Output = Result<Committed<Vec<u32>>>> + Send + 'static {
        let mut committed = self.committed.lock().unwrap();
        if self.fault == ShelfFault::CommitsTwice || !committed.contains(&commit.epoch) {
            committed.push(commit.epoch);
            self.visible.lock().unwrap().extend(commit.tokens.into_iter().flatten());
        }
        ready(Ok(Committed::default()))
    }
}

impl Writer<u32> for ShelfWriter {
    type Token = Vec<u32>;

    async fn write(&mut self, bundle: &mut Bundle<u32>, _: &mut Rejects<u32>) -> Result<()> {
        match self.shelf.fault {
            ShelfFault::VisibleAtWrite => self.shelf.visible.lock().unwrap().append(&mut bundle.values),
            ShelfFault::LeavesTheBundle => self.waiting.extend_from_slice(&bundle.values),
            _ => self.waiting.append(&mut bundle.values),
        }
        Ok(())
    }

    async fn prepare(&mut self, _: u64, _: Timestamp, _: &mut Rejects<u32>) -> Result<Vec<Vec<u32>>> {
        if self.shelf.fault == ShelfFault::VisibleAtPrepare {
            self.shelf.visible.lock().unwrap().append(&mut self.waiting);
        }
        let token = std::mem::take(&mut self.waiting);
        Ok(if self.lost { Vec::new() } else { vec![token] })
    }
}

fn check(fault: ShelfFault, delivery: Delivery) {
    conformance::sink(|| Shelf::new(fault, delivery), &[1, 2, 3, 4], Shelf::values);
}

#[test]
fn a_sink_that_keeps_all_laws_passes() {
    check(ShelfFault::None, Delivery::EffectivelyOnce);
}

#[test]
fn a_sink_that_promises_less_may_show_elements_early_and_twice() {
    check(ShelfFault::VisibleAtWrite, Delivery::AtLeastOnce);
    check(ShelfFault::CommitsTwice, Delivery::AtLeastOnce);
}

#[test]
fn a_sink_that_breaks_a_law_is_told_which() {
    let table = [
        (ShelfFault::VisibleAtWrite, "something became visible by a write alone: [1, 2]"),
        (ShelfFault::VisibleAtPrepare, "something became visible before its commit: [1, 2]"),
        (ShelfFault::CommitsTwice, "a repeated commit changes what is visible: [] went, [1, 2] came"),
        (ShelfFault::LosesTheSecondWriter, "after the last commit these elements are not visible: [2, 4]"),
        (ShelfFault::LeavesTheBundle, "a write left elements in its bundle: [1]"),
    ];
    for (fault, law) in table {
        let said = broken(|| check(fault, Delivery::EffectivelyOnce));
        assert!(said.contains(law), "{said}");
    }
}
