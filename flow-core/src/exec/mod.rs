//! For authors of runners: how steps run on one worker.
//!
//! A worker builds its own chain of [`Receiver`]s out of the graph's factories; bundles and [`Signal`]s go down it
//! by plain calls. Nothing in here starts a thread, reads a clock or waits.

mod context;
mod receiver;
mod signal;

pub use context::{Cx, Prepared, StepCounts, StepId};
pub use receiver::{AnyOutput, Output, Receiver};
pub use signal::{Epoch, Signal};
