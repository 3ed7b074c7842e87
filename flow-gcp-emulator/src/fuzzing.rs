//! What a fuzzer calls: each target takes any bytes, as clients may send them, and panics if a promise is broken. `fuzz/`
//! runs them in a fuzzer, and the test below over the corpora there.

pub use crate::bigquery::fuzzing::{load, proto_rows, sql};

/// All targets, by the names of their corpora.
pub const TARGETS: [(&str, fn(&[u8])); 3] = [("sql", sql), ("load", load), ("proto_rows", proto_rows)];

#[cfg(test)]
#[path = "../../fuzz/replay.rs"]
mod replay;
