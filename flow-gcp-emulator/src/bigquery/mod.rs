//! BigQuery: datasets, tables, rows, queries, load jobs and the Storage Write API.
//!
//! Rows are in SQLite, which also answers queries: those are read in BigQuery's dialect, checked against the schemas, and said anew in
//! SQLite's. What is not understood is refused with `invalidQuery`.

mod datasets;
mod decimal;
mod dedup;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod insert_all;
mod jobs;
mod load;
mod output;
mod rest;
mod schema;
mod service;
mod sql;
mod state;
mod tabledata;
mod tables;
mod time;
mod value;
mod write;

pub use error::Error;
pub(crate) use rest::call_name;
pub use service::Service;

use crate::gcs::Objects;
