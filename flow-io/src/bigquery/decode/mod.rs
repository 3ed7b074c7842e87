//! Rows as the service gives them: all values are text, to be read by the schema.
//!
//! [`Rows`] reads any type that serde reads. A `serde_json::Value` becomes an object of the columns:
//!
//! | column | read as |
//! | --- | --- |
//! | INT64, FLOAT64, BOOL | numbers and bools; `NaN` and the infinities are text |
//! | TIMESTAMP | RFC 3339 text in UTC; where an integer is asked for, microseconds |
//! | NUMERIC, BIGNUMERIC | text, so that no digit is lost; where a number is asked for, that |
//! | BYTES | base64; where bytes or a list are asked for, these |
//! | JSON | what it is |
//! | RECORD, REPEATED | objects and lists |
//! | all others | text |
//!
//! So what a type has written is read by the same type.

mod cell;
mod compound;
mod moment;

use gcp_bigquery_client::model::table_row::TableRow;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::cell::Cell;
use self::compound::Columns;
use super::Schema;
use super::encode::RowError;

/// Reads the rows of a table or of a query's result.
///
/// ```
/// use flow_io::bigquery::Schema;
/// use flow_io::bigquery::decode::Rows;
///
/// let rows = Rows::new(&Schema::parse("id:STRING, at:TIMESTAMP, n:INT64")?);
/// let row = serde_json::from_str(r#"{"f": [{"v": "a"}, {"v": "1.74045581306065E9"}, {"v": "7"}]}"#)?;
/// let read: serde_json::Value = rows.decode(&row)?;
/// assert_eq!(read, serde_json::json!({"id": "a", "at": "2025-02-25T03:56:53.06065Z", "n": 7}));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rows {
    schema: Schema,
}

impl Rows {
    /// Of a table or result of this schema.
    pub fn new(schema: &Schema) -> Self {
        Rows { schema: schema.clone() }
    }

    /// Reads a row.
    ///
    /// # Errors
    /// If the row is not of the schema, or not a `T`; says the column.
    pub fn decode<T: DeserializeOwned>(&self, row: &TableRow) -> Result<T, RowError> {
        let cells = row.columns.iter().flatten().map(|cell| cell.value.as_ref().unwrap_or(&Value::Null));
        T::deserialize(Cell::Record(Columns::new(self.schema.fields(), cells.collect())?))
    }
}

#[cfg(test)]
mod tests;
