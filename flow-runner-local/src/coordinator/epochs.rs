//! Epochs: begun, passed by all workers, kept, committed and acknowledged.

use std::collections::BTreeMap;

use flow_core::exec::{Epoch, Op, Prepared, ReadOp, ReadTo, StepId, planted};
use flow_core::graph::Step;
use flow_core::{Result, Timestamp};

use super::Coordinator;
use crate::crash::point;
use crate::splits::Part;
use crate::store::{Manifest, SinkState, SourceState, SplitState, Stage};
use crate::worker::{Barrier, Command, Extent, Passed};

/// The epoch under way, and what workers have said of it.
pub(super) struct Open {
    pub(super) epoch: Epoch,
    pub(super) last: bool,
    suspend: bool,
    passed: usize,
    held_since: Option<Epoch>,
    pub(super) prepared: Vec<Prepared>,
    read_to: Vec<ReadTo>,
    watermarks: BTreeMap<StepId, Timestamp>,
}

impl Coordinator {
    pub(super) fn begin_epoch(&mut self, last: bool) {
        self.state.last_epoch += 1;
        let epoch = self.state.last_epoch;
        let suspend = self.state.suspending && !last;
        let extent = |whole: bool| if whole { Extent::Whole } else { Extent::Changes };
        let save = self.durable.as_mut().map(|durable| extent(durable.begin_epoch()));
        self.state.open = Some(Open {
            epoch,
            last,
            suspend,
            passed: 0,
            held_since: None,
            prepared: Vec::new(),
            read_to: Vec::new(),
            watermarks: BTreeMap::new(),
        });
        point("epoch-begun");
        self.tell(Command::Barrier(Barrier { epoch, last, suspend, save }));
    }

    /// A worker has passed the epoch.
    pub(super) fn passed(&mut self, passed: Passed) {
        let Some(open) = self.state.open.as_mut().filter(|open| open.epoch == passed.epoch) else { return };
        open.passed += 1;
        open.prepared.extend(passed.prepared);
        open.held_since = open.held_since.into_iter().chain(passed.held_since).min();
        open.read_to.extend(passed.read_to);
        for (step, watermark) in passed.watermarks {
            let least = open.watermarks.entry(step).or_insert(watermark);
            *least = watermark.min(*least);
        }
    }

    /// What a worker's steps keep, as of the end of the epoch.
    pub(super) fn save(&mut self, block: &[u8]) -> Result<()> {
        self.durable.as_mut().map_or(Ok(()), |durable| durable.append(block))
    }

    /// Once all workers have passed the epoch: keeps what it leaves behind, commits the sinks, then tells the sources.
    pub(super) fn end_epoch(&mut self) -> Result<()> {
        if self.state.open.as_ref().is_none_or(|open| open.passed < self.commands.len()) {
            return Ok(());
        }
        let Some(open) = self.state.open.take() else { return Ok(()) };
        if planted("acknowledge-before-manifest") {
            self.acknowledge(open.epoch)?; // nothing is on disk
        }
        if planted("commit-before-manifest") {
            self.commit_sinks(&open)?; // a run that goes on makes it again, with other tokens
        }
        self.keep(&open)?;
        let held_since = self.commit_sinks(&open)?.into_iter().chain(open.held_since).min();
        point("sinks-committed");
        if let Some(crashes) = &self.crashes {
            crashes.committed();
        }
        // In a durable run, what is held is kept.
        let held_since = held_since.filter(|_| self.durable.is_none());
        let done = held_since.map_or(open.epoch, |held| held.saturating_sub(1).min(open.epoch));
        if done > self.state.acknowledged {
            self.state.acknowledged = done;
            self.acknowledge(done)?;
            point("acknowledging");
        }
        self.state.finished = open.last || open.suspend;
        if self.state.finished && self.state.committing > 0 {
            self.wait_for_commits()?;
        }
        if open.last {
            let sources = self.sources_of(&open);
            self.close(sources)?;
        }
        Ok(())
    }

    /// The commit point of a durable run.
    fn keep(&mut self, open: &Open) -> Result<()> {
        let stage = match open.last {
            true => Stage::Ending,
            false if self.is_draining() => Stage::Draining,
            false => Stage::Running,
        };
        let (sources, sinks) = (self.sources_of(open), self.sinks_of(open));
        let Some(durable) = &mut self.durable else { return Ok(()) };
        durable.commit(Manifest { epoch: open.epoch, stage, sources, sinks, ..Manifest::default() })
    }

    /// The run is over, and everything is visible and acknowledged. One that was drained has left splits that another
    /// run goes on with; one that has read everything is over for good, lest a process that is started again reads it
    /// all anew.
    fn close(&mut self, mut sources: BTreeMap<String, SourceState>) -> Result<()> {
        for source in sources.values_mut() {
            source.watermark = Timestamp::MIN.micros(); // it was driven to the end of time
        }
        let epoch = self.state.last_epoch + 1;
        let Some(durable) = &mut self.durable else { return Ok(()) };
        durable.begin_anew();
        durable.commit(Manifest { epoch, stage: Stage::Over, sources, ..Manifest::default() })?;
        point("over");
        Ok(())
    }

    /// An earlier run came to its end, and what it had prepared last is visible by now: there is nothing left to do.
    pub(super) fn close_resumed(&mut self) -> Result<()> {
        let Some(restored) = self.restored.clone() else { return Ok(()) };
        self.state.finished = true;
        if restored.stage == Stage::Over {
            tracing::warn!(
                "the run of this state directory is over: to read everything again, name another directory"
            );
            return Ok(());
        }
        let state = |(step, (watermark, parts)): (&StepId, &(Timestamp, Vec<Part>))| {
            let name = self.graph.step(*step).label.name.clone();
            let splits = parts.iter().cloned().map(unread).collect();
            (name, SourceState { splits, watermark: watermark.micros() })
        };
        let sources = restored.sources.iter().map(state).collect();
        self.close(sources)
    }

    /// How far each source is that goes on by its positions.
    fn sources_of(&self, open: &Open) -> BTreeMap<String, SourceState> {
        let reads = self.graph.steps.iter().filter_map(|step| match &step.op {
            // What serves others begins anew.
            Op::Read(read) if !read.is_auxiliary() => Some((step, &**read)),
            _ => None,
        });
        reads.map(|(step, read)| (step.label.name.clone(), self.source_of(step, read, open))).collect()
    }

    fn source_of(&self, step: &Step, read: &dyn ReadOp, open: &Open) -> SourceState {
        let read_to = open.read_to.iter().filter(|read_to| read_to.step == step.id);
        let begun = read_to.map(|ReadTo { split, position, .. }| SplitState {
            split: split.clone(),
            position: Some(position.clone()),
        });
        let left = if read.reads_splits_at_once() {
            Vec::new()
        } else {
            self.splits[step.id.index()].unread_at(open.epoch)
        };
        let watermark = open.watermarks.get(&step.id).copied().unwrap_or(Timestamp::MIN).micros();
        SourceState { splits: begun.chain(left.into_iter().map(unread)).collect(), watermark }
    }

    /// What each sink has prepared, and what it has carried on.
    fn sinks_of(&self, open: &Open) -> BTreeMap<String, SinkState> {
        let mut sinks: BTreeMap<String, SinkState> = BTreeMap::new();
        let name = |step: StepId| self.graph.step(step).label.name.clone();
        // Planted: what the manifest does not have, a run that goes on cannot give back to the sink.
        for (step, carried) in self.carried.iter().filter(|_| !planted("carried-tokens-forgotten")) {
            sinks.entry(name(*step)).or_default().tokens.extend(carried.iter().cloned());
        }
        for (step, watermark) in super::sinks::watermarks(open) {
            sinks.entry(name(step)).or_default().watermark = watermark.micros();
        }
        for prepared in open.prepared.iter().filter(|prepared| prepared.epoch == open.epoch) {
            sinks.entry(name(prepared.step)).or_default().tokens.push(prepared.tokens.clone());
        }
        sinks
    }

    /// Whether windows are to be closed although sources have not ended: asked of this run, or of an earlier one.
    pub(super) fn is_draining(&self) -> bool {
        let was_draining = self.restored.as_ref().is_some_and(|restored| restored.stage == Stage::Draining);
        self.options.drain || was_draining || (self.state.stopped && !self.state.suspending)
    }

    /// Whether an earlier run had come to its end, or had only its last commit left to do.
    pub(super) fn is_over(&self) -> bool {
        self.restored.as_ref().is_some_and(|restored| restored.is_over())
    }
}

fn unread(part: Part) -> SplitState {
    SplitState { split: part.split, position: part.position }
}
