//! The pages of the guide, whose examples are run as tests.

#[doc = include_str!("../../docs/guide/side-inputs.md")]
mod side_inputs {}
#[doc = include_str!("../../docs/guide/testing.md")]
mod testing {}
