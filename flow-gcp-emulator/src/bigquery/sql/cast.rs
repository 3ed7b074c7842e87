//! CAST: which casts there are, and what they do to stored values.

use rusqlite::types::Value as Cell;
use sqlparser::ast::{ArrayElemTypeDef, DataType, ExactNumberInfo};

use super::super::error::{Error, Result};
use super::super::output::wire;
use super::super::schema::Type;
use super::super::time::DAY;
use super::super::{decimal, time, value};
use super::bound::{Bound, Literal, blob, quote};
use super::unsupported;

/// The type that a name in SQL means.
pub(super) fn type_of(ty: &DataType) -> Result<Type> {
    Ok(match ty {
        DataType::Array(ArrayElemTypeDef::AngleBracket(of)) => Type::Array(Box::new(type_of(of)?)),
        DataType::Numeric(info) | DataType::Decimal(info) if *info != ExactNumberInfo::None => {
            return Err(unsupported(format!("the type {ty} with a precision")));
        }
        other => {
            let name = other.to_string().to_ascii_uppercase();
            named_type(&name).ok_or_else(|| unsupported(format!("the type {name}")))?
        }
    })
}

pub(super) fn named_type(name: &str) -> Option<Type> {
    Some(match name {
        "STRING" => Type::String,
        "BYTES" => Type::Bytes,
        "INT64" | "INT" | "INTEGER" | "BIGINT" | "SMALLINT" | "TINYINT" => Type::Int64,
        "FLOAT64" => Type::Float64,
        "BOOL" | "BOOLEAN" => Type::Bool,
        "NUMERIC" | "DECIMAL" => Type::Numeric,
        "BIGNUMERIC" | "BIGDECIMAL" => Type::BigNumeric,
        "TIMESTAMP" => Type::Timestamp,
        "DATE" => Type::Date,
        "TIME" => Type::Time,
        "DATETIME" => Type::Datetime,
        "JSON" => Type::Json,
        _ => return None,
    })
}

/// The types of which casts know, by the names that [`Type::name`] gives them.
pub(super) fn of_name(name: &str) -> Option<Type> {
    match name {
        "INTEGER" => Some(Type::Int64),
        "FLOAT" => Some(Type::Float64),
        other => named_type(other),
    }
}

/// CAST or SAFE_CAST of a bound expression.
pub(super) fn cast(bound: &Bound, to: &Type, safe: bool) -> Result<Bound> {
    let Some(from) = &bound.ty else { return Ok(Bound { ty: Some(to.clone()), ..Bound::null() }) };
    if from == to {
        return Ok(Bound { literal: None, ..bound.clone() });
    }
    if matches!(bound.literal, Some(Literal::Int(_) | Literal::Float(_)))
        && let Some(bound) = bound.coerce(to)
    {
        return Ok(bound);
    }
    if !possible(from, to) {
        return Err(Error::query(format!("Invalid cast from {} to {}", from.sql_name(), to.sql_name())));
    }
    let verb = if safe { "bq_safe_cast" } else { "bq_cast" };
    Ok(Bound::new(format!("{verb}({}, '{}', '{}')", bound.sql, from.name(), to.name()), to.clone()))
}

/// A value of the query's text, read while binding.
pub(super) fn constant(text: &str, to: &Type) -> Result<Bound> {
    let bad = || Error::query(format!("Invalid {} value: {text}", to.sql_name()));
    if *to == Type::Json {
        let Ok(Cell::Text(json)) = value::scalar(to, text) else { return Err(bad()) };
        return Ok(Bound::new(quote(&json), Type::Json));
    }
    let sql = match cast_cell(&Type::String, to, &Cell::Text(text.into())).map_err(|_| bad())? {
        Cell::Integer(value) => value.to_string(),
        Cell::Real(_) => return Bound::float(text),
        Cell::Blob(bytes) => blob(&bytes),
        Cell::Text(text) => quote(&text),
        Cell::Null => "NULL".into(),
    };
    Ok(Bound::new(sql, to.clone()))
}

fn possible(from: &Type, to: &Type) -> bool {
    use Type::{BigNumeric, Bool, Date, Datetime, Float64, Int64, Numeric, String, Time, Timestamp};
    match (from, to) {
        (String, to) => !matches!(to, Type::Json | Type::Geography | Type::Struct(_) | Type::Array(_)),
        (from, String) => !matches!(from, Type::Json | Type::Geography | Type::Struct(_) | Type::Array(_)),
        (Int64, to) => matches!(to, Float64 | Bool | Numeric | BigNumeric),
        (Bool, to) => matches!(to, Int64),
        (Float64, to) => matches!(to, Int64 | Numeric),
        (Numeric, to) => matches!(to, Int64 | Float64 | BigNumeric),
        (BigNumeric, to) => matches!(to, Float64 | Numeric),
        (Date, to) => matches!(to, Timestamp | Datetime),
        (Timestamp, to) => matches!(to, Date | Datetime | Time),
        (Datetime, to) => matches!(to, Date | Timestamp | Time),
        _ => false,
    }
}

/// Casts a stored value; what is wrong with it is told in BigQuery's words.
pub(super) fn cast_cell(from: &Type, to: &Type, cell: &Cell) -> std::result::Result<Cell, String> {
    match (from, to, cell) {
        (_, _, Cell::Null) => Ok(Cell::Null),
        (Type::Bytes, Type::String, Cell::Blob(bytes)) => String::from_utf8(bytes.clone())
            .map(Cell::Text)
            .map_err(|_| "Cannot cast bytes to string: invalid UTF-8".into()),
        (_, Type::String, cell) => Ok(Cell::Text(text(from, cell))),
        (Type::String, Type::Bytes, Cell::Text(text)) => Ok(Cell::Blob(text.clone().into_bytes())),
        (Type::String, to, Cell::Text(text)) => read(to, text),
        (Type::Int64, Type::Bool, Cell::Integer(value)) => Ok(Cell::Integer(i64::from(*value != 0))),
        (Type::Int64, Type::Float64, Cell::Integer(value)) => Ok(Cell::Real(*value as f64)),
        (Type::Int64 | Type::Numeric, Type::Numeric | Type::BigNumeric, cell)
        | (Type::Float64 | Type::BigNumeric, Type::Numeric, cell) => read(to, &text(from, cell)),
        (Type::Float64, Type::Int64, Cell::Real(value)) => {
            let rounded = value.round();
            let fits = (i64::MIN as f64..-(i64::MIN as f64)).contains(&rounded);
            fits.then_some(Cell::Integer(rounded as i64))
                .ok_or_else(|| format!("Illegal conversion to INT64: {value}"))
        }
        (Type::Numeric, Type::Int64, Cell::Blob(bytes)) => {
            let value = decimal::decode(bytes).ok_or("broken NUMERIC")?;
            let half = if value < 0 { -decimal::UNIT / 2 } else { decimal::UNIT / 2 };
            i64::try_from((value + half) / decimal::UNIT)
                .map(Cell::Integer)
                .map_err(|_| "int64 overflow".into())
        }
        (Type::Numeric | Type::BigNumeric, Type::Float64, cell) => {
            text(from, cell).parse().map(Cell::Real).map_err(|_| "broken NUMERIC".into())
        }
        (Type::Date, Type::Timestamp | Type::Datetime, Cell::Integer(days)) => Ok(Cell::Integer(days * DAY)),
        (Type::Timestamp | Type::Datetime, Type::Date, Cell::Integer(micros)) => {
            Ok(Cell::Integer(micros.div_euclid(DAY)))
        }
        (Type::Timestamp | Type::Datetime, Type::Time, Cell::Integer(micros)) => {
            Ok(Cell::Integer(micros.rem_euclid(DAY)))
        }
        (Type::Timestamp | Type::Datetime, Type::Timestamp | Type::Datetime, cell)
        | (Type::Bool, Type::Int64, cell) => Ok(cell.clone()),
        _ => Err(format!("Invalid cast from {} to {}", from.sql_name(), to.sql_name())),
    }
}

/// A value as CAST to STRING writes it.
fn text(from: &Type, cell: &Cell) -> String {
    match (from, cell) {
        (Type::Float64, Cell::Real(value)) if value.is_infinite() => {
            if *value > 0.0 { "inf" } else { "-inf" }.into()
        }
        (Type::Float64, Cell::Real(value))
            if value.abs() >= 1e15 || (*value != 0.0 && value.abs() < 1e-5) =>
        {
            let text = format!("{value:e}");
            match text.split_once('e') {
                Some((mantissa, exponent)) if !exponent.starts_with('-') => {
                    format!("{mantissa}e+{exponent:0>2}")
                }
                Some((mantissa, exponent)) => format!("{mantissa}e-{:0>2}", &exponent[1..]),
                None => text,
            }
        }
        (Type::Float64, Cell::Real(value)) => value.to_string(),
        (Type::Timestamp, Cell::Integer(micros)) => format!("{}+00", time::print_datetime(*micros, ' ')),
        (Type::Datetime, Cell::Integer(micros)) => time::print_datetime(*micros, ' '),
        (from, cell) => wire(from, cell).unwrap_or_default(),
    }
}

fn read(to: &Type, text: &str) -> std::result::Result<Cell, String> {
    let bad = |kind: &str| format!("{kind}: {text}");
    match to {
        Type::Int64 => {
            let digits = text.trim();
            let hex = digits.strip_prefix("0x").and_then(|hex| i64::from_str_radix(hex, 16).ok());
            hex.or_else(|| digits.parse().ok()).map(Cell::Integer).ok_or_else(|| bad("Bad int64 value"))
        }
        Type::Float64 => text
            .trim()
            .parse()
            .ok()
            .filter(|value: &f64| !value.is_nan())
            .map(Cell::Real)
            .ok_or_else(|| bad("Bad double value")),
        Type::Bool => match text.trim().to_ascii_lowercase().as_str() {
            "true" => Ok(Cell::Integer(1)),
            "false" => Ok(Cell::Integer(0)),
            _ => Err(bad("Bad bool value")),
        },
        Type::Numeric => {
            let value = decimal::parse_rounding(text);
            value.map(|value| Cell::Blob(decimal::encode(value))).ok_or_else(|| bad("Invalid NUMERIC value"))
        }
        Type::Timestamp => {
            time::parse_timestamp(text).map(Cell::Integer).ok_or_else(|| bad("Invalid timestamp"))
        }
        other => value::scalar(other, text).map_err(|_| bad(&format!("Invalid {} value", other.sql_name()))),
    }
}
