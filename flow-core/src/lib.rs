//! The model of flow.
pub mod combine;
pub mod exec;
pub mod graph;
mod group;
pub mod metrics;
pub mod sink;
pub mod source;
pub mod testing;
pub mod trigger;
pub mod window;

mod bundle;
mod element;
mod error;
mod pane;
mod time;

pub use bundle::{Bundle, Column, Meta};
pub use element::{Element, Key, Wire};
pub use error::{BoxError, Error, ErrorKind, Result, StepLabel};
pub use group::Group;
pub use pane::{Pane, Timing};
pub use time::{Timestamp, TimestampError};

extern crate self as flow_core;
