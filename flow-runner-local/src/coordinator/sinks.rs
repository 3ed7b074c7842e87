//! What the coordinator asks of sinks: that they are there, and that they commit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flow_core::exec::{BoxFuture, Epoch, Op, Prepared, StepId, WriteOp, guard_step, panicked};
use flow_core::graph::Step;
use flow_core::sink::Commit;
use flow_core::{Error, ErrorKind, Result, StepLabel, Timestamp};

use super::{Coordinator, Open, REFRESH};
use crate::crash::point;
use crate::store::SinkState;

/// From which epoch on what reached a sink in each epoch stems: what earlier steps held comes later than it was read.
#[derive(Default)]
pub(super) struct Stems(BTreeMap<Epoch, Epoch>);

impl Stems {
    fn note(&mut self, reached: Epoch, since: Epoch) {
        self.0.insert(reached, since);
    }

    /// Of the oldest thing that a sink still holds, by the epoch in which that reached it.
    fn oldest(&mut self, held: Option<Epoch>, now: Epoch) -> Option<Epoch> {
        let Some(held) = held else {
            self.0.clear();
            return None;
        };
        let held = held.min(now);
        self.0 = self.0.split_off(&held);
        Some(self.0.range(..=now).map(|(_, since)| *since).chain([held]).min().unwrap_or(held))
    }
}

impl Coordinator {
    /// Has every sink make sure that its place is there.
    pub(super) fn check_sinks(&mut self) -> Result<()> {
        let checks: Vec<_> = self.sinks().map(|(step, write)| self.begin(step, || write.check())).collect();
        for check in checks {
            self.end(check?)?;
        }
        Ok(())
    }

    fn sinks(&self) -> impl Iterator<Item = (&Step, &Arc<dyn WriteOp>)> {
        self.graph.steps.iter().filter_map(|step| match &step.op {
            Op::Write(write) => Some((step, write)),
            _ => None,
        })
    }

    /// Has the runtime work on what a step wants.
    fn begin<R: Send + 'static>(
        &self,
        step: &Step,
        work: impl FnOnce() -> BoxFuture<Result<R>>,
    ) -> Result<(StepLabel, tokio::task::JoinHandle<Result<R>>)> {
        let future = guard_step(&step.label, || Ok(work()))?;
        Ok((step.label.clone(), self.runtime.spawn(future)))
    }

    /// Waits for it, and sees to what happens meanwhile: a server that is away may keep a sink waiting for hours.
    fn end<R>(&mut self, (label, mut work): (StepLabel, tokio::task::JoinHandle<Result<R>>)) -> Result<R> {
        let outcome = loop {
            let _inside = self.runtime.enter();
            let wait = tokio::time::timeout(REFRESH, &mut work);
            match self.runtime.block_on(wait) {
                Ok(outcome) => break outcome,
                Err(_) => drop(self.receive(Duration::ZERO)?),
            }
        };
        let outcome = outcome.unwrap_or_else(|lost| match lost.try_into_panic() {
            Ok(panic) => Err(panicked(&*panic)),
            Err(lost) => Err(Error::new(ErrorKind::Cancelled, "the run is over").caused_by(lost)),
        });
        outcome.map_err(|e| e.at(&label))
    }

    /// Has all sinks go on with what an earlier run left them, though that may be nothing.
    pub(super) fn resume_sinks(&mut self) -> Result<()> {
        let Some(restored) = self.restored.clone() else { return Ok(()) };
        let last = self.is_over();
        point("resuming");
        let resumes = self.sinks().map(|(step, write)| {
            let left = restored.sinks.get(&step.id).cloned();
            let (watermark, tokens) = left
                .map_or((Timestamp::MIN, Vec::new()), |SinkState { watermark, tokens }| {
                    (Timestamp::from_micros(watermark), tokens)
                });
            let commit = Commit { epoch: restored.epoch, last, watermark, tokens };
            (step.id, self.begin(step, || write.resume(commit)))
        });
        let resumes: Vec<_> = resumes.collect();
        for (step, resume) in resumes {
            let committed = resume.and_then(|resume| self.end(resume))?;
            self.carried.insert(step, committed.carried);
        }
        point("resumed");
        Ok(())
    }

    /// Makes the epoch's data visible; the oldest epoch that sinks still hold something of.
    pub(super) fn commit_sinks(&mut self, open: &Open) -> Result<Option<Epoch>> {
        let mut by_step: BTreeMap<StepId, Vec<&Prepared>> = BTreeMap::new();
        for prepared in open.prepared.iter().filter(|p| p.epoch == open.epoch) {
            by_step.entry(prepared.step).or_default().push(prepared);
        }
        let watermarks = watermarks(open);
        let commits = self.sinks().filter_map(|(step, write)| {
            let prepared = by_step.remove(&step.id)?;
            let watermark = watermarks.get(&step.id).copied().unwrap_or(Timestamp::MIN);
            let tokens = prepared.iter().map(|p| p.tokens.clone()).collect();
            let since = prepared.iter().map(|p| p.since).min().unwrap_or(open.epoch + 1);
            let commit = Commit { epoch: open.epoch, last: open.last, watermark, tokens };
            Some((step.id, since, self.begin(step, || write.commit(commit))))
        });
        let (mut held, mut failed) = (None, None);
        let commits: Vec<_> = commits.collect();
        for (step, since, commit) in commits {
            match commit.and_then(|commit| self.end(commit)) {
                Ok(committed) => {
                    let stems = self.stems.entry(step).or_default();
                    held = held.into_iter().chain(stems.oldest(committed.held_since, open.epoch)).min();
                    stems.note(open.epoch + 1, since);
                    self.carried.insert(step, committed.carried);
                    point("sink-committed");
                }
                Err(error) => failed = Some(error), // the others end: nothing happens behind our back
            }
        }
        failed.map_or(Ok(held), Err)
    }
}

/// The watermark of each sink: the least of its writers.
pub(super) fn watermarks(open: &Open) -> BTreeMap<StepId, Timestamp> {
    let mut watermarks = BTreeMap::new();
    for prepared in open.prepared.iter().filter(|prepared| prepared.epoch == open.epoch) {
        let least = watermarks.entry(prepared.step).or_insert(prepared.watermark);
        *least = prepared.watermark.min(*least);
    }
    watermarks
}
