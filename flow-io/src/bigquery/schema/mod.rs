//! What a table looks like: its columns with their types and modes.
//!
//! A [`Schema`] comes from a Rust type ([`Schema::of`]), from Beam's schema text ([`Schema::parse`]), from the
//! service's JSON ([`Schema::from_json`]) or from columns ([`Schema::new`]). All of these check it by the rules of the
//! service, so that a wrong name is said before anything runs.
//!
//! ```
//! use flow_core::Timestamp;
//! use flow_io::bigquery::{Schema, TableRow};
//!
//! #[derive(serde::Serialize, TableRow)]
//! struct Order { id: String, at: Timestamp, note: Option<String>, items: Vec<Item> }
//!
//! #[derive(serde::Serialize, TableRow)]
//! struct Item { sku: String, quantity: i64 }
//!
//! let schema = Schema::of::<Order>()?;
//! assert_eq!(
//!     schema.to_string(),
//!     "id:STRING:REQUIRED, at:TIMESTAMP:REQUIRED, note:STRING, \
//!      items:RECORD<sku:STRING:REQUIRED, quantity:INT64:REQUIRED>:REPEATED",
//! );
//! # Ok::<(), flow_io::bigquery::SchemaError>(())
//! ```

mod check;
mod client;
mod column;
mod diff;
mod error;
mod field;
mod json;
mod table;
mod text;

pub use column::Column;
pub use diff::Additions;
pub use error::SchemaError;
pub use field::{Field, FieldType, Mode};
pub use table::{Schema, TableRow};
