//! The pages of the guide, whose examples are run as tests.

#[doc = include_str!("../../docs/guide/state-and-timers.md")]
mod state_and_timers {}
