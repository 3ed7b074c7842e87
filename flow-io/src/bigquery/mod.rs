//! Google BigQuery: [`BigQuery::table`] writes, [`BigQuery::read`] and [`BigQuery::query`] read.
//!
//! Rows are what serde makes of values. What a table looks like is a [`Schema`], which a type says by
//! [`derive(TableRow)`](TableRow).
//!
//! ```no_run
//! use flow_core::prelude::*;
//! use flow_io::bigquery::{BigQuery, Schema, TableRow};
//!
//! #[derive(Clone, serde::Serialize, serde::Deserialize, TableRow)]
//! struct Visit { page: String, at: Timestamp }
//!
//! let p = Pipeline::new();
//! let visits = p.create(vec![Visit { page: "home".into(), at: Timestamp::from_secs(0) }]);
//! let refused = visits.try_write(
//!     BigQuery::table("shop.web.visits").schema(Schema::of::<Visit>()).partitioned_by_day("at"),
//! );
//! refused.for_each(|refused| eprintln!("{}", refused.reason));
//! # ReferenceRunner::new().run(p)?;
//! # Ok::<(), flow_core::Error>(())
//! ```

mod append;
mod batch;
mod commit;
pub mod decode;
pub mod encode;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod insert;
mod load;
mod name;
mod open;
mod read;
mod run;
pub mod schema;
mod service;
mod settings;
mod sink;
mod table;
mod target;
mod writer;

pub use flow_macros::TableRow;
pub use read::{BadRow, ReadRows, RowsReader, RowsSplit};
pub use schema::{Field, FieldType, Mode, Schema, SchemaError, TableRow};
pub use settings::Change;
pub use sink::Prepared;
pub use table::{BigQuery, WriteTable};
pub use target::{Create, Disposition};
pub use writer::TableWriter;
