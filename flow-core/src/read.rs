//! Sources in the graph.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::exec::{
    AnyOutput, BoxFuture, Cx, Driver, Epoch, Output, Progress, ReadOp, ReadTo, Signal, SourceWatermark,
    StepId, decode_record, planted, typed,
};
use crate::metrics::Metrics;
use crate::source::{Next, Reader, ReaderContext, Source};
use crate::{Bundle, Error, ErrorKind, Result, StepLabel, Timestamp};

/// A source in the graph.
pub(crate) struct Read<S> {
    source: Arc<S>,
    metrics: Metrics,
}

impl<S: Source> Read<S> {
    pub(crate) fn new(source: S, metrics: Metrics) -> Self {
        Read { source: Arc::new(source), metrics }
    }
}

impl<S: Source> ReadOp for Read<S> {
    fn is_bounded(&self) -> bool {
        self.source.is_bounded()
    }

    fn reads_splits_at_once(&self) -> bool {
        self.source.reads_splits_at_once()
    }

    fn splits(&self, desired: usize) -> Result<Vec<Vec<u8>>> {
        self.source.splits(desired)?.iter().map(encode).collect()
    }

    fn lease(&self) -> Option<Duration> {
        self.source.lease()
    }

    fn driver(&self, step: StepId, label: &StepLabel, output: AnyOutput) -> Box<dyn Driver> {
        let metrics = self.metrics.of_step(&label.name);
        Box::new(Reading::<S> {
            step,
            context: ReaderContext { step: label.name.clone(), metrics, ..ReaderContext::default() },
            source: Arc::clone(&self.source),
            output: typed(output),
            open: Vec::new(),
            ended: Vec::new(),
            turn: 0,
            bundle: Bundle::default(),
        })
    }
}

struct Reading<S: Source> {
    step: StepId,
    context: ReaderContext,
    source: Arc<S>,
    output: Output<S::Item>,
    open: Vec<Slot<S::Reader>>,
    /// Those that have ended and are not committed yet.
    ended: Vec<Slot<S::Reader>>,
    /// The reader whose turn it is.
    turn: usize,
    bundle: Bundle<S::Item>,
}

struct Slot<R: Reader> {
    reader: R,
    /// As it was opened.
    split: Vec<u8>,
    /// Since when it has had nothing to say, and its watermark then.
    quiet: Cell<Option<(Timestamp, Timestamp)>>,
    /// A barrier has marked its end.
    end_marked: bool,
    /// Positions at barriers that are not committed yet.
    marks: VecDeque<(Epoch, R::Position)>,
}

impl<R: Reader> Slot<R> {
    /// Its watermark, unless it has had nothing to say for too long. One whose watermark moves by itself, as the clock
    /// does, says something although nobody asks it for elements.
    fn watermark(&self, now: Timestamp, idle_before: Timestamp) -> Option<Timestamp> {
        let watermark = self.reader.watermark();
        match self.quiet.get() {
            Some((since, before)) if before == watermark => (since > idle_before).then_some(watermark),
            Some(_) => {
                self.quiet.set(Some((now, watermark)));
                Some(watermark)
            }
            None => Some(watermark),
        }
    }
}

impl<S: Source> Reading<S> {
    /// Reads from the reader whose turn it is; true if it did something.
    fn read(&mut self, task: &mut Context<'_>, cx: &mut Cx) -> Result<bool> {
        // Steps have rewritten its columns; a reader adds values alone where it knows no more.
        self.bundle = Bundle::of(std::mem::take(&mut self.bundle.values));
        let slot = &mut self.open[self.turn];
        let next = match slot.reader.poll_next(task, &mut self.bundle) {
            Poll::Pending => {
                let watermark = slot.reader.watermark();
                if slot.quiet.get().is_none_or(|(_, before)| before != watermark) {
                    slot.quiet.set(Some((cx.now, watermark)));
                }
                return Ok(false);
            }
            Poll::Ready(next) => next.map_err(|e| cx.error_here(e))?,
        };
        slot.quiet.set(None);
        // Planted: a position is of the moment at which the barrier has passed all steps, not of that at which it began.
        if planted("positions-of-later") {
            let mut told = cx.read_to.iter_mut();
            if let Some(told) = told.find(|told| told.step == self.step && told.split == slot.split) {
                told.position = encode(&slot.reader.position())?;
            }
        }
        if next == Next::End {
            self.ended.push(self.open.swap_remove(self.turn));
        }
        if !self.bundle.is_empty() {
            cx.enter_with(self.step, self.bundle.len());
            cx.emitted(self.step, self.bundle.len());
            self.output.bundle(&mut self.bundle, cx)?;
            self.bundle.clear();
        }
        Ok(true)
    }
}

impl<S: Source> Reading<S> {
    /// In a durable run, says how far the open splits have been read. Those that have ended are read no more.
    fn save(&mut self, cx: &mut Cx) -> Result<()> {
        let Some(whole) = cx.saving.as_ref().map(|saving| saving.whole) else { return Ok(()) };
        for slot in &self.open {
            let position = encode(&slot.reader.position()).map_err(|e| cx.error_here(e))?;
            cx.read_to.push(ReadTo { step: self.step, split: slot.split.clone(), position });
        }
        for slot in self.open.iter_mut().chain(&mut self.ended) {
            let (remembered, saving) = (slot.reader.remember(whole), cx.saving_of(self.step));
            if let (Some(remembered), Some(mut saving)) = (remembered, saving) {
                saving.put_for_all(&remembered).map_err(|e| cx.error_here(e))?;
            }
        }
        Ok(())
    }
}

impl<S: Source> Driver for Reading<S> {
    fn open(&mut self, split: &[u8], position: Option<&[u8]>, now: Timestamp) -> Result<()> {
        self.context.clock.set(now);
        let encoded = split.to_vec();
        let split: S::Split = decode(split)?;
        let position = position.map(decode::<S::Position>).transpose()?;
        let reader = self.source.reader(&split, position, &self.context)?;
        self.open.push(Slot {
            reader,
            split: encoded,
            quiet: Cell::default(),
            end_marked: false,
            marks: VecDeque::new(),
        });
        Ok(())
    }

    fn restore(&mut self, records: &[Vec<u8>]) -> Result<()> {
        let remembered = records.iter().map(|record| decode_record(record)).collect::<Result<_>>()?;
        self.context.remembered = Arc::new(remembered);
        Ok(())
    }

    fn poll(&mut self, task: &mut Context<'_>, cx: &mut Cx) -> Result<Progress> {
        cx.enter(self.step);
        self.context.clock.set(cx.now);
        for _ in 0..self.open.len() {
            self.turn = (self.turn + 1) % self.open.len();
            if self.read(task, cx)? {
                return Ok(Progress::Moved);
            }
        }
        Ok(if self.open.is_empty() { Progress::Done } else { Progress::Pending })
    }

    fn split_off(&mut self) -> Result<Option<(Vec<u8>, Timestamp)>> {
        for slot in &mut self.open {
            if let Some(split) = self.source.split_off(&mut slot.reader) {
                return Ok(Some((encode(&split)?, slot.reader.watermark())));
            }
        }
        Ok(None)
    }

    fn watermark(&self, now: Timestamp, idle_before: Timestamp) -> SourceWatermark {
        self.context.clock.set(now);
        if self.open.is_empty() {
            return SourceWatermark::NoSplit;
        }
        let counting = self.open.iter().filter_map(|slot| slot.watermark(now, idle_before));
        counting.min().map_or(SourceWatermark::Idle, SourceWatermark::At)
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        cx.enter(self.step);
        if let Signal::Barrier { epoch, .. } = signal {
            self.save(cx)?;
            for slot in &mut self.open {
                slot.marks.push_back((epoch, slot.reader.position()));
            }
            for slot in self.ended.iter_mut().filter(|slot| !slot.end_marked) {
                slot.marks.push_back((epoch, slot.reader.position()));
                slot.end_marked = true;
            }
        }
        self.output.signal(signal, cx)
    }

    fn commit(&mut self, epoch: Epoch) -> Vec<BoxFuture<Result<()>>> {
        let mut commits: Vec<BoxFuture<Result<()>>> = Vec::new();
        for slot in self.open.iter_mut().chain(&mut self.ended) {
            let mut last = None;
            while slot.marks.front().is_some_and(|(marked, _)| *marked <= epoch) {
                last = slot.marks.pop_front();
            }
            if let Some((_, position)) = last {
                commits.push(Box::pin(slot.reader.commit(position)));
            }
        }
        self.ended.retain(|slot| !slot.end_marked || !slot.marks.is_empty());
        commits
    }
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    postcard::to_stdvec(value)
        .map_err(|e| Error::new(ErrorKind::Source, "a source's split does not encode").caused_by(e))
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    postcard::from_bytes(bytes).map_err(|e| {
        Error::new(ErrorKind::Source, "a source's split or position does not decode").caused_by(e)
    })
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::exec::CollectionOf;
    use crate::exec::CollectionOp;
    use crate::memory::Create;

    #[test]
    fn a_split_that_ends_behind_a_barrier_is_still_committed_to_its_end() {
        let read = Read::new(Create::new(vec![1, 2, 3]), Metrics::default());
        let label = StepLabel { name: "create".into(), location: std::panic::Location::caller() };
        let mut driver = read.driver(StepId(0), &label, CollectionOf::<i32>::new().tee(Vec::new()));
        let mut cx = Cx::new([label].into(), Waker::noop().clone(), None);
        let barrier = |epoch| Signal::Barrier { epoch, last: false, since: epoch + 1 };
        driver.open(&read.splits(1).unwrap()[0], None, Timestamp::MIN).unwrap();
        driver.signal(barrier(1), &mut cx).unwrap();
        driver.poll(&mut Context::from_waker(Waker::noop()), &mut cx).unwrap();
        assert_eq!(driver.commit(1).len(), 1);
        driver.signal(barrier(2), &mut cx).unwrap();
        assert_eq!(driver.commit(2).len(), 1);
        driver.signal(barrier(3), &mut cx).unwrap();
        assert_eq!(driver.commit(3).len(), 0);
    }
}
