//! Values on their way out: as the REST API writes rows, and as plain typed JSON for tests in Rust.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::types::Value as Cell;
use serde_json::{Map, Value, json};

use super::schema::{Field, Mode, Schema, Type};
use super::value::{from_hex, to_hex};
use super::{decimal, time};

/// How values are written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// `{"f": [{"v": ".."}]}`: all scalars are strings.
    Wire {
        /// Timestamps as whole microseconds and not as seconds in floating point.
        int64_timestamp: bool,
    },
    /// `{"name": value}` with JSON's own types.
    Plain,
}

impl Form {
    /// A stored row in this form.
    pub(crate) fn row(self, schema: &Schema, row: &[Cell]) -> Value {
        let values = schema.fields.iter().zip(row).map(|(field, cell)| self.column(field, cell));
        self.record(schema, values)
    }

    fn record(self, schema: &Schema, values: impl Iterator<Item = Value>) -> Value {
        match self {
            Form::Wire { .. } => json!({"f": values.map(|v| json!({ "v": v })).collect::<Vec<_>>()}),
            Form::Plain => {
                let names = schema.fields.iter().map(|field| field.name.clone());
                Value::Object(names.zip(values).collect::<Map<_, _>>())
            }
        }
    }

    fn column(self, field: &Field, cell: &Cell) -> Value {
        match (cell, &field.ty) {
            (Cell::Text(text), _) if field.mode == Mode::Repeated => {
                self.nested(field, &serde_json::from_str(text).unwrap_or_default())
            }
            (Cell::Null, _) if field.mode == Mode::Repeated => Value::Array(Vec::new()),
            (Cell::Null, _) => Value::Null,
            (Cell::Text(text), Type::Struct(_)) => {
                self.element(&field.ty, &serde_json::from_str(text).unwrap_or_default())
            }
            (cell, ty) => self.scalar(ty, cell),
        }
    }

    fn nested(self, field: &Field, value: &Value) -> Value {
        if field.mode != Mode::Repeated {
            return self.element(&field.ty, value);
        }
        let items = value.as_array().into_iter().flatten().map(|item| self.element(&field.ty, item));
        match self {
            Form::Wire { .. } => items.map(|item| json!({ "v": item })).collect(),
            Form::Plain => items.collect(),
        }
    }

    fn element(self, ty: &Type, value: &Value) -> Value {
        match (ty, value) {
            (_, Value::Null) => Value::Null,
            (Type::Struct(schema), value) => {
                let values = schema.fields.iter().map(|field| self.nested(field, &value[&field.name]));
                self.record(schema, values)
            }
            (ty, value) => self.scalar(ty, &nested_cell(ty, value)),
        }
    }

    fn scalar(self, ty: &Type, cell: &Cell) -> Value {
        match self {
            Form::Wire { int64_timestamp: false } if *ty == Type::Timestamp => {
                integer(cell).map(time::print_seconds).into()
            }
            Form::Wire { .. } => wire(ty, cell).into(),
            Form::Plain => plain(ty, cell),
        }
    }
}

fn integer(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Integer(value) => Some(*value),
        _ => None,
    }
}

/// A scalar out of a stored struct or array.
pub(crate) fn nested_cell(ty: &Type, value: &Value) -> Cell {
    match (ty, value) {
        (_, Value::Null | Value::Object(_) | Value::Array(_)) => Cell::Null,
        (_, Value::Bool(value)) => Cell::Integer(i64::from(*value)),
        (Type::Float64, value) => {
            let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
            number.map_or(Cell::Null, Cell::Real)
        }
        (_, Value::Number(number)) => number.as_i64().map_or(Cell::Null, Cell::Integer),
        (Type::Bytes | Type::Numeric | Type::BigNumeric, Value::String(hex)) => {
            from_hex(hex).map_or(Cell::Null, Cell::Blob)
        }
        (_, Value::String(text)) => Cell::Text(text.clone()),
    }
}

/// A scalar as text, in the form that the REST API gives it; `None` is NULL.
pub(crate) fn wire(ty: &Type, cell: &Cell) -> Option<String> {
    Some(match (ty, cell) {
        (_, Cell::Null) => return None,
        (Type::Bool, Cell::Integer(value)) => (*value != 0).to_string(),
        (Type::Date, Cell::Integer(days)) => time::print_date(*days),
        (Type::Time, Cell::Integer(micros)) => time::print_time(*micros),
        (Type::Datetime, Cell::Integer(micros)) => time::print_datetime(*micros, 'T'),
        (_, Cell::Integer(value)) => value.to_string(),
        (_, Cell::Real(value)) => print_float(*value),
        (Type::Numeric, Cell::Blob(bytes)) => decimal::decode(bytes).map(decimal::print)?,
        (Type::BigNumeric, Cell::Blob(bytes)) => decimal::print_big(bytes)?,
        (Type::Bytes, Cell::Blob(bytes)) => STANDARD.encode(bytes),
        (_, Cell::Blob(bytes)) => to_hex(bytes),
        (_, Cell::Text(text)) => text.clone(),
    })
}

/// `1.5`, `2.0`, `1.0E300`, `Infinity`.
fn print_float(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "Infinity".into() } else { "-Infinity".into() };
    }
    format!("{value:?}").replace('e', "E")
}

fn plain(ty: &Type, cell: &Cell) -> Value {
    match (ty, cell) {
        (Type::Bool, Cell::Integer(value)) => Value::Bool(*value != 0),
        (Type::Timestamp, Cell::Integer(micros)) => time::print_timestamp(*micros).into(),
        (Type::Int64, Cell::Integer(value)) => (*value).into(),
        (Type::Float64, Cell::Real(value)) if value.is_finite() => (*value).into(),
        (Type::Json, Cell::Text(text)) => serde_json::from_str(text).unwrap_or_default(),
        (ty, cell) => wire(ty, cell).into(),
    }
}
