//! Rows in JSON, for streaming inserts and load files.

use std::io::Write as _;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::{Date, DateTime, Time};
use serde::Serialize;

use super::RowError;
use super::form;
use super::guide::{Form, Guide, Place};
use super::plan::{Plan, Slot};
use super::value::Value;
use crate::bigquery::Schema;

/// The integers up to here, and down to its negative, are exact as floats; the service may read any number as one.
const EXACT: u64 = (1 << 53) - 1;

/// What the values of JSON columns become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JsonColumns {
    /// A string with the JSON's text, as streaming inserts want it.
    #[default]
    Text,
    /// The JSON itself, as load files want it.
    Plain,
}

/// Writes rows of a table as JSON objects.
///
/// Moments become RFC 3339 text in UTC, bytes base64, decimals text, `NaN` and the infinities text, and so do integers
/// that a float cannot hold. An `Option` that is `None` is an explicit `null`, or an array that is left out.
///
/// ```
/// use flow_io::bigquery::Schema;
/// use flow_io::bigquery::encode::JsonRows;
///
/// let rows = JsonRows::new(&Schema::parse("id:STRING:REQUIRED, at:TIMESTAMP, total:NUMERIC")?);
/// let mut line = Vec::new();
/// rows.encode(&serde_json::json!({"id": "7", "at": "2025-02-25T05:56:53+02:00", "total": 1.5}), &mut line)?;
/// assert_eq!(line, br#"{"at":"2025-02-25T03:56:53Z","id":"7","total":"1.5"}"#);
///
/// let error = rows.encode(&serde_json::json!({"at": "today"}), &mut line).unwrap_err();
/// assert_eq!(error.path(), "at");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct JsonRows {
    row: Slot,
    ignore_unknown: bool,
    json: JsonColumns,
}

impl JsonRows {
    /// For streaming inserts into a table of this schema.
    pub fn new(schema: &Schema) -> Self {
        let row = Slot::row(Plan::of(schema.fields()));
        JsonRows { row, ignore_unknown: false, json: JsonColumns::Text }
    }

    /// What the values of JSON columns become.
    #[must_use]
    pub fn json_columns(self, json: JsonColumns) -> Self {
        JsonRows { json, ..self }
    }

    /// Whether values that have no column are left out, and not refused.
    #[must_use]
    pub fn ignore_unknown(self, ignore_unknown: bool) -> Self {
        JsonRows { ignore_unknown, ..self }
    }

    /// Adds a row to the buffer, without a line end.
    ///
    /// # Errors
    /// If the row does not fit the table. The buffer is then as before.
    pub fn encode<T: Serialize + ?Sized>(&self, row: &T, to: &mut Vec<u8>) -> Result<(), RowError> {
        let before = to.len();
        let mut guide = Guide::new(Json { to, json: self.json }, self.ignore_unknown);
        let done = Value::new(&mut guide, &self.row, Place::Row).put(row);
        if done.is_err() {
            to.truncate(before);
        }
        done
    }
}

/// One row as [`JsonRows`] writes it for streaming inserts. For many rows of a table, make that once.
///
/// # Errors
/// If the row does not fit the table.
pub fn json_row<T: Serialize + ?Sized>(schema: &Schema, row: &T) -> Result<Vec<u8>, RowError> {
    let mut json = Vec::new();
    JsonRows::new(schema).encode(row, &mut json)?;
    Ok(json)
}

struct Json<'a> {
    to: &'a mut Vec<u8>,
    json: JsonColumns,
}

impl Json<'_> {
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) {
        serde_json::to_writer(&mut *self.to, value).expect("a plain value has a form in JSON");
    }

    /// Text that needs no escapes.
    fn quoted(&mut self, text: std::fmt::Arguments<'_>) {
        write!(self.to, "\"{text}\"").expect("a vector takes all bytes");
    }
}

impl Form for Json<'_> {
    fn open(&mut self, slot: &Slot, place: Place) {
        // What opens a record or a list is the last byte only if nothing has followed yet.
        match place {
            Place::Row => {}
            Place::Column => {
                if self.to.last() != Some(&b'{') {
                    self.to.push(b',');
                }
                self.to.extend_from_slice(&slot.key);
            }
            Place::Item => {
                if self.to.last() != Some(&b'[') {
                    self.to.push(b',');
                }
            }
        }
    }
    fn null(&mut self) {
        self.to.extend_from_slice(b"null");
    }
    fn begin_list(&mut self) {
        self.to.push(b'[');
    }
    fn end_list(&mut self) {
        self.to.push(b']');
    }
    fn begin_record(&mut self, _: &Slot, _: Place) -> usize {
        self.to.push(b'{');
        0
    }
    fn end_record(&mut self, _: usize, _: Place) {
        self.to.push(b'}');
    }
    fn int(&mut self, _: &Slot, value: i64) {
        if value.unsigned_abs() <= EXACT { self.value(&value) } else { self.quoted(format_args!("{value}")) }
    }
    fn float(&mut self, _: &Slot, value: f64) {
        match value {
            f64::INFINITY => self.value("Infinity"),
            f64::NEG_INFINITY => self.value("-Infinity"),
            _ if value.is_nan() => self.value("NaN"),
            _ => self.value(&value),
        }
    }
    fn bool(&mut self, _: &Slot, value: bool) {
        self.value(&value);
    }
    fn text(&mut self, _: &Slot, value: &str) {
        self.value(value);
    }
    fn bytes(&mut self, _: &Slot, value: &[u8]) {
        self.quoted(format_args!("{}", Base64Display::new(value, &STANDARD)));
    }
    fn timestamp(&mut self, _: &Slot, micros: i64) {
        let utc = form::utc(micros).expect("moments are checked before they come here");
        self.quoted(format_args!("{utc}Z"));
    }
    fn date(&mut self, _: &Slot, value: Date) {
        self.quoted(format_args!("{value}"));
    }
    fn time(&mut self, _: &Slot, value: Time) {
        self.quoted(format_args!("{value}"));
    }
    fn datetime(&mut self, _: &Slot, value: DateTime) {
        self.quoted(format_args!("{value}"));
    }
    fn json(&mut self, _: &Slot, value: &str) {
        match self.json {
            JsonColumns::Text => self.value(value),
            JsonColumns::Plain => self.to.extend_from_slice(value.as_bytes()),
        }
    }
}
