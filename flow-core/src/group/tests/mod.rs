//! What holds for every script; the written cases are in `testing::conformance`.

mod model;
pub(crate) mod properties;
mod volume;
