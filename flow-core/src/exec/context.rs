use std::task::Waker;

use super::{Epoch, Saving, StepSaving, Suspects};
use crate::{Error, StepLabel, Timestamp};

/// A step's number in its pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId(pub u32);

impl StepId {
    /// As an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a step counts of itself, on one worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepCounts {
    /// Elements taken.
    pub elements_in: u64,
    /// Elements passed on, on all outputs.
    pub elements_out: u64,
    /// Elements dropped because their window had expired, once for each window.
    pub dropped_late: u64,
    /// Elements dropped because the trigger of their window had finished, once for each window.
    pub dropped_closed: u64,
    /// Elements that failed and became [dead letters](crate::DeadLetter).
    pub dead_letters: u64,
    /// Nanoseconds spent in the step itself; an estimate from a sample of the bundles.
    pub nanos: u64,
}

impl std::ops::AddAssign for StepCounts {
    fn add_assign(&mut self, other: StepCounts) {
        self.elements_in += other.elements_in;
        self.elements_out += other.elements_out;
        self.dropped_late += other.dropped_late;
        self.dropped_closed += other.dropped_closed;
        self.dead_letters += other.dead_letters;
        self.nanos += other.nanos;
    }
}

/// What a sink's writer on one worker prepared for an epoch.
#[derive(Debug)]
pub struct Prepared {
    /// The sink's step.
    pub step: StepId,
    /// For this epoch.
    pub epoch: Epoch,
    /// What is written from now on stems from what sources read in this epoch or later.
    pub since: Epoch,
    /// The writer's input watermark.
    pub watermark: Timestamp,
    /// The encoded tokens.
    pub tokens: Vec<u8>,
}

/// How far a split had been read when an epoch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadTo {
    /// The source's step.
    pub step: StepId,
    /// The encoded split.
    pub split: Vec<u8>,
    /// The encoded position behind the last element of the epoch.
    pub position: Vec<u8>,
}

/// Everything a step may ask of the worker that it runs on. Steps get it with every call.
#[derive(Debug)]
pub struct Cx {
    /// Processing time, as of this call.
    pub now: Timestamp,
    /// Wakes this worker; for futures.
    pub waker: Waker,
    /// What the steps counted on this worker.
    pub counts: Vec<StepCounts>,
    /// What sinks have prepared since the runner last looked.
    pub prepared: Vec<Prepared>,
    /// About how many bytes of input each step keeps waiting, by step: sources that feed it should pause.
    pub holding: Vec<usize>,
    /// The oldest epoch of which a step on this worker still keeps elements; reported at each barrier.
    pub held_since: Option<Epoch>,
    /// Set while an epoch of a durable run ends: where steps write what they keep.
    pub saving: Option<Saving>,
    /// In a durable run, how far the open splits had been read at the barrier; reported with the epoch.
    pub read_to: Vec<ReadTo>,
    /// How many ends of this worker's chains the barrier under way has reached.
    pub leaves_passed: usize,
    /// A view changed on this worker since the runner last looked.
    pub views_changed: bool,
    /// The run is being stopped: what makes elements by itself comes to an end, and waits for nothing.
    pub draining: bool,
    /// For runners without inboxes, who clear both before a poke: the least processing time that a step waits for, and
    /// whether one goes on [reading](super::Inbox::is_reading).
    pub wake_at: Option<Timestamp>,
    /// See `wake_at`.
    pub reading: bool,
    /// Where elements are named before they are tried, if runs before this one have ended their process.
    pub suspects: Option<Box<dyn Suspects>>,
    /// Counts what regions of dead letters send themselves.
    attempts: u64,
    labels: std::sync::Arc<[StepLabel]>,
    current: StepId,
    stopwatch: Option<fn() -> u64>,
    since: u64,
    sampling: u64,
}

impl Cx {
    /// For a worker of a pipeline with these steps. `stopwatch` reads nanoseconds of any origin; without it no time
    /// is measured.
    pub fn new(labels: std::sync::Arc<[StepLabel]>, waker: Waker, stopwatch: Option<fn() -> u64>) -> Self {
        Cx {
            now: Timestamp::MIN,
            waker,
            counts: vec![StepCounts::default(); labels.len()],
            prepared: Vec::new(),
            holding: vec![0; labels.len()],
            held_since: None,
            saving: None,
            read_to: Vec::new(),
            leaves_passed: 0,
            views_changed: false,
            draining: false,
            wake_at: None,
            reading: false,
            suspects: None,
            attempts: 0,
            labels,
            current: StepId(0),
            stopwatch,
            since: 0,
            sampling: 0,
        }
    }

    /// From here on, the work is that of `step`: for the time it takes, and to name it if it panics.
    #[inline]
    pub fn enter(&mut self, step: StepId) {
        if self.sampling != 0 {
            self.charge();
        }
        self.current = step;
    }

    /// Enters a step with so many elements.
    #[inline]
    pub fn enter_with(&mut self, step: StepId, elements: usize) {
        self.enter(step);
        self.counts[step.index()].elements_in += elements as u64;
    }

    /// The current step passes on so many elements.
    #[inline]
    pub fn emitted(&mut self, step: StepId, elements: usize) {
        self.counts[step.index()].elements_out += elements as u64;
    }

    /// Starts measuring the work that follows; it stands for `weight` times as much.
    pub fn start_sample(&mut self, weight: u64) {
        if let Some(read) = self.stopwatch {
            self.since = read();
            self.sampling = weight;
        }
    }

    /// Ends what [`start_sample`](Cx::start_sample) began.
    pub fn end_sample(&mut self) {
        if self.sampling != 0 {
            self.charge();
            self.sampling = 0;
        }
    }

    fn charge(&mut self) {
        if let Some(read) = self.stopwatch {
            let now = read();
            self.counts[self.current.index()].nanos += now.saturating_sub(self.since) * self.sampling;
            self.since = now;
        }
    }

    /// At a barrier: elements of this epoch, or older, are still kept.
    pub fn holds_since(&mut self, epoch: Epoch) {
        self.held_since = Some(self.held_since.map_or(epoch, |oldest| oldest.min(epoch)));
    }

    /// Where a step writes what it keeps, if an epoch of a durable run ends.
    pub(crate) fn saving_of(&mut self, step: StepId) -> Option<StepSaving<'_>> {
        self.saving.as_mut().map(|saving| saving.of_step(step))
    }

    /// The next number of a [`Signal::Finish`](super::Signal::Finish) or [`Discard`](super::Signal::Discard).
    pub(crate) fn next_attempt(&mut self) -> u64 {
        self.attempts += 1;
        self.attempts
    }

    /// The name and place of a step.
    pub fn label(&self, step: StepId) -> &StepLabel {
        &self.labels[step.index()]
    }

    /// An error with the step that is working.
    pub fn error_here(&self, error: Error) -> Error {
        error.at(self.label(self.current))
    }
}
