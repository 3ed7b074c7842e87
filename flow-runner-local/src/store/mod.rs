//! What a durable run keeps on disk: segments of state, and the manifest of each epoch.
//!
//! All files lie flat in one directory, are written once, and never change. A manifest is the one commit point: an
//! epoch is there when its manifest has its name, and everything that the manifest speaks of was synced before. What
//! no retained manifest speaks of is garbage, and is removed.
//!
//! | file | what it is |
//! | --- | --- |
//! | `manifest-<epoch>` | what an epoch left behind: positions, watermarks, prepared writes, and its segments |
//! | `segment-<generation>-<number>` | records of state, each with its length and checksum |
//! | `lock` | locked by the process that runs |

mod disk;
mod frame;
#[cfg(any(test, fuzzing))]
mod fuzzing;
mod manifest;
#[cfg(test)]
mod simulated;
mod state_dir;

pub(crate) use disk::{Disk, LocalDisk};
pub(crate) use frame::{Records, SegmentWriter};
#[cfg(any(test, fuzzing))]
pub(crate) use fuzzing::{read_manifest, read_segment};
pub(crate) use manifest::{Manifest, SegmentRef};
pub(crate) use state_dir::StateDir;
