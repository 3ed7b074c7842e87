//! Columns, their types and modes.

use super::Column;

/// A column of a table, or of a record in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Letters, digits and underscores; the service does not tell upper case from lower case.
    pub name: String,
    /// What its values are.
    pub kind: FieldType,
    /// Whether it may be NULL, or holds an array.
    pub mode: Mode,
    /// Text for whoever reads the table.
    pub description: Option<String>,
}

impl Field {
    /// A column that must have a value.
    pub fn required(name: impl Into<String>, kind: FieldType) -> Self {
        Field { name: name.into(), kind, mode: Mode::Required, description: None }
    }

    /// A column that may be NULL.
    pub fn nullable(name: impl Into<String>, kind: FieldType) -> Self {
        Field { mode: Mode::Nullable, ..Field::required(name, kind) }
    }

    /// A column of arrays.
    pub fn repeated(name: impl Into<String>, kind: FieldType) -> Self {
        Field { mode: Mode::Repeated, ..Field::required(name, kind) }
    }

    /// A column for values of a Rust type.
    pub fn of<T: Column + ?Sized>(name: impl Into<String>) -> Self {
        Field { mode: T::MODE, ..Field::required(name, T::kind()) }
    }

    /// The same in another mode.
    #[must_use]
    pub fn with_mode(self, mode: Mode) -> Self {
        Field { mode, ..self }
    }

    /// The same, but its value may be left out: NULLABLE in place of REQUIRED.
    #[must_use]
    pub fn optional(self) -> Self {
        Field { mode: self.mode.optional(), ..self }
    }

    /// The same with text for whoever reads the table.
    #[must_use]
    pub fn described(self, description: impl Into<String>) -> Self {
        Field { description: Some(description.into()), ..self }
    }
}

/// What the values of a column are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// Text.
    String,
    /// Bytes; base64 in JSON.
    Bytes,
    /// Integers of 64 bits, signed.
    Int64,
    /// Floats of 64 bits.
    Float64,
    /// Decimals of 29 digits before the point and 9 behind it.
    Numeric,
    /// Decimals of 38 digits before the point and 38 behind it.
    BigNumeric,
    /// True or false.
    Bool,
    /// A moment, in microseconds.
    Timestamp,
    /// A day of the calendar.
    Date,
    /// A time of the day, in microseconds.
    Time,
    /// A day and a time of it, in no zone.
    DateTime,
    /// Any JSON.
    Json,
    /// Points, lines and areas, as WKT or GeoJSON.
    Geography,
    /// Columns of its own.
    Record(Vec<Field>),
}

impl FieldType {
    /// Its name in SQL of today, but RECORD for a record, as schemas have it.
    pub fn name(&self) -> &'static str {
        match self {
            FieldType::String => "STRING",
            FieldType::Bytes => "BYTES",
            FieldType::Int64 => "INT64",
            FieldType::Float64 => "FLOAT64",
            FieldType::Numeric => "NUMERIC",
            FieldType::BigNumeric => "BIGNUMERIC",
            FieldType::Bool => "BOOL",
            FieldType::Timestamp => "TIMESTAMP",
            FieldType::Date => "DATE",
            FieldType::Time => "TIME",
            FieldType::DateTime => "DATETIME",
            FieldType::Json => "JSON",
            FieldType::Geography => "GEOGRAPHY",
            FieldType::Record(_) => "RECORD",
        }
    }

    /// The type of that name, in upper or lower case, old or new; a record has the given columns.
    pub(super) fn of_name(name: &str, fields: Vec<Field>) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "STRING" => FieldType::String,
            "BYTES" => FieldType::Bytes,
            "INTEGER" | "INT64" => FieldType::Int64,
            "FLOAT" | "FLOAT64" => FieldType::Float64,
            "NUMERIC" => FieldType::Numeric,
            "BIGNUMERIC" => FieldType::BigNumeric,
            "BOOLEAN" | "BOOL" => FieldType::Bool,
            "TIMESTAMP" => FieldType::Timestamp,
            "DATE" => FieldType::Date,
            "TIME" => FieldType::Time,
            "DATETIME" => FieldType::DateTime,
            "JSON" => FieldType::Json,
            "GEOGRAPHY" => FieldType::Geography,
            "RECORD" | "STRUCT" => FieldType::Record(fields),
            _ => return None,
        })
    }

    /// The columns of a record; of all others none.
    pub fn fields(&self) -> &[Field] {
        match self {
            FieldType::Record(fields) => fields,
            _ => &[],
        }
    }
}

/// Whether a column may be NULL, or holds an array.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// A value or NULL.
    #[default]
    Nullable,
    /// A value.
    Required,
    /// An array, without NULL in it. An array that is missing is empty.
    Repeated,
}

impl Mode {
    /// Its name in schemas.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Nullable => "NULLABLE",
            Mode::Required => "REQUIRED",
            Mode::Repeated => "REPEATED",
        }
    }

    /// The mode of that name, in upper or lower case.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let modes = [Mode::Nullable, Mode::Required, Mode::Repeated];
        modes.into_iter().find(|mode| mode.name().eq_ignore_ascii_case(name))
    }

    /// What it is where the value may be left out: NULLABLE in place of REQUIRED.
    pub(super) const fn optional(self) -> Self {
        match self {
            Mode::Required => Mode::Nullable,
            mode => mode,
        }
    }
}
