//! What holds for every script; the written cases are in `testing::conformance`.

mod model;
mod properties;
mod volume;
