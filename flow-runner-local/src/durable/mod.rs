//! Runs that outlive their process: what an epoch leaves behind is written, and a later run goes on there.

mod compat;
mod log;
mod place;
mod restored;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flow_core::exec::{Epoch, hash_probe};
use flow_core::graph::Graph;
use flow_core::{Error, ErrorKind, Result};

use crate::options::Options;
use crate::store::{LocalDisk, Manifest, SegmentRef, SegmentWriter, StateDir, StepShape};
pub(crate) use log::ToCoordinator;
pub(crate) use restored::Restored;

/// The state of a durable run on disk, on the coordinator's side.
pub(crate) struct Durable {
    dir: StateDir<LocalDisk>,
    root: PathBuf,
    steps: Vec<StepShape>,
    /// The segment of the epoch that is ending.
    writing: Option<SegmentWriter>,
    /// What the last manifest of this run speaks of.
    segments: Vec<SegmentRef>,
    whole_bytes: u64,
    /// The epoch that is ending writes everything.
    whole: bool,
    begun: bool,
}

/// With so many segments, what steps keep is written anew: reading it again takes a file for each.
const MOST_SEGMENTS: usize = 256;

/// Changes may always take this many bytes before everything is written anew.
const SMALL: u64 = 16 << 20;

impl Durable {
    /// Opens the directory of the options, if there is one; with what an earlier run left behind in it.
    pub(crate) fn open(options: &Options, graph: &Graph) -> Result<Option<(Durable, Option<Arc<Restored>>)>> {
        let Some(root) = &options.state_dir else { return Ok(None) };
        compat::check_graph(graph)?;
        let disk = LocalDisk::open(root).map_err(|error| unusable(root, error))?;
        if !options.allow_ephemeral_state {
            place::check(root)?;
        }
        let dir = StateDir::open(disk).map_err(|error| unusable(root, error))?;
        let restored = match dir.last() {
            Some(manifest) => Restored::read(dir.disk().clone(), manifest, graph, options)?.map(Arc::new),
            None => None,
        };
        let durable = Durable {
            dir,
            root: root.clone(),
            steps: compat::shapes(graph),
            writing: None,
            segments: Vec::new(),
            whole_bytes: 0,
            whole: true,
            begun: false,
        };
        Ok(Some((durable, restored)))
    }

    /// Where sinks may keep files.
    pub(crate) fn sinks_dir(&self) -> PathBuf {
        self.root.join("sinks")
    }

    /// The epoch of the last manifest, whosever.
    pub(crate) fn last_epoch(&self) -> Epoch {
        self.dir.last().map_or(0, |manifest| manifest.epoch)
    }

    /// What steps kept does not count any more.
    pub(crate) fn begin_anew(&mut self) {
        (self.whole, self.begun) = (true, false);
    }

    /// An epoch ends: whether steps are to write everything, since changes alone have become too many.
    pub(crate) fn begin_epoch(&mut self) -> bool {
        let changes = self.segments.iter().map(|segment| segment.bytes).sum::<u64>() - self.whole_bytes;
        let is_long = changes > SMALL.max(2 * self.whole_bytes) || self.segments.len() >= MOST_SEGMENTS;
        self.whole = !self.begun || is_long;
        self.whole
    }

    /// Writes records of the epoch that is ending.
    pub(crate) fn append(&mut self, block: &[u8]) -> Result<()> {
        let writer = match &mut self.writing {
            Some(writer) => writer,
            none => none.insert(self.dir.begin_segment().map_err(|error| unusable(&self.root, error))?),
        };
        writer.push(block).map_err(|error| unusable(&self.root, error))
    }

    /// The commit point of an epoch: when this returns, it survives anything.
    pub(crate) fn commit(&mut self, manifest: Manifest) -> Result<()> {
        let written = self.writing.take().map(SegmentWriter::finish).transpose();
        let written = written.map_err(|error| unusable(&self.root, error))?;
        if self.whole {
            self.segments.clear();
            self.whole_bytes = written.as_ref().map_or(0, |segment| segment.bytes);
        }
        self.segments.extend(written);
        self.begun = true;
        let manifest = Manifest {
            hash_probe: hash_probe(),
            steps: self.steps.clone(),
            segments: self.segments.clone(),
            whole_bytes: self.whole_bytes,
            ..manifest
        };
        self.dir.commit(manifest).map_err(|error| unusable(&self.root, error))
    }
}

/// What is wrong with the directory, in the words of whoever named it.
fn unusable(root: &Path, error: io::Error) -> Error {
    let (kind, hint) = match error.kind() {
        io::ErrorKind::ResourceBusy => (ErrorKind::Config, ": give each run a directory of its own"),
        io::ErrorKind::Unsupported => (ErrorKind::State, ": use the program that wrote it, or a later one"),
        io::ErrorKind::InvalidData => (
            ErrorKind::State,
            ": the disk has changed what was written. Without the newest manifest, an earlier one is used, and what \
             was written since comes twice; with another directory, everything is read anew",
        ),
        _ => (ErrorKind::Storage, ""),
    };
    Error::new(kind, format!("the state in {} cannot be used{hint}", root.display())).caused_by(error)
}
