//! Values on their way in: from a client's JSON to what is stored.
//!
//! A value is stored as SQLite holds it best: BOOL, INT64, TIMESTAMP, DATETIME and TIME (microseconds) and DATE (days) as integers, FLOAT64
//! as a real, BYTES, NUMERIC and BIGNUMERIC as blobs that sort as the values do, all else as text. Structs and arrays are JSON
//! texts of the same, with blobs in hexadecimal.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD, URL_SAFE};
use rusqlite::types::Value as Cell;
use serde_json::{Map, Value};

use super::schema::{Field, Mode, Schema, Type};
use super::{decimal, time};

pub(crate) type Row = Vec<Cell>;

/// What is wrong with a row, and at which field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    pub(crate) location: String,
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn at(location: &str, message: impl Into<String>) -> Self {
        Self { location: location.into(), message: message.into() }
    }

    /// The same, seen from the field that holds it.
    pub(crate) fn inside(mut self, field: &str) -> Self {
        self.location = format!("{field}.{}", self.location);
        self
    }

    pub(crate) fn missing(field: &Field) -> Self {
        Self::at(&field.name, format!("Missing required field: {}.", field.name))
    }
}

/// How a client's rows are read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) ignore_unknown: bool,
    /// BYTES are hexadecimal, as Arrow writes them, and not base64.
    pub(crate) hex: bool,
}

impl Reading {
    /// A row of the table from a JSON object.
    pub(crate) fn row(self, schema: &Schema, object: &Map<String, Value>) -> Result<Row, Problem> {
        let mut row = Vec::with_capacity(schema.fields.len());
        self.fields(schema, object, |field, value| {
            row.push(self.column(field, value)?);
            Ok(())
        })?;
        Ok(row)
    }

    /// Gives each field of the schema its value, in order; finds what the schema does not know.
    fn fields(
        self,
        schema: &Schema,
        object: &Map<String, Value>,
        mut each: impl FnMut(&Field, &Value) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let mut known = 0;
        let mut folded = None;
        for field in &schema.fields {
            let value = match object.get(&field.name) {
                Some(value) => Some(value),
                None if known == object.len() => None,
                None => folded.get_or_insert_with(|| fold(object)).get(&field.name.to_lowercase()).copied(),
            };
            known += usize::from(value.is_some());
            each(field, value.unwrap_or(&Value::Null))?;
        }
        if known < object.len() && !self.ignore_unknown {
            let unknown = object.keys().find(|key| schema.find(key).is_none());
            if let Some(name) = unknown {
                return Err(Problem::at(name, format!("no such field: {name}.")));
            }
        }
        Ok(())
    }

    fn column(self, field: &Field, value: &Value) -> Result<Cell, Problem> {
        match (field.mode, value) {
            (Mode::Repeated, _) => Ok(Cell::Text(self.nested(field, value)?.to_string())),
            (Mode::Required, Value::Null) => Err(Problem::missing(field)),
            (_, Value::Null) => Ok(Cell::Null),
            _ => match &field.ty {
                Type::Struct(_) => Ok(Cell::Text(self.nested(field, value)?.to_string())),
                ty => self.scalar(ty, value).map_err(|message| Problem::at(&field.name, message)),
            },
        }
    }

    /// A field's value as it stands within a stored struct or array.
    fn nested(self, field: &Field, value: &Value) -> Result<Value, Problem> {
        match (field.mode, value) {
            (Mode::Repeated, Value::Null) => Ok(Value::Array(Vec::new())),
            (Mode::Repeated, Value::Array(items)) => {
                items.iter().map(|item| self.element(field, item)).collect::<Result<_, _>>().map(Value::Array)
            }
            (Mode::Repeated, _) => {
                Err(Problem::at(&field.name, "This field is repeated: its value must be an array."))
            }
            (Mode::Required, Value::Null) => Err(Problem::missing(field)),
            (_, Value::Null) => Ok(Value::Null),
            _ => self.element(field, value),
        }
    }

    fn element(self, field: &Field, value: &Value) -> Result<Value, Problem> {
        match (&field.ty, value) {
            (_, Value::Null) => Err(Problem::at(
                &field.name,
                "Only optional fields can be set to NULL, not elements of arrays.",
            )),
            (Type::Struct(schema), Value::Object(object)) => {
                self.structure(schema, object).map_err(|problem| problem.inside(&field.name))
            }
            (Type::Struct(_), _) => {
                Err(Problem::at(&field.name, "This field is a record: its value must be an object."))
            }
            (ty, value) => {
                let cell = self.scalar(ty, value).map_err(|message| Problem::at(&field.name, message))?;
                Ok(nested_scalar(ty, cell))
            }
        }
    }

    fn structure(self, schema: &Schema, object: &Map<String, Value>) -> Result<Value, Problem> {
        let mut stored = Map::new();
        self.fields(schema, object, |field, value| {
            let value = self.nested(field, value)?;
            if !value.is_null() {
                stored.insert(field.name.clone(), value);
            }
            Ok(())
        })?;
        Ok(Value::Object(stored))
    }

    fn scalar(self, ty: &Type, value: &Value) -> Result<Cell, String> {
        match (ty, value) {
            (Type::Json, Value::String(text)) => json_text(text),
            (Type::Json, value) => Ok(Cell::Text(value.to_string())),
            (_, Value::Array(_)) => Err("Array specified for non-repeated field.".into()),
            (_, Value::Object(_)) => Err("This field is not a record.".into()),
            (Type::Bytes, Value::String(text)) => self.bytes(text).map(Cell::Blob),
            (_, Value::String(text)) => scalar(ty, text),
            (Type::Timestamp, Value::Number(number)) => number
                .as_f64()
                .and_then(time::from_seconds)
                .map(Cell::Integer)
                .ok_or_else(|| bad("timestamp", &number.to_string())),
            (Type::Int64, Value::Number(number)) if number.is_f64() => {
                whole(number.as_f64().unwrap_or(f64::NAN))
            }
            (Type::Float64, Value::Number(number)) => {
                Ok(Cell::Real(number.as_f64().unwrap_or(f64::INFINITY)))
            }
            (_, value) => scalar(ty, &value.to_string()),
        }
    }

    fn bytes(self, text: &str) -> Result<Vec<u8>, String> {
        if self.hex { from_hex(text) } else { base64(text) }.ok_or_else(|| bad("bytes", text))
    }
}

fn fold(object: &Map<String, Value>) -> std::collections::BTreeMap<String, &Value> {
    object.iter().map(|(key, value)| (key.to_lowercase(), value)).collect()
}

fn bad(kind: &str, text: &str) -> String {
    format!("Cannot convert value to {kind} (bad value): {text}")
}

fn whole(number: f64) -> Result<Cell, String> {
    if number.fract() == 0.0 && number.abs() < 9.2e18 {
        Ok(Cell::Integer(number as i64))
    } else {
        Err(bad("integer", &number.to_string()))
    }
}

/// A scalar from its text, as JSON strings, CSV and Storage Write rows hold it.
pub(crate) fn scalar(ty: &Type, text: &str) -> Result<Cell, String> {
    let integer = |value: Option<i64>, kind: &str| value.map(Cell::Integer).ok_or_else(|| bad(kind, text));
    match ty {
        Type::String | Type::Geography => Ok(Cell::Text(text.into())),
        Type::Bytes => base64(text).map(Cell::Blob).ok_or_else(|| bad("bytes", text)),
        Type::Int64 => integer(text.trim().parse().ok(), "integer"),
        Type::Float64 => float(text),
        Type::Bool => integer(boolean(text).map(i64::from), "boolean"),
        Type::Numeric => decimal::parse(text)
            .map(|value| Cell::Blob(decimal::encode(value)))
            .ok_or_else(|| format!("Invalid NUMERIC value: {text}")),
        Type::BigNumeric => {
            decimal::big(text).map(Cell::Blob).ok_or_else(|| format!("Invalid BIGNUMERIC value: {text}"))
        }
        Type::Timestamp => {
            let seconds = || text.trim().parse().ok().and_then(time::from_seconds);
            integer(time::parse_timestamp(text).or_else(seconds), "timestamp")
        }
        Type::Date => integer(time::parse_date(text), "date"),
        Type::Time => integer(time::parse_time(text), "time"),
        Type::Datetime => integer(time::parse_datetime(text), "datetime"),
        Type::Json => json_text(text),
        Type::Struct(_) | Type::Array(_) => Err("a record or an array is expected".into()),
    }
}

/// NaN is refused: SQLite has no place for it.
fn float(text: &str) -> Result<Cell, String> {
    let number: f64 = text.trim().parse().map_err(|_| bad("floating point", text))?;
    if number.is_nan() { Err("the emulator cannot store NaN".into()) } else { Ok(Cell::Real(number)) }
}

pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

fn json_text(text: &str) -> Result<Cell, String> {
    let json: Value = serde_json::from_str(text).map_err(|_| format!("Invalid JSON value: {text}"))?;
    Ok(Cell::Text(json.to_string()))
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let decode = |engine: &GeneralPurpose| engine.decode(text.trim()).ok();
    decode(&STANDARD).or_else(|| decode(&URL_SAFE))
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    text.len().is_multiple_of(2).then(|| text.as_bytes().chunks(2).map(pair).collect()).flatten()
}

/// A stored scalar as it stands within a stored struct or array.
pub(crate) fn nested_scalar(ty: &Type, cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Integer(value) if *ty == Type::Bool => Value::Bool(value != 0),
        Cell::Integer(value) => value.into(),
        // Infinity has no number in JSON.
        Cell::Real(value) => serde_json::Number::from_f64(value)
            .map_or_else(|| Value::String(value.to_string()), Value::Number),
        Cell::Text(text) => Value::String(text),
        Cell::Blob(bytes) => Value::String(to_hex(&bytes)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(fields: Value, row: Value) -> Result<Row, (String, String)> {
        let schema = Schema::parse(&json!({ "fields": fields })).expect("a schema");
        Reading::default()
            .row(&schema, row.as_object().expect("an object"))
            .map_err(|problem| (problem.location, problem.message))
    }

    #[test]
    fn names_match_in_any_case() {
        let row = read(json!([{"name": "Id", "type": "INT64"}]), json!({"iD": "7"}));
        assert_eq!(row, Ok(vec![Cell::Integer(7)]));
    }

    #[test]
    fn an_unknown_field_is_named() {
        let row = read(json!([{"name": "a", "type": "STRING"}]), json!({"a": "x", "b": 1}));
        assert_eq!(row, Err(("b".into(), "no such field: b.".into())));
    }

    #[test]
    fn a_problem_inside_a_record_tells_its_place() {
        let fields = json!([{"name": "items", "type": "RECORD", "mode": "REPEATED",
            "fields": [{"name": "price", "type": "FLOAT64"}]}]);
        let row = read(fields, json!({"items": [{"price": 1}, {"price": "dear"}]}));
        let message = "Cannot convert value to floating point (bad value): dear";
        assert_eq!(row, Err(("items.price".into(), message.into())));
    }

    #[test]
    fn records_and_arrays_become_json() {
        let fields = json!([
            {"name": "tags", "type": "STRING", "mode": "REPEATED"},
            {"name": "at", "type": "RECORD", "fields": [{"name": "day", "type": "DATE"}, {"name": "n", "type": "FLOAT"}]},
        ]);
        let row = read(fields, json!({"at": {"day": "1970-01-02", "n": 1}}));
        assert_eq!(row, Ok(vec![Cell::Text("[]".into()), Cell::Text(r#"{"day":1,"n":1.0}"#.into())]));
    }
}
