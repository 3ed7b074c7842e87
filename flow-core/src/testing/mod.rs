//! What tests of pipelines, and of your own parts of them, are made of.
//!
//! [`apply`] runs a transform on plain values and returns plain values; [`stream`] does the same with a script of
//! elements, watermarks and clock moves; [`assert_that`] says what a collection holds at the end of a run, and
//! [`collect`] looks at it, and [`Engine`] at how the elements of windows become panes. Those that run have a sibling that
//! takes a runner, as [`run_on`]. [`conformance`] checks parts of your own against the laws of their trait, and [`faults`]
//! are sources and sinks that are slow, or fail when told.

pub mod conformance;
pub mod faults;

mod apply;
mod assert;
mod collect;
mod engine;
mod script;
mod sinks;

pub use apply::{Given, apply, apply_on, run, run_on};
pub use assert::{That, Verdict, assert_that};
pub use collect::{Collected, collect};
pub use engine::Engine;
pub use script::{Input, Script, Stream, stream};
pub use sinks::{MemorySink, MemorySinks};
