//! What a grouping has beyond its share of memory: keys in sorted runs in scratch, and what comes of merging them.
//!
//! A run has the keys of a window in the order of their hashes (and of their encodings, where hashes are equal), and behind each
//! key its items in pieces: the values of a grouping, or accumulators. At the end of the window its runs are merged,
//! so that each key comes once, with its pieces in the order in which they were written. A piece can be read again as long as
//! anybody holds it: a group whose values are more than memory takes is such pieces.

mod cursor;
mod file;
mod footprint;
mod merge;
mod run;
mod runs;
#[cfg(test)]
mod tests;

pub(crate) use file::Piece;
pub(crate) use footprint::{footprint, is_estimating, without_scratch};
pub(crate) use merge::Merge;
pub(crate) use run::RunWriter;
pub(crate) use runs::Runs;

use crate::{BoxError, Error, ErrorKind};

/// Scratch cannot be written or read.
pub(crate) fn not_kept(cause: BoxError) -> Error {
    let lost = "what does not fit into memory cannot be kept in scratch space, and results would miss it";
    Error::new(ErrorKind::Storage, lost).caused_by(cause)
}

/// A piece is closed when it has so many bytes: what is read at once when a group is gone through.
const PIECE: usize = 64 << 10;
