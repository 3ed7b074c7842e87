//! Files, on this machine or as objects of Cloud Storage: read by pattern, written beneath a root.
//!
//! Reading: [`TextFiles::matching`] and [`JsonFiles::matching`] give a [`ReadFiles`], a source that cuts big files
//! into splits, and [`watch`](ReadFiles::watch) goes on with those that appear later. Writing: [`TextFiles::under`], [`JsonFiles::under`] and `ParquetFiles::under` give a
//! [`WriteFiles`], a sink that makes one file for each window and shard, visible when it is whole.
//!
//! A format is one file of this folder: `text.rs`, `json.rs`, `parquet.rs`. Each says how a record is read
//! ([`Decode`]) and how it is written ([`Format`], [`Encode`]); splitting, naming, sharing between workers and
//! committing are done once, for all of them. What begins with `gs://` is in Cloud Storage (feature `gcs`); which of the
//! two it is concerns `remote.rs` alone.

mod blocking;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing {
    pub use super::read::fuzzing::{gunzip, json_lines, lines};
    pub use super::write::fuzzing::file_path;
}
mod json;
#[cfg(feature = "parquet")]
mod parquet;
mod read;
mod remote;
mod text;
mod write;

pub use json::{Json, JsonFiles, JsonLines};
#[cfg(feature = "parquet")]
pub use parquet::{Parquet, ParquetBody, ParquetEncoder, ParquetFiles, RowGroup};
pub use read::{
    BadRecord, Decode, FileSplit, LinePosition, LineReader, ObjectVersion, ReadFiles, Record, Stdin,
    StdinReader, StdinSplit, WatchFiles, WatchPosition, WatchReader, WatchSplit,
};
pub use text::{CheckedText, Text, TextFiles, TextLines};
pub use write::{
    Body, EachWriter, Encode, Encoder, FileName, FilePath, FilesWriter, Format, Line, LineBody, LineEncoder,
    Prepared, Refused, TempFile, WriteEach, WriteFiles,
};

/// What other places of files are made with.
#[cfg(feature = "gcs")]
pub(crate) use {
    blocking::{no_runtime, off_thread},
    read::{Input, Listed, Origin, SHELL, is_gzip, is_passed_over, no_pattern},
    write::{Leftovers, Named, Spot, Target, lock, sync_directory, temporary_name},
};
