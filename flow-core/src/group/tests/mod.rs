//! What holds for every script; the written cases are in `testing::conformance`.

mod properties;
mod volume;
