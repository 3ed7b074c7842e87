//! A source on one worker.

use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use flow_core::exec::{
    BoxFuture, Cx, Driver, Epoch, Progress, ReadOp, Signal, SourceWatermark, StepId, guard, planted,
};
use flow_core::{Result, Timestamp};

use crate::gates::Gates;
use crate::splits::{Part, Splits, Take};

/// A driver, and where it is.
pub(crate) struct SourceRun {
    pub(crate) step: StepId,
    pub(crate) gates: Gates,
    driver: Box<dyn Driver>,
    worker: usize,
    splits: Arc<Splits>,
    kind: Kind,
    /// The last barrier, while an auxiliary source may not end.
    last: Option<Signal>,
    passed: Timestamp,
    idle: bool,
    since_watermark: u32,
    state: State,
    /// The epoch that is under way here.
    epoch: Epoch,
}

/// Where its splits come from, and what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// They are taken one by one.
    OneByOne,
    /// All are open from the start.
    AtOnce,
    /// It plays a script, and has none.
    Scripted,
    /// All are open from the start; it serves other sources, and ends with the last barrier.
    Auxiliary,
}

impl Kind {
    fn of(read: &dyn ReadOp) -> Self {
        match read {
            _ if read.is_scripted() => Kind::Scripted,
            _ if read.is_auxiliary() => Kind::Auxiliary,
            _ if read.reads_splits_at_once() => Kind::AtOnce,
            _ => Kind::OneByOne,
        }
    }
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
        read: &dyn ReadOp,
        driver: Box<dyn Driver>,
        worker: usize,
        splits: Arc<Splits>,
        gates: Gates,
    ) -> Self {
        let kind = Kind::of(read);
        SourceRun {
            step,
            gates,
            driver,
            worker,
            splits,
            kind,
            last: None,
            passed: Timestamp::MIN,
            idle: false,
            since_watermark: 0,
            state: if kind == Kind::Scripted { State::Waiting } else { State::Reading },
            epoch: 1,
        }
    }

    /// Opens this worker's share of splits that are read at once.
    pub(crate) fn open(&mut self, workers: usize, now: Timestamp) -> Result<()> {
        if self.kind != Kind::OneByOne {
            for part in self.splits.all().iter().skip(self.worker).step_by(workers) {
                self.driver.open(&part.split, part.position.as_deref(), now)?;
            }
        }
        Ok(())
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// It only serves others, and ends with the last barrier.
    pub(crate) fn is_auxiliary(&self) -> bool {
        self.kind == Kind::Auxiliary
    }

    /// Has something to say for itself before a script may go on.
    pub(crate) fn is_loading(&self, now: Timestamp) -> bool {
        self.is_auxiliary() && !self.is_ended() && self.driver.deadline().is_none_or(|at| at <= now)
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.state == State::Reading
    }

    /// The processing time at which it goes on by itself.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        (self.state == State::Waiting).then(|| self.driver.deadline()).flatten()
    }

    /// Its waker was called, or its time has come.
    pub(crate) fn call(&mut self) {
        if self.state == State::Waiting && self.kind != Kind::Scripted {
            self.state = State::Reading;
        }
    }

    /// Reads about a bundle; true if something moved.
    pub(crate) fn read(&mut self, idle_timeout: Duration, cx: &mut Cx) -> Result<bool> {
        let waker = cx.waker.clone();
        let progress = guard(cx, |cx| self.driver.poll(&mut Context::from_waker(&waker), cx))?;
        if self.splits.is_wanted() && progress != Progress::Done {
            self.give_away(cx)?;
        }
        match progress {
            Progress::Moved => {
                self.since_watermark += 1;
                if self.since_watermark >= WATERMARK_EVERY {
                    self.pass_watermark(idle_timeout, cx)?;
                }
                if self.driver.may_end()
                    && let Some(last) = self.last.take()
                {
                    self.barrier(last, cx)?;
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
        if self.kind == Kind::OneByOne {
            match self.splits.take(self.worker, self.epoch, &cx.waker) {
                Take::Split(Part { split, position, .. }) => {
                    cx.enter(self.step);
                    guard(cx, |cx| {
                        self.driver.open(&split, position.as_deref(), cx.now).map_err(|e| cx.error_here(e))
                    })?;
                    return Ok(true);
                }
                Take::Wait => {
                    self.state = State::Waiting;
                    return Ok(false);
                }
                Take::End => {}
            }
        }
        self.end(cx)?;
        Ok(true)
    }

    /// Leaves a part of what it reads to a worker that waits.
    fn give_away(&mut self, cx: &mut Cx) -> Result<()> {
        cx.enter(self.step);
        let given = guard(cx, |cx| self.driver.split_off().map_err(|e| cx.error_here(e)))?;
        if let Some((split, from)) = given {
            self.splits.give(Part { split, position: None, from, given: self.epoch });
        }
        Ok(())
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
        if self.is_ended() || self.kind == Kind::Scripted {
            return Ok(());
        }
        cx.enter(self.step);
        let own = guard(cx, |cx| Ok(self.driver.watermark(cx.now, cx.now - idle_timeout)))?;
        match self.among_workers(own) {
            SourceWatermark::At(to) if to > self.passed || self.idle => {
                self.idle = false;
                self.passed = to.max(self.passed);
                self.signal(Signal::Watermark(self.passed), cx)
            }
            SourceWatermark::Idle if self.kind != Kind::OneByOne && !self.idle => {
                self.idle = true;
                self.signal(Signal::Idle, cx)
            }
            _ => Ok(()),
        }
    }

    /// Splits that are taken one by one may go to any worker: how far one is, all others are.
    fn among_workers(&self, own: SourceWatermark) -> SourceWatermark {
        let at = match own {
            _ if self.kind != Kind::OneByOne => return own,
            SourceWatermark::At(at) => Some(at),
            SourceWatermark::Idle => Some(Timestamp::MIN),
            SourceWatermark::NoSplit => None,
        };
        self.splits.watermark(self.worker, at).map_or(SourceWatermark::NoSplit, SourceWatermark::At)
    }

    pub(crate) fn play(&mut self, step: usize, mine: bool, cx: &mut Cx) -> Result<()> {
        guard(cx, |cx| self.driver.play(step, mine, cx))
    }

    /// Passes a barrier on. By the last all others have ended, and what serves them ends in front of it, once it may.
    pub(crate) fn barrier(&mut self, barrier: Signal, cx: &mut Cx) -> Result<()> {
        if matches!(barrier, Signal::Barrier { last: true, .. }) {
            if !self.is_ended() && !self.driver.may_end() {
                self.last = Some(barrier);
                return Ok(());
            }
            self.end(cx)?;
        }
        self.signal(barrier, cx)?;
        if let Signal::Barrier { epoch, .. } = barrier {
            self.epoch = epoch + 1;
            if self.kind == Kind::OneByOne {
                self.call(); // what was given away behind this barrier may be taken now
            }
        }
        Ok(())
    }

    /// Goes on where an earlier run was when this epoch ended.
    pub(crate) fn restore(&mut self, epoch: Epoch, watermark: Timestamp, records: &[Vec<u8>]) -> Result<()> {
        self.epoch = epoch + 1;
        // Planted: what was late becomes on time again.
        if !planted("watermark-not-restored") {
            self.passed = watermark;
        }
        self.driver.restore(records)
    }

    /// Says how far an earlier run was, so that all know from the start what is late.
    pub(crate) fn tell_restored(&mut self, cx: &mut Cx) -> Result<()> {
        if self.passed == Timestamp::MIN || self.passed == Timestamp::MAX || self.is_ended() {
            return Ok(());
        }
        self.signal(Signal::Watermark(self.passed), cx)
    }

    /// How far it said that it is.
    pub(crate) fn watermark(&self) -> Timestamp {
        if self.is_ended() { Timestamp::MAX } else { self.passed }
    }

    pub(crate) fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        guard(cx, |cx| self.driver.signal(signal, cx))
    }

    pub(crate) fn commit(&mut self, epoch: Epoch, cx: &mut Cx) -> Result<Vec<BoxFuture<Result<()>>>> {
        cx.enter(self.step);
        guard(cx, |_| Ok(self.driver.commit(epoch)))
    }
}
