//! The model of flow, a dataflow library: collections, windows, triggers, state, and a reference runner.
//!
//! A [`Pipeline`] is a graph of steps, built by the verbs of [`PCollection`]; a runner runs it. This crate knows no
//! threads, no I/O and no clock: `flow-runner-local` runs pipelines for real, `flow-io` connects them to systems, and
//! the [`ReferenceRunner`] in here runs them one step after the other by the written rules, which is what tests want.
//!
//! ```
//! use flow_core::prelude::*;
//!
//! fn count_words(lines: &PCollection<String>) -> PCollection<(String, u64)> {
//!     lines.process(|line, out| for word in line.split_whitespace() { out.emit(word.to_lowercase()) }).count()
//! }
//! assert_eq!(apply(["a B", "A"], count_words), [("a".into(), 2), ("b".into(), 1)]);
//! ```
//!
//! # Where to look
//!
//! - [`PCollection`] has all verbs, each with an example; [`Pipeline`] begins collections; [`prelude`] has what most
//!   programs use.
//! - [`window`] and [`trigger`] say how streams are cut into pieces that can be finished, and when these are emitted.
//! - [`combine`] has the aggregations; [`DoFn`] and [`StatefulFn`] are steps with a life or a memory of their own,
//!   and [`state`] has the kinds of what is remembered.
//! - [`testing`] runs transforms on plain values, and streams from a script.
//! - [`source`] and [`sink`] are what a connector implements.
//! - [`exec`], [`graph`] and [`scratch`] are for authors of runners.

#[allow(unused_extern_crates, reason = "the derive macros name this crate by its path")]
extern crate self as flow_core;

pub mod combine;
pub mod exec;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod graph;
pub mod lookup;
pub mod metrics;
pub mod prelude;
pub mod scratch;
pub mod sink;
pub mod source;
pub mod split;
pub mod splittable;
pub mod state;
pub mod testing;
pub mod trigger;
pub mod window;

mod bundle;
mod dead_letters;
mod element;
mod error;
mod functions;
mod group;
#[cfg(doctest)]
mod guide;
mod keyed;
mod memory;
mod pane;
mod pcollection;
mod pipeline;
mod read;
mod reference;
mod runner;
mod spill;
mod steps;
mod time;
mod views;

pub use bundle::{Bundle, Column, Meta};
pub use dead_letters::{DeadLetter, DeadLetters, Failure, RegionEnd, RegionOutputs};
pub use element::{Element, Key, Wire};
pub use error::{BoxError, Error, ErrorKind, Result, StepLabel};
pub use flow_macros::Split;
pub use functions::{Batch, Horizon};
pub use group::{Group, GroupIntoIter};
pub use keyed::{StatefulCx, StatefulFn, TimerSetting};
pub use lookup::Lookup;
pub use pane::{Pane, Timing};
pub use pcollection::{CoGroup, Fanout, PCollection, With};
pub use pipeline::Pipeline;
pub use reference::ReferenceRunner;
pub use runner::{Runner, StepReport, Summary};
pub use splittable::{SplittableCx, SplittableFn};
pub use steps::{BundleEmit, DoFn, DoFnWith, Emit, Outcome};
pub use time::{Timestamp, TimestampError};
pub use views::{SideInputs, View, Views};

/// An element with its timestamp, window and pane as values; made by [`PCollection::reify`].
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reified<T> {
    /// The element.
    pub value: T,
    /// Its event time.
    pub time: Timestamp,
    /// Its window.
    pub window: window::Window,
    /// The firing that it came from.
    pub pane: Pane,
}
