use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use flow_core::exec::{BuildCx, Epoch, Op, StepId, owner};
use flow_core::graph::Graph;
use flow_core::{Error, ErrorKind, Result, Timestamp};

use super::{compat, unusable};
use crate::options::Options;
use crate::splits::Part;
use crate::store::{Disk, Manifest, Record, SegmentRef, SinkState, Stage, read_segment, records_of};

/// What an earlier run left behind, in the words of the pipeline as it is now.
pub(crate) struct Restored {
    pub(crate) epoch: Epoch,
    pub(crate) stage: Stage,
    /// How far each source was, and what is left of it.
    pub(crate) sources: BTreeMap<StepId, (Timestamp, Vec<Part>)>,
    pub(crate) sinks: BTreeMap<StepId, SinkState>,
    /// What steps in place and sources kept. Few records.
    pub(crate) beside: BTreeMap<StepId, Vec<(Option<u64>, Vec<u8>)>>,
    places: Vec<Option<StepId>>,
    segments: Vec<SegmentRef>,
    disk: Arc<dyn Disk>,
    /// Where all of it is, for errors.
    root: PathBuf,
}

impl Restored {
    /// Reads everything once, so that damage is known before anything runs.
    pub(super) fn read(
        disk: Arc<dyn Disk>,
        manifest: &Manifest,
        graph: &Graph,
        options: &Options,
    ) -> Result<Restored> {
        let places = compat::places(manifest, graph, options)?;
        let mut restored = Restored {
            epoch: manifest.epoch,
            stage: manifest.stage,
            sources: BTreeMap::new(),
            sinks: BTreeMap::new(),
            beside: BTreeMap::new(),
            places,
            segments: manifest.segments.clone(),
            disk,
            root: options.state_dir.clone().unwrap_or_default(),
        };
        let mut lost = restored.read_beside(manifest, graph)?;
        restored.place(manifest, &mut lost);
        compat::check_lost(&lost.into_iter().collect::<Vec<_>>(), options)?;
        Ok(restored)
    }

    /// Whether the earlier run has read everything, and at most its last commit is left to do.
    pub(crate) fn is_over(&self) -> bool {
        let is_read = self.sources.values().all(|(_, parts)| parts.is_empty());
        self.stage == Stage::Ending || (self.stage == Stage::Over && is_read)
    }

    /// Reads what is kept beside exchanges; the names of steps that kept something and are gone.
    fn read_beside(&mut self, manifest: &Manifest, graph: &Graph) -> Result<BTreeSet<String>> {
        let is_streamed = |step: StepId| matches!(graph.step(step).op, Op::Exchange(_));
        let (mut lost, mut beside) = (BTreeSet::new(), BTreeMap::<StepId, Vec<_>>::new());
        self.each(|step, record| {
            match step {
                Some(step) if is_streamed(step) => {}
                Some(step) => beside.entry(step).or_default().push((record.hash, record.bytes.to_vec())),
                None => {
                    lost.extend(manifest.steps.get(record.step.index()).map(|step| step.name.clone()));
                }
            }
            Ok(())
        })?;
        self.beside = beside;
        Ok(lost)
    }

    /// Finds the steps of sources and sinks.
    fn place(&mut self, manifest: &Manifest, lost: &mut BTreeSet<String>) {
        let numbers: BTreeMap<&str, usize> =
            manifest.steps.iter().enumerate().map(|(at, step)| (step.name.as_str(), at)).collect();
        let place_of = |name: &str| numbers.get(name).and_then(|at| self.places[*at]);
        for (name, source) in &manifest.sources {
            let parts = source.splits.iter().map(|s| Part::of_source(s.split.clone(), s.position.clone()));
            match place_of(name) {
                Some(step) => {
                    self.sources.insert(step, (Timestamp::from_micros(source.watermark), parts.collect()));
                }
                None => drop(lost.insert(name.clone())),
            }
        }
        for (name, sink) in &manifest.sinks {
            match place_of(name) {
                Some(step) => drop(self.sinks.insert(step, sink.clone())),
                None if sink.tokens.is_empty() => {}
                None => drop(lost.insert(name.clone())),
            }
        }
    }

    /// Gives steps in place what they kept, before they are built.
    pub(crate) fn give_beside(&self, graph: &Graph, build: &mut BuildCx) {
        for (step, records) in &self.beside {
            let ours =
                |hash: &Option<u64>| hash.is_none_or(|hash| owner(hash, build.workers) == build.worker);
            let records =
                records.iter().filter(|(hash, _)| ours(hash)).map(|(_, bytes)| bytes.clone()).collect();
            if !matches!(graph.step(*step).op, Op::Read(_)) {
                build.restore(*step, records);
            }
        }
    }

    /// How far a source was.
    pub(crate) fn watermark(&self, source: StepId) -> Timestamp {
        self.sources.get(&source).map_or(Timestamp::MIN, |(watermark, _)| *watermark)
    }

    /// What the readers of a source remembered.
    pub(crate) fn remembered(&self, source: StepId) -> Vec<Vec<u8>> {
        self.beside.get(&source).into_iter().flatten().map(|(_, record)| record.clone()).collect()
    }

    /// Calls for every record, in the order of writing, with the step that takes the place of the one that wrote it.
    pub(crate) fn each(&self, mut take: impl FnMut(Option<StepId>, Record<'_>) -> Result<()>) -> Result<()> {
        let failed = |error: io::Error| unusable(&self.root, error);
        for segment in &self.segments {
            let mut frames = read_segment(&self.disk, segment).map_err(failed)?;
            while let Some(frame) = frames.next().map_err(failed)? {
                for record in records_of(frame) {
                    let record = record.map_err(failed)?;
                    let place = self.places.get(record.step.index()).ok_or_else(|| {
                        Error::new(ErrorKind::State, "a record is of a step that the manifest does not know")
                    })?;
                    take(*place, record)?;
                }
            }
        }
        Ok(())
    }
}

/// Makes sure that what was given to steps in place was taken.
pub(crate) fn check_claimed(graph: &Graph, build: &BuildCx) -> Result<()> {
    build.unclaimed().map_or(Ok(()), |step| {
        let message = "an earlier run kept something for it, and it keeps nothing now";
        Err(Error::new(ErrorKind::State, message).at(&graph.step(step).label))
    })
}
