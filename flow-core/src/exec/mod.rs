//! For authors of runners: how steps run on one worker.
//!
//! A worker builds its own chain of [`Receiver`]s out of the graph's factories; bundles and [`Signal`]s go down it
//! by plain calls. Nothing in here starts a thread, reads a clock or waits.

mod chains;
mod context;
mod guard;
mod inputs;
mod merge;
mod op;
mod planted;
mod receiver;
mod saving;
mod signal;
mod suspects;
mod tee;

pub use chains::Chains;
pub use context::{Cx, Prepared, ReadTo, StepCounts, StepId};
pub(crate) use guard::throw;
pub use guard::{guard, guard_step, panicked};
pub use inputs::{Arrival, Inputs};
pub use op::{
    BoxFuture, BuildCx, CollectionOp, Driver, ExchangeOp, Inbox, Manner, Op, Outbox, Parcel, Progress,
    ReadOp, Routing, SourceWatermark, StepOp, WriteOp,
};
pub(crate) use op::{CollectionOf, erased, typed};
pub use planted::planted;
pub use receiver::{AnyOutput, Output, Receiver};
pub use saving::{Saving, StateLog};
pub(crate) use saving::{StepSaving, decode_first, decode_record, encode_record};
pub use signal::{Epoch, Signal};
pub use suspects::Suspects;

pub use crate::keyed::{hash_probe, owner};
