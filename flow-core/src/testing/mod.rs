//! What tests of pipelines, and of your own parts of them, are made of.
//!
//! [`apply`] runs a transform on plain values and returns plain values; [`stream`] does the same with a script of
//! elements, watermarks and clock moves; [`collect`] looks at any collection of a pipeline that a test builds itself.

pub mod conformance;

mod apply;
mod collect;
mod script;
mod sinks;

pub use apply::{Given, apply};
pub use collect::{Collected, collect};
pub use script::{Input, Script, Stream, stream};
pub use sinks::{MemorySink, MemorySinks};
