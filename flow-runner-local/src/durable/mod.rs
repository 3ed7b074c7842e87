//! Runs that outlive their process: what an epoch leaves behind is written, and a later run goes on there.

mod compat;
#[cfg(test)]
#[path = "../../tests/kit/mod.rs"]
mod kit;
mod log;
mod place;
mod restored;
#[cfg(test)]
mod simulation;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use flow_core::exec::{Epoch, hash_probe, planted};
use flow_core::graph::Graph;
use flow_core::{Error, ErrorKind, Result};

use crate::crash::point;
use crate::options::Options;
use crate::store::{
    Disk, LocalDisk, Manifest, SegmentRef, SegmentWriter, StateDir, StepShape, make_private_dir,
};
pub(crate) use log::ToCoordinator;
pub(crate) use restored::{Restored, check_claimed};

/// The state of a durable run on disk, on the coordinator's side.
pub(crate) struct Durable {
    dir: StateDir<Arc<dyn Disk>>,
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
    permits: (Sender<()>, Receiver<()>),
}

/// Where sinks may keep files, beneath the directory.
const SINKS: &str = "sinks";

/// With so many segments, what steps keep is written anew: reading it again takes a file for each.
const MOST_SEGMENTS: usize = 256;

/// Changes may always take this many bytes before everything is written anew.
const SMALL: u64 = 16 << 20;

impl Durable {
    /// Opens the directory of the options, if there is one; with what an earlier run left behind in it.
    pub(crate) fn open(options: &Options, graph: &Graph) -> Result<Option<(Durable, Option<Arc<Restored>>)>> {
        let Some(root) = &options.state_dir else { return Ok(None) };
        compat::check_graph(graph)?;
        let disk = open_disk(root).map_err(|error| unusable(root, error))?;
        if !options.allow_ephemeral_state {
            place::check(root)?;
        }
        let dir = StateDir::open(disk).map_err(|error| unusable(root, error))?;
        let restored = match dir.last() {
            Some(manifest) => {
                Some(Arc::new(Restored::read(Arc::clone(dir.disk()), manifest, graph, options)?))
            }
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
            permits: log::permits(),
        };
        Ok(Some((durable, restored)))
    }

    /// Where sinks may keep files.
    pub(crate) fn sinks_dir(&self) -> PathBuf {
        self.root.join(SINKS)
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
        // Planted: the first manifest of a run has what changed in it, and nothing of what it was restored from.
        let is_first = !self.begun && !planted("first-epoch-not-whole");
        self.whole = is_first || is_long;
        self.whole
    }

    /// Writes records of the epoch that is ending.
    pub(crate) fn append(&mut self, block: &[u8]) -> Result<()> {
        let writer = match &mut self.writing {
            Some(writer) => writer,
            none => none.insert(self.dir.begin_segment().map_err(|error| unusable(&self.root, error))?),
        };
        let written = writer.push(block).map_err(|error| unusable(&self.root, error));
        let _ = self.permits.1.try_recv();
        written
    }

    /// What workers must have to send records.
    pub(crate) fn permits(&self) -> Sender<()> {
        self.permits.0.clone()
    }

    /// The commit point of an epoch: when this returns, it survives anything.
    pub(crate) fn commit(&mut self, manifest: Manifest) -> Result<()> {
        point("segment-written");
        let written = self.writing.take().map(SegmentWriter::finish).transpose();
        point("segment-synced");
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

fn open_disk(root: &Path) -> io::Result<Arc<dyn Disk>> {
    #[cfg(test)]
    if let Some(disk) = simulation::disk_at(root) {
        return Ok(Arc::new(disk));
    }
    let disk = LocalDisk::open(root)?;
    make_private_dir(&root.join(SINKS))?;
    Ok(Arc::new(disk))
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
