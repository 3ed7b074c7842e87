//! Pub/Sub, Cloud Storage and BigQuery in one process on one port, for tests and examples.
//!
//! An [`Emulator`] is started with one line, on a free port, and ends when it is dropped. The official clients work
//! against it when they are given its [`endpoint`](Emulator::endpoint). Time may be turned by hand ([`Clock`]), and
//! things may go wrong by plan ([`Faults`]).

pub mod bigquery;
mod calls;
mod clock;
mod emulator;
mod error;
mod faults;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod gcs;
mod grpc;
mod names;
mod pubsub;
mod refused;
mod rest;

pub use calls::CallCount;
pub use clock::Clock;
pub use emulator::{Builder, Emulator};
pub use error::Error;
pub use faults::{Code, Fault, Faults, When};
pub use gcs::{Object, Objects};
pub use pubsub::{Backlog, PubSub, PubsubMessage};
pub use refused::Refused;
