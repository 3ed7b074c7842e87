//! The laws of the open traits, and of keys, as suites that every implementation can run; and for a [`Runner`](crate::Runner) the
//! model itself, in [`cases`]; in [`engine_cases`] what it says of the engine behind every runner.
//!
//! A suite panics with the law that is broken and the values that break it. It draws orders and splits from a
//! fixed seed, so it says the same on every run.

// The cases take the compiler's sanitizers a quarter of an hour.
#[cfg(not(fuzzing))]
mod cases;
mod combine_fn;
mod key;
mod resuming;
mod sink;
mod source;
#[cfg(not(fuzzing))]
mod table;
mod window_fn;

#[cfg(not(fuzzing))]
pub use cases::{Bundling, Case, Ends, Holds, Test, Windowed, cases, engine, engine_cases, runner};
pub use combine_fn::{combine_fn, combine_fn_by};
pub use key::key;
pub use resuming::sink_resumes;
pub use sink::sink;
pub use source::source;
#[cfg(not(fuzzing))]
pub use table::table;
pub use window_fn::window_fn;
