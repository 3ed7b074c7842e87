//! A source on one worker.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Context;
use std::time::Duration;

use flow_core::exec::{BoxFuture, Cx, Driver, Epoch, Progress, Signal, SourceWatermark, StepId, guard};
use flow_core::{Result, Timestamp};

use crate::gates::Gates;

/// Splits of a source that no worker has taken yet.
pub(crate) type Splits = Arc<Mutex<VecDeque<Vec<u8>>>>;

/// A driver, and where it is.
pub(crate) struct SourceRun {
    pub(crate) step: StepId,
    pub(crate) gates: Gates,
    driver: Box<dyn Driver>,
    splits: Splits,
    /// All splits are open from the start.
    at_once: bool,
    scripted: bool,
    passed: Timestamp,
    idle: bool,
    since_watermark: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    /// Has nothing to say until its waker is called.
    Waiting,
    Ended,
}

/// How many bundles go by between two watermarks of a source that has more to say.
const WATERMARK_EVERY: u32 = 8;

impl SourceRun {
    pub(crate) fn new(
        step: StepId,
        driver: Box<dyn Driver>,
        splits: Splits,
        gates: Gates,
        at_once: bool,
        scripted: bool,
    ) -> Self {
        SourceRun {
            step,
            gates,
            driver,
            splits,
            at_once,
            scripted,
            passed: Timestamp::MIN,
            idle: false,
            since_watermark: 0,
            state: if scripted { State::Waiting } else { State::Reading },
        }
    }

    /// Opens this worker's share of splits that are read at once.
    pub(crate) fn open(&mut self, worker: usize, workers: usize) -> Result<()> {
        if self.at_once {
            let splits = self.splits.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for split in splits.iter().skip(worker).step_by(workers) {
                self.driver.open(split, None)?;
            }
        }
        Ok(())
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.state == State::Reading
    }

    /// Its waker was called.
    pub(crate) fn call(&mut self) {
        if self.state == State::Waiting && !self.scripted {
            self.state = State::Reading;
        }
    }

    /// Reads about a bundle; true if something moved.
    pub(crate) fn read(&mut self, idle_timeout: Duration, cx: &mut Cx) -> Result<bool> {
        let waker = cx.waker.clone();
        let progress = guard(cx, |cx| self.driver.poll(&mut Context::from_waker(&waker), cx))?;
        match progress {
            Progress::Moved => {
                self.since_watermark += 1;
                if self.since_watermark >= WATERMARK_EVERY {
                    self.pass_watermark(idle_timeout, cx)?;
                }
                Ok(true)
            }
            Progress::Pending => {
                self.state = State::Waiting;
                self.pass_watermark(idle_timeout, cx)?;
                Ok(false)
            }
            Progress::Done => self.next_split(cx),
        }
    }

    fn next_split(&mut self, cx: &mut Cx) -> Result<bool> {
        if !self.at_once {
            let split = self.splits.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            if let Some(split) = split {
                cx.enter(self.step);
                guard(cx, |cx| self.driver.open(&split, None).map_err(|e| cx.error_here(e)))?;
                return Ok(true);
            }
        }
        self.end(cx)?;
        Ok(true)
    }

    /// No more is read: the watermark goes to plus infinity.
    pub(crate) fn end(&mut self, cx: &mut Cx) -> Result<()> {
        if self.state != State::Ended {
            self.state = State::Ended;
            self.signal(Signal::Watermark(Timestamp::MAX), cx)?;
        }
        Ok(())
    }

    /// Says how far the source is, if that has changed.
    pub(crate) fn pass_watermark(&mut self, idle_timeout: Duration, cx: &mut Cx) -> Result<()> {
        self.since_watermark = 0;
        if self.is_ended() || self.scripted || self.has_splits_left() {
            return Ok(());
        }
        cx.enter(self.step);
        match guard(cx, |cx| Ok(self.driver.watermark(cx.now - idle_timeout)))? {
            SourceWatermark::At(to) if to > self.passed || self.idle => {
                self.idle = false;
                self.passed = to.max(self.passed);
                self.signal(Signal::Watermark(self.passed), cx)
            }
            SourceWatermark::Idle if self.at_once && !self.idle => {
                self.idle = true;
                self.signal(Signal::Idle, cx)
            }
            _ => Ok(()),
        }
    }

    /// A split that nobody reads yet may hold anything.
    fn has_splits_left(&self) -> bool {
        !self.at_once && !self.splits.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(crate) fn play(&mut self, step: usize, mine: bool, cx: &mut Cx) -> Result<()> {
        guard(cx, |cx| self.driver.play(step, mine, cx))
    }

    pub(crate) fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        guard(cx, |cx| self.driver.signal(signal, cx))
    }

    pub(crate) fn commit(&mut self, epoch: Epoch, cx: &mut Cx) -> Result<Vec<BoxFuture<Result<()>>>> {
        cx.enter(self.step);
        guard(cx, |_| Ok(self.driver.commit(epoch)))
    }
}
