//! What tests of pipelines, and of your own parts of them, are made of.

pub mod conformance;
