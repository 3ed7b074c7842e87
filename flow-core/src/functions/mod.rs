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

use crate::Timestamp;

/// A value of one side of a join.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Side<L, R> {
    Left(L),
    Right(R),
}

/// What a function emits with the timestamp that its result is to have, which a step behind it sets.
pub(crate) type At<T> = (Timestamp, T);
