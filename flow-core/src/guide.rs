//! The pages of the guide, so that their examples are tested.

#[doc = include_str!("../../docs/guide/side-inputs.md")]
mod side_inputs {}
#[doc = include_str!("../../docs/guide/testing.md")]
mod testing {}
