//! The laws of the open traits, and of keys, as suites that every implementation can run; and for a [`Runner`](crate::Runner) the
//! model itself, in `cases`; in `engine_cases` what it says of the engine behind every runner. The cases are there with the
//! feature `conformance`: they take the compiler minutes, and only who writes a runner needs them.
//!
//! A suite panics with the law that is broken and the values that break it. It draws orders and splits from a
//! fixed seed, so it says the same on every run.

#[cfg(all(feature = "conformance", not(test)))]
mod cases;
mod combine_fn;
mod key;
mod resuming;
mod sink;
mod source;
#[cfg(all(feature = "conformance", not(test)))]
mod table;
mod window_fn;

#[cfg(all(feature = "conformance", not(test)))]
pub use cases::{Bundling, Case, Ends, Holds, Test, Windowed, cases, engine, engine_cases, runner};
pub use combine_fn::{combine_fn, combine_fn_by};
pub use key::key;
pub use resuming::sink_resumes;
pub use sink::sink;
pub use source::source;
#[cfg(all(feature = "conformance", not(test)))]
pub use table::table;
pub use window_fn::window_fn;
