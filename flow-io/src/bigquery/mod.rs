//! Google BigQuery: schemas, and rows in the forms that the service takes and gives.

pub mod decode;
pub mod encode;
pub mod schema;

pub use flow_macros::TableRow;
pub use schema::{Field, FieldType, Mode, Schema, SchemaError, TableRow};
