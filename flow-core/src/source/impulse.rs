use std::task::Context;
use std::time::Duration;

use crate::exec::{
    AnyOutput, BoxFuture, Cx, Driver, Epoch, Output, Progress, ReadOp, ReadTo, Signal, SourceWatermark,
    StepId, decode_record, encode_record, typed,
};
use crate::{Bundle, Meta, Result, StepLabel, Timestamp};

/// When [`periodic_impulse`](crate::Pipeline::periodic_impulse) ticks: every so often, from a moment on, perhaps to
/// an end. A `Duration` alone ticks from the start of the run without end.
///
/// ```
/// use flow_core::prelude::*;
/// use std::time::Duration;
/// let p = Pipeline::new();
/// let hour = Impulse::every(Duration::from_mins(20)).starting(Timestamp::from_secs(0)).until(Timestamp::from_secs(3600));
/// let ticks = flow_core::testing::collect(&p.periodic_impulse(hour));
/// ReferenceRunner::new().run(p)?;
/// assert_eq!(ticks.values(), [0, 1200, 2400].map(Timestamp::from_secs));
/// # Ok::<(), flow_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Impulse {
    every: Duration,
    start: Option<Timestamp>,
    end: Timestamp,
}

impl Impulse {
    /// A tick every `period`, from the moment at which the run begins to read.
    pub fn every(period: Duration) -> Self {
        Impulse { every: period, start: None, end: Timestamp::END_OF_GLOBAL_WINDOW }
    }

    /// The first tick is at `start`. Ticks that have passed when the run begins come at once.
    #[must_use]
    pub fn starting(mut self, start: Timestamp) -> Self {
        self.start = Some(start);
        self
    }

    /// All ticks lie before `end`; with the last of them the collection ends.
    #[must_use]
    pub fn until(mut self, end: Timestamp) -> Self {
        self.end = end.min(Timestamp::END_OF_GLOBAL_WINDOW);
        self
    }

    pub(crate) fn period(&self) -> Duration {
        self.every
    }
}

impl From<Duration> for Impulse {
    fn from(period: Duration) -> Self {
        Impulse::every(period)
    }
}

impl std::fmt::Display for Impulse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "every {:?}", self.every)
    }
}

impl ReadOp for Impulse {
    fn is_bounded(&self) -> bool {
        false
    }

    fn splits(&self, _: usize) -> Result<Vec<Vec<u8>>> {
        Ok(vec![Vec::new()])
    }

    fn driver(&self, step: StepId, _: &StepLabel, output: AnyOutput) -> Box<dyn Driver> {
        Box::new(Ticking { step, impulse: *self, output: typed(output), next: self.start, is_here: false })
    }
}

/// Ticks, on the one worker that has the split.
struct Ticking {
    step: StepId,
    impulse: Impulse,
    output: Output<Timestamp>,
    /// The next tick, once it is known where they start.
    next: Option<Timestamp>,
    is_here: bool,
}

impl Ticking {
    fn has_ended(&self) -> bool {
        !self.is_here || self.next.is_some_and(|next| next >= self.impulse.end)
    }

    /// About a bundle of the ticks that are due.
    fn due(&mut self, now: Timestamp) -> Bundle<Timestamp> {
        let mut next = self.next.unwrap_or(now);
        let mut due = Bundle::default();
        while next <= now && next < self.impulse.end && !due.is_full() {
            due.push(next, Meta { time: next, ..Meta::default() });
            next = next + self.impulse.every;
        }
        self.next = Some(next);
        due
    }
}

impl Driver for Ticking {
    fn open(&mut self, _: &[u8], position: Option<&[u8]>, _: Timestamp) -> Result<()> {
        self.is_here = true;
        // A run that goes on has all the ticks that came while it did not run.
        if let Some(position) = position {
            self.next = decode_record(position)?;
        }
        Ok(())
    }

    fn poll(&mut self, _: &mut Context<'_>, cx: &mut Cx) -> Result<Progress> {
        if self.has_ended() {
            return Ok(Progress::Done);
        }
        let mut due = self.due(cx.now);
        if due.is_empty() {
            return Ok(if self.has_ended() { Progress::Done } else { Progress::Pending });
        }
        cx.enter_with(self.step, due.len());
        cx.emitted(self.step, due.len());
        self.output.bundle(&mut due, cx)?;
        Ok(Progress::Moved)
    }

    /// Nothing comes before the next tick.
    fn watermark(&self, _: Timestamp, _: Timestamp) -> SourceWatermark {
        match self.next {
            Some(next) if !self.has_ended() => SourceWatermark::At(next),
            _ => SourceWatermark::NoSplit,
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.next.filter(|_| !self.has_ended())
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        cx.enter(self.step);
        if matches!(signal, Signal::Barrier { .. }) && cx.saving.is_some() && !self.has_ended() {
            let position = encode_record(&self.next).map_err(|e| cx.error_here(e))?;
            cx.read_to.push(ReadTo { step: self.step, split: Vec::new(), position });
        }
        self.output.signal(signal, cx)
    }

    fn commit(&mut self, _: Epoch) -> Vec<BoxFuture<Result<()>>> {
        Vec::new()
    }
}
