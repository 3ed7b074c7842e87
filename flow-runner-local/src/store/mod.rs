//! What a durable run keeps on disk: segments of state, and the manifest of each epoch.
//!
//! All files lie flat in one directory, are written once, and never change. A manifest is the one commit point: an
//! epoch is there when its manifest has its name, and everything that the manifest speaks of was synced before. What
//! no retained manifest speaks of is garbage, and is removed.
//!
//! | file | what it is |
//! | --- | --- |
//! | `manifest-<epoch>` | what an epoch left behind: positions, watermarks, prepared writes, and its segments |
//! | `segment-<generation>-<number>` | frames of records of state, each with its length and checksum |
//! | `lock` | locked by the process that runs |

mod disk;
mod frame;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod manifest;
mod records;
#[cfg(test)]
pub(crate) mod simulated;
mod state_dir;

pub(crate) use disk::{Disk, LocalDisk, make_private_dir};
pub(crate) use frame::SegmentWriter;
pub(crate) use manifest::{Manifest, SegmentRef, SinkState, SourceState, SplitState, Stage, StepShape};
pub(crate) use records::{Block, Record, records_of};
pub(crate) use state_dir::{StateDir, epochs, read_manifest, read_segment};
