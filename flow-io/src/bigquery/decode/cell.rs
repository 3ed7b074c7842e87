//! One value, read by its column.

use std::borrow::Cow;

use serde::de::value::{CowStrDeserializer, MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error as _, IntoDeserializer, Visitor};
use serde_json::Value;

use super::compound::{Columns, Items};
use super::moment::micros;
use crate::bigquery::encode::{RowError, base64, float, utc};
use crate::bigquery::{Field, FieldType, Mode};

/// A value and what it is.
pub(super) enum Cell<'a> {
    Null,
    Text(&'a FieldType, Cow<'a, str>),
    Array(Items<'a>),
    Record(Columns<'a>),
}

impl<'a> Cell<'a> {
    /// The value of a column.
    pub(super) fn of(field: &'a Field, value: &'a Value) -> Result<Self, RowError> {
        match value {
            Value::Null if field.mode == Mode::Repeated => Ok(Cell::Array(Items::new(&field.kind, &[]))),
            Value::Null => Ok(Cell::Null),
            Value::Array(items) if field.mode == Mode::Repeated => {
                Ok(Cell::Array(Items::new(&field.kind, items)))
            }
            _ if field.mode == Mode::Repeated => Err(RowError::custom("the service gave no array")),
            value => Cell::single(&field.kind, value),
        }
    }

    /// A value that is no array.
    pub(super) fn single(kind: &'a FieldType, value: &'a Value) -> Result<Self, RowError> {
        match (kind, value) {
            (_, Value::Null) => Ok(Cell::Null),
            (FieldType::Record(fields), value) => Ok(Cell::Record(Columns::read(fields, value)?)),
            (_, Value::String(text)) => Ok(Cell::Text(kind, text.into())),
            // The service gives text, but not every server that speaks its language does.
            (_, Value::Bool(value)) => Ok(Cell::Text(kind, value.to_string().into())),
            (_, Value::Number(value)) => Ok(Cell::Text(kind, value.to_string().into())),
            (_, Value::Array(_) | Value::Object(_)) => {
                Err(RowError::custom("the service gave no single value"))
            }
        }
    }
}

fn json(text: &str) -> Result<Value, RowError> {
    serde_json::from_str(text).map_err(RowError::custom)
}

fn custom(error: serde_json::Error) -> RowError {
    RowError::custom(error)
}

/// Text by its column, where no type is asked for.
fn any<'de, V: Visitor<'de>>(kind: &FieldType, text: &str, visitor: V) -> Result<V::Value, RowError> {
    match kind {
        FieldType::Int64 => visitor.visit_i64(text.parse().map_err(|_| RowError::text(text, kind))?),
        FieldType::Bool => match text {
            "true" | "TRUE" => visitor.visit_bool(true),
            "false" | "FALSE" => visitor.visit_bool(false),
            _ => Err(RowError::text(text, kind)),
        },
        FieldType::Float64 => match float(text)? {
            value if value.is_finite() => visitor.visit_f64(value),
            // JSON has no such numbers.
            _ => visitor.visit_str(text),
        },
        FieldType::Timestamp => visitor.visit_string(format!("{}Z", utc(micros(text)?)?)),
        FieldType::Json => json(text)?.deserialize_any(visitor).map_err(custom),
        FieldType::Record(_) => unreachable!("a record is no text"),
        _ => visitor.visit_str(text),
    }
}

macro_rules! integers {
    ($($method:ident),+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
            match self {
                Cell::Text(FieldType::Timestamp, text) => visitor.visit_i64(micros(&text)?),
                Cell::Text(FieldType::Numeric | FieldType::BigNumeric, text) => match text.parse() {
                    Ok(value) => visitor.visit_i128(value),
                    Err(_) => visitor.visit_str(&text),
                },
                other => other.deserialize_any(visitor),
            }
        })+
    };
}

macro_rules! floats {
    ($($method:ident),+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
            match self {
                Cell::Text(FieldType::Float64 | FieldType::Numeric | FieldType::BigNumeric, text) => {
                    visitor.visit_f64(float(&text)?)
                }
                other => other.deserialize_any(visitor),
            }
        })+
    };
}

macro_rules! bytes {
    ($($method:ident),+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
            match self {
                Cell::Text(FieldType::Bytes, text) => visitor.visit_byte_buf(base64(&text)?),
                other => other.deserialize_any(visitor),
            }
        })+
    };
}

impl<'de> Deserializer<'de> for Cell<'_> {
    type Error = RowError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
        match self {
            Cell::Null => visitor.visit_unit(),
            Cell::Text(kind, text) => any(kind, &text, visitor),
            Cell::Array(items) => visitor.visit_seq(items),
            Cell::Record(columns) => visitor.visit_map(columns),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
        match self {
            Cell::Null => visitor.visit_none(),
            other => visitor.visit_some(other),
        }
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, RowError> {
        visitor.visit_newtype_struct(self)
    }
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
        match self {
            Cell::Text(FieldType::Bytes, text) => {
                visitor.visit_seq(SeqDeserializer::new(base64(&text)?.into_iter()))
            }
            other => other.deserialize_any(visitor),
        }
    }
    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, RowError> {
        self.deserialize_seq(visitor)
    }
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, RowError> {
        self.deserialize_seq(visitor)
    }
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, RowError> {
        match self {
            Cell::Text(FieldType::Json, text) => {
                json(&text)?.deserialize_enum(name, variants, visitor).map_err(custom)
            }
            Cell::Text(_, text) => {
                let text: CowStrDeserializer<'_, RowError> = text.into_deserializer();
                text.deserialize_enum(name, variants, visitor)
            }
            // The variant is the one column that is not NULL.
            Cell::Record(columns) => {
                let entries = MapDeserializer::new(columns.entries()?.into_iter());
                MapAccessDeserializer::new(entries).deserialize_enum(name, variants, visitor)
            }
            Cell::Null | Cell::Array(_) => Err(RowError::custom("no variant of an enum")),
        }
    }
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
        visitor.visit_unit()
    }

    integers!(
        deserialize_i8,
        deserialize_i16,
        deserialize_i32,
        deserialize_i64,
        deserialize_i128,
        deserialize_u8,
        deserialize_u16,
        deserialize_u32,
        deserialize_u64,
        deserialize_u128
    );
    floats!(deserialize_f32, deserialize_f64);
    bytes!(deserialize_bytes, deserialize_byte_buf);

    serde::forward_to_deserialize_any! {
        bool char str string unit unit_struct map struct identifier
    }
}

impl IntoDeserializer<'_, RowError> for Cell<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
