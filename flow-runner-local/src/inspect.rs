//! A look into a state directory, without changing it and without waiting for the run that uses it.
//!
//! The program `flow` prints it: `cargo run -p flow-runner-local --bin flow -- state show DIR`.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::io;
use std::path::Path;

use bytesize::ByteSize;
use flow_core::{Error, ErrorKind, Result, Timestamp};

use crate::report::grouped;
use crate::store::{LocalDisk, Manifest, Stage, epochs, read_manifest, read_segment, records_of};

/// What an epoch left behind.
#[derive(Clone, Debug)]
pub struct Epoch {
    /// Its number.
    pub number: u64,
    /// How many runs have used the directory by then.
    pub generation: u64,
    /// Where the run was: running, draining, ending, or over.
    pub stage: &'static str,
    /// The sources, by step.
    pub sources: BTreeMap<String, SourceInfo>,
    /// The sinks, by step.
    pub sinks: BTreeMap<String, SinkInfo>,
    /// What steps keep, by step; what was written over counts until everything is written anew.
    pub steps: BTreeMap<String, Kept>,
    /// The files that have it, each with its bytes.
    pub segments: Vec<(String, u64)>,
}

/// How far a source was.
#[derive(Clone, Debug)]
pub struct SourceInfo {
    /// Its watermark.
    pub watermark: Timestamp,
    /// Splits that were being read, each with its encoded position.
    pub begun: Vec<Vec<u8>>,
    /// Splits that were not begun.
    pub unread: usize,
}

/// What a sink was still to make visible.
#[derive(Clone, Debug)]
pub struct SinkInfo {
    /// Its watermark.
    pub watermark: Timestamp,
    /// How many lists of tokens.
    pub tokens: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// How much a step has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Records.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The epochs that a directory has, oldest first.
///
/// # Errors
/// When the directory cannot be read.
pub fn list(root: &Path) -> Result<Vec<u64>> {
    epochs(&LocalDisk::look(root)).map_err(|error| unreadable(root, error))
}

/// An epoch of a directory; the last unless one is named. Reads and checks everything that belongs to it.
///
/// # Errors
/// When there is no such epoch, or something of it is damaged: says which file, and where.
pub fn show(root: &Path, epoch: Option<u64>) -> Result<Epoch> {
    let disk = LocalDisk::look(root);
    let failed = |error| unreadable(root, error);
    let known = epochs(&disk).map_err(failed)?;
    let Some(number) = epoch.or(known.last().copied()).filter(|number| known.contains(number)) else {
        let known = known.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let message = format!("{} has no such epoch; it has {known}", root.display());
        return Err(Error::config(if known.is_empty() {
            format!("{} has no state", root.display())
        } else {
            message
        }));
    };
    let manifest = read_manifest(&disk, number).map_err(failed)?;
    let steps = kept(&disk, &manifest).map_err(failed)?;
    Ok(Epoch::of(manifest, steps))
}

/// Reads and checks every epoch of a directory; how many there are.
///
/// # Errors
/// What is damaged.
pub fn verify(root: &Path) -> Result<usize> {
    let known = list(root)?;
    known.iter().try_for_each(|epoch| show(root, Some(*epoch)).map(drop))?;
    Ok(known.len())
}

fn kept(disk: &LocalDisk, manifest: &Manifest) -> io::Result<BTreeMap<String, Kept>> {
    let mut steps: BTreeMap<String, Kept> = BTreeMap::new();
    for segment in &manifest.segments {
        let mut frames = read_segment(disk, segment)?;
        while let Some(frame) = frames.next()? {
            for record in records_of(frame) {
                let record = record?;
                let name = manifest.steps.get(record.step.index()).map_or("?", |step| step.name.as_str());
                let kept = steps.entry(name.to_owned()).or_default();
                kept.records += 1;
                kept.bytes += record.bytes.len() as u64;
            }
        }
    }
    Ok(steps)
}

fn unreadable(root: &Path, error: io::Error) -> Error {
    let kind = if error.kind() == io::ErrorKind::NotFound { ErrorKind::Config } else { ErrorKind::State };
    Error::new(kind, format!("the state in {} cannot be read", root.display())).caused_by(error)
}

impl Epoch {
    fn of(manifest: Manifest, steps: BTreeMap<String, Kept>) -> Epoch {
        let sources = manifest.sources.into_iter().map(|(name, source)| {
            let unread = source.splits.iter().filter(|split| split.position.is_none()).count();
            let begun = source.splits.into_iter().filter_map(|split| split.position).collect();
            (name, SourceInfo { watermark: Timestamp::from_micros(source.watermark), begun, unread })
        });
        let sinks = manifest.sinks.into_iter().map(|(name, sink)| {
            let bytes = sink.tokens.iter().map(Vec::len).sum();
            let watermark = Timestamp::from_micros(sink.watermark);
            (name, SinkInfo { watermark, tokens: sink.tokens.len(), bytes })
        });
        Epoch {
            number: manifest.epoch,
            generation: manifest.generation,
            stage: match manifest.stage {
                Stage::Running => "running",
                Stage::Draining => "draining",
                Stage::Ending => "ending",
                Stage::Over => "over",
            },
            sources: sources.collect(),
            sinks: sinks.collect(),
            steps,
            segments: manifest.segments.into_iter().map(|segment| (segment.name, segment.bytes)).collect(),
        }
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: u64 = self.segments.iter().map(|(_, bytes)| bytes).sum();
        let (number, generation, stage) = (self.number, self.generation, self.stage);
        writeln!(
            f,
            "epoch {number}, {stage}, generation {generation}: {} in {} segments",
            ByteSize(bytes),
            self.segments.len()
        )?;
        for (name, source) in &self.sources {
            let SourceInfo { watermark, begun, unread } = source;
            writeln!(
                f,
                "source {name}: watermark {watermark}, {} splits begun, {unread} unread",
                begun.len()
            )?;
            for position in begun {
                writeln!(f, "  at {}", hex(position))?;
            }
        }
        for (name, Kept { records, bytes }) in &self.steps {
            writeln!(f, "step {name}: {} records, {}", grouped(*records), ByteSize(*bytes))?;
        }
        for (name, SinkInfo { watermark, tokens, bytes }) in &self.sinks {
            writeln!(f, "sink {name}: watermark {watermark}, {tokens} tokens, {}", ByteSize(*bytes as u64))?;
        }
        Ok(())
    }
}

/// The beginning of an encoded position: its types are the program's.
fn hex(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for byte in bytes.iter().take(32) {
        let _ = write!(shown, "{byte:02x}"); // into a string, which takes everything
    }
    if bytes.len() > 32 { format!("{shown}… ({} bytes)", bytes.len()) } else { shown }
}
