//! Expressions that have met the schema: their text for SQLite and their type in BigQuery.

use super::super::decimal;
use super::super::error::{Error, Result};
use super::super::schema::{Field, Mode, Schema, Type};
use super::super::time;
use super::super::value::to_hex;

/// A value written in the query itself: it takes the type that it meets.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Int(i64),
    Float(String),
    Text(String),
}

#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) sql: String,
    /// None for a bare NULL, which has any type.
    pub(super) ty: Option<Type>,
    pub(super) literal: Option<Literal>,
}

/// A column of a relation.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) name: Option<String>,
    pub(super) ty: Option<Type>,
}

/// A query's text for SQLite; its columns are called `o0`, `o1`, ... there.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    pub(super) sql: String,
    pub(super) columns: Vec<Output>,
}

impl Bound {
    pub(super) fn new(sql: impl Into<String>, ty: Type) -> Self {
        Self { sql: sql.into(), ty: Some(ty), literal: None }
    }

    pub(super) fn null() -> Self {
        Self { sql: "NULL".into(), ty: None, literal: None }
    }

    pub(super) fn int(value: i64) -> Self {
        Self { literal: Some(Literal::Int(value)), ..Self::new(value.to_string(), Type::Int64) }
    }

    pub(super) fn text(value: &str) -> Self {
        Self { literal: Some(Literal::Text(value.into())), ..Self::new(quote(value), Type::String) }
    }

    pub(super) fn float(text: &str) -> Result<Self> {
        let value: f64 =
            text.parse().map_err(|_| Error::query(format!("Invalid floating point literal: {text}")))?;
        Ok(Self { literal: Some(Literal::Float(text.into())), ..Self::new(real(value), Type::Float64) })
    }

    /// For messages.
    pub(super) fn type_name(&self) -> String {
        self.ty.as_ref().map_or("NULL".into(), Type::sql_name)
    }

    /// As a value of the type, where BigQuery does so by itself.
    pub(super) fn coerce(&self, to: &Type) -> Option<Bound> {
        let Some(from) = &self.ty else { return Some(Self { ty: Some(to.clone()), ..self.clone() }) };
        if from == to {
            return Some(self.clone());
        }
        if let Some(literal) = &self.literal
            && let Some(sql) = literal.as_type(to)
        {
            return Some(Self::new(sql, to.clone()));
        }
        let sql = match (from, to) {
            (Type::Int64, Type::Float64) => format!("CAST({} AS REAL)", self.sql),
            (Type::Int64 | Type::Numeric, Type::Float64 | Type::Numeric | Type::BigNumeric)
            | (Type::BigNumeric, Type::Float64)
            | (Type::Date, Type::Datetime) => {
                format!("bq_cast({}, '{}', '{}')", self.sql, from.name(), to.name())
            }
            _ => return None,
        };
        Some(Self::new(sql, to.clone()))
    }

    /// As a value of the type, or an error that tells what wanted it.
    pub(super) fn expect(&self, to: &Type, what: &str) -> Result<Bound> {
        self.coerce(to).ok_or_else(|| {
            Error::query(format!("{what} expects {}, and not {}", to.sql_name(), self.type_name()))
        })
    }

    /// The field of a struct.
    pub(super) fn field(&self, name: &str) -> Result<Bound> {
        let Some(Type::Struct(schema)) = &self.ty else {
            let text = format!("Cannot access field {name} on a value with type {}", self.type_name());
            return Err(Error::query(text));
        };
        let found = schema.find(name).map(|(_, field)| field);
        let field = found.ok_or_else(|| {
            Error::query(format!("Field name {name} does not exist in {}", self.type_name()))
        })?;
        Ok(Self::new(out_of_json(&self.sql, field), field.whole()))
    }
}

impl Literal {
    /// The literal as another type, if it can be read as one.
    fn as_type(&self, to: &Type) -> Option<String> {
        Some(match (self, to) {
            (Literal::Int(value), Type::Float64) => real(*value as f64),
            (Literal::Int(value), Type::Numeric) => {
                blob(&decimal::encode(decimal::parse(&value.to_string())?))
            }
            (Literal::Int(value), Type::BigNumeric) => blob(&decimal::big(&value.to_string())?),
            (Literal::Float(text), Type::Numeric) => blob(&decimal::encode(decimal::parse_rounding(text)?)),
            (Literal::Float(text), Type::BigNumeric) => blob(&decimal::big(text)?),
            (Literal::Text(text), Type::Date) => time::parse_date(text)?.to_string(),
            (Literal::Text(text), Type::Datetime) => time::parse_datetime(text)?.to_string(),
            (Literal::Text(text), Type::Timestamp) => time::parse_timestamp(text)?.to_string(),
            (Literal::Text(text), Type::Time) => time::parse_time(text)?.to_string(),
            _ => return None,
        })
    }
}

/// Brings values to one type, as comparisons, CASE and set operations need.
pub(super) fn unify(values: &mut [Bound], what: &str) -> Result<Option<Type>> {
    let Some(ty) = common(values.iter(), what)? else { return Ok(None) };
    for value in values {
        *value = value.expect(&ty, what)?;
    }
    Ok(Some(ty))
}

/// The type that all values can have.
pub(super) fn common<'a>(
    values: impl Iterator<Item = &'a Bound> + Clone,
    what: &str,
) -> Result<Option<Type>> {
    let types = || values.clone().filter(|value| value.ty.is_some());
    let mut candidates: Vec<Type> =
        types().filter(|value| value.literal.is_none()).filter_map(|v| v.ty.clone()).collect();
    candidates.extend(types().filter(|value| value.literal.is_some()).filter_map(|v| v.ty.clone()));
    candidates.extend([Type::Float64]);
    if types().next().is_none() {
        return Ok(None);
    }
    let fits = |ty: &Type| types().all(|value| value.coerce(ty).is_some());
    candidates.iter().find(|ty| fits(ty)).cloned().map(Some).ok_or_else(|| {
        let names: Vec<_> = types().map(Bound::type_name).collect();
        Error::query(format!("No matching signature for {what} with types {}", names.join(", ")))
    })
}

/// A field taken out of a struct that is stored as JSON.
fn out_of_json(object: &str, field: &Field) -> String {
    let value = format!("json_extract({object}, '$.\"{}\"')", field.name);
    match field.mode {
        Mode::Repeated => format!("CASE WHEN {object} IS NOT NULL THEN coalesce({value}, '[]') END"),
        _ => stored_scalar(&value, &field.ty),
    }
}

/// What JSON functions of SQLite give, as it is stored outside of JSON.
pub(super) fn stored_scalar(value: &str, ty: &Type) -> String {
    match ty {
        Type::Bytes | Type::Numeric | Type::BigNumeric => format!("unhex({value})"),
        Type::Float64 => format!("bq_real({value})"),
        _ => value.into(),
    }
}

/// The other way: a value as it goes into JSON functions of SQLite.
pub(super) fn into_json(bound: &Bound) -> String {
    let sql = &bound.sql;
    match &bound.ty {
        Some(Type::Bytes | Type::Numeric | Type::BigNumeric) => {
            format!("CASE WHEN {sql} IS NOT NULL THEN hex({sql}) END")
        }
        Some(Type::Float64) => format!("bq_json_real({sql})"),
        Some(Type::Struct(_) | Type::Array(_)) => format!("json({sql})"),
        _ => sql.clone(),
    }
}

/// The columns of a relation as a struct's fields.
pub(super) fn fields_of(columns: &[Output]) -> Schema {
    let fields = columns.iter().enumerate().map(|(at, column)| {
        let name = column.name.clone().unwrap_or_else(|| format!("_field_{}", at + 1));
        match column.ty.clone().unwrap_or(Type::Int64) {
            Type::Array(of) => Field { name, ty: *of, mode: Mode::Repeated },
            ty => Field { name, ty, mode: Mode::Nullable },
        }
    });
    Schema { fields: fields.collect() }
}

pub(super) fn quote(text: &str) -> String {
    if text.contains('\0') {
        return format!("CAST(X'{}' AS TEXT)", to_hex(text.as_bytes()));
    }
    format!("'{}'", text.replace('\'', "''"))
}

pub(super) fn blob(bytes: &[u8]) -> String {
    format!("X'{}'", to_hex(bytes))
}

fn real(value: f64) -> String {
    if value.is_infinite() { "9e999".into() } else { format!("{value:?}") }
}
