//! What a fuzzer calls: each target takes any bytes, as they may come in files, messages and answers, and panics if a
//! promise is broken. `fuzz/` runs them in a fuzzer, and the test below over the corpora there.

#[cfg(feature = "bigquery")]
pub use crate::bigquery::fuzzing::{encoded_row, rows, schema, table_name};
#[cfg(feature = "files")]
pub use crate::files::fuzzing::{file_path, gunzip, json_lines, lines};
#[cfg(feature = "gcp")]
pub use crate::gcp::fuzzing::endpoint;
#[cfg(feature = "gcs")]
pub use crate::gcs::fuzzing::storage_name;
#[cfg(feature = "pubsub")]
pub use crate::pubsub::fuzzing::pubsub;

/// All targets, by the names of their corpora.
pub const TARGETS: &[(&str, fn(&[u8]))] = &[
    #[cfg(feature = "files")]
    ("lines", lines),
    #[cfg(feature = "files")]
    ("gunzip", gunzip),
    #[cfg(feature = "files")]
    ("json_lines", json_lines),
    #[cfg(feature = "files")]
    ("file_path", file_path),
    #[cfg(feature = "gcp")]
    ("endpoint", endpoint),
    #[cfg(feature = "pubsub")]
    ("pubsub", pubsub),
    #[cfg(feature = "gcs")]
    ("storage_name", storage_name),
    #[cfg(feature = "bigquery")]
    ("table_name", table_name),
    #[cfg(feature = "bigquery")]
    ("schema", schema),
    #[cfg(feature = "bigquery")]
    ("rows", rows),
    #[cfg(feature = "bigquery")]
    ("encoded_row", encoded_row),
];

#[cfg(test)]
#[path = "../../fuzz/replay.rs"]
mod replay;
