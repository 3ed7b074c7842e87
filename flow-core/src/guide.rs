//! The pages of the guide, whose examples are run as tests.

#[doc = include_str!("../../docs/guide/sources-and-watermarks.md")]
mod sources_and_watermarks {}
