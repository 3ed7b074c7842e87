//! `derive(Split)` for flow.
