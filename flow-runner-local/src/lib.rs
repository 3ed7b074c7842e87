//! Runs flow's pipelines on this machine: on all cores, bounded data and streams alike.
//!
//! ```
//! use flow_core::prelude::*;
//! use flow_runner_local::{LocalRunner, Options};
//!
//! let p = Pipeline::new();
//! p.create(1..=1000_u64).combine(Sum).for_each(|sum| assert_eq!(*sum, 500_500));
//! let report = LocalRunner::new(Options::default()).run(p)?;
//! assert_eq!(report.step("create").unwrap().elements_out, 1000);
//! # Ok::<(), flow_core::Error>(())
//! ```
//!
//! A run has one thread for each worker; each worker has a copy of every step. Steps between two exchanges are one
//! chain of calls; at an exchange, elements move to the worker that owns their key. See `ARCHITECTURE.md` of the
//! repository for the life of an element.
//!
//! Begin with [`LocalRunner`]: `run` blocks until the pipeline ends, `start` returns a [`Job`] that can be told to
//! finish. [`Options`] are data, which a program flattens into its own; a [`Report`] says what each step did and what
//! each sink promises. With a [state directory](Options::state_dir) a run outlives its process: it goes on where it was, whenever
//! that is killed. [`inspect`] looks into such a directory.

#[cfg(test)]
extern crate self as flow_runner_local; // what tests share is written for users of the crate

mod clock;
mod coordinator;
mod crash;
mod crashes;
mod durable;
mod exchange;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod gates;
pub mod inspect;
mod job;
mod options;
mod parker;
mod progress;
mod report;
mod runner;
mod scratch;
mod source;
mod splits;
mod station;
mod store;
mod worker;

pub use job::Job;
pub use options::{Options, OptionsError};
pub use report::Report;
pub use runner::LocalRunner;
