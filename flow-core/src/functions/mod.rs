//! The stateful functions behind verbs.

mod ages;
mod batches;
mod deduplicate;
mod interval;
mod temporal;
mod time_sorted;

pub use batches::Batch;
pub(crate) use batches::Batching;
pub(crate) use deduplicate::Firsts;
pub use deduplicate::Horizon;
pub(crate) use interval::IntervalJoin;
pub(crate) use temporal::TemporalJoin;
pub(crate) use time_sorted::TimeSorted;

use serde::{Deserialize, Serialize};

/// A value of one side of a join.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Side<L, R> {
    Left(L),
    Right(R),
}
