//! The pages of the guide, whose examples are run as tests.

#[doc = include_str!("../../docs/guide/windows.md")]
mod windows {}
#[doc = include_str!("../../docs/guide/triggers-and-panes.md")]
mod triggers_and_panes {}
#[doc = include_str!("../../docs/guide/lateness.md")]
mod lateness {}
#[doc = include_str!("../../docs/guide/state-and-timers.md")]
mod state_and_timers {}
#[doc = include_str!("../../docs/guide/side-inputs.md")]
mod side_inputs {}
#[doc = include_str!("../../docs/guide/testing.md")]
mod testing {}
#[doc = include_str!("../../docs/guide/sources-and-watermarks.md")]
mod sources_and_watermarks {}
#[doc = include_str!("../../docs/guide/errors.md")]
mod errors {}
