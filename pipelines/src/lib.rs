//! Programs on flow, written as a user would write them: each is a library of pure functions with their tests, and
//! a thin `main` in `src/bin` that wires them together.
pub mod backend_events;
pub mod cloud;
pub mod program;
pub mod user_registration;

mod dice;
mod tally;

/// The examples of the repository's README are doc tests of this crate, which has all the others.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
