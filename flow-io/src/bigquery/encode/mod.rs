//! Rows in the forms that the service takes, written straight from serde.
//!
//! A row is anything that serde writes as a struct or a map. On the way it is checked against the [`Schema`], and
//! values take the form of their column, so that what does not fit is refused with its path before it is sent. No tree
//! of values is built.
//!
//! - [`JsonRows`] for streaming inserts and load files.
//! - [`ProtoRows`] for the Storage Write API.
//!
//! # What fits a column
//!
//! | column | takes |
//! | --- | --- |
//! | STRING, GEOGRAPHY | text |
//! | BYTES | bytes, a list of `u8`, or text in base64 |
//! | INT64 | integers, also as text |
//! | FLOAT64 | numbers, also as text; `NaN`, `Infinity` |
//! | NUMERIC, BIGNUMERIC | numbers and decimal text; floats are rounded to the column's digits |
//! | BOOL | `true`, `false`, also as text |
//! | TIMESTAMP | RFC 3339 text, the same without zone for UTC, or microseconds since the epoch as an integer |
//! | DATE, TIME, DATETIME | text as `2025-02-25`, `03:56:53.06`, and both with a `T` between |
//! | JSON | anything; text is a JSON string. `null` is NULL where the column is NULLABLE |
//! | RECORD | structs and maps; an enum's variant with a value is a record of that one column |
//!
//! A REPEATED column takes lists of these. Names of columns are told apart as the service does, without regard to case.
//!
//! [`Schema`]: super::Schema

mod byte;
mod error;
mod form;
mod guide;
mod json;
mod message;
mod plan;
mod proto;
mod record;
mod value;

pub use error::RowError;
pub(super) use form::{base64, float, timestamp, utc};
pub use json::{JsonColumns, JsonRows, json_row};
pub use proto::{ChangeType, ProtoRows};
