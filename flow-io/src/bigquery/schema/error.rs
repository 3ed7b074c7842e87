//! What is wrong with a schema.

use std::convert::Infallible;
use std::{error, fmt};

/// A schema that the service would refuse, or that could not be read; says which column and why in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// The way to the column: `items.price`.
    path: String,
    fact: Fact,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    NoColumns,
    Name,
    LongName,
    Reserved(&'static str),
    Twice,
    Depth,
    LongDescription,
    Type(String),
    Mode(String),
    /// A part of the text is no column.
    Part(String),
    /// The text has a record, which it cannot spell.
    RecordInText,
    /// Not JSON, or not of the service's form.
    Json(String),
    /// A name that a message of the Storage Write API cannot have.
    NoMessage,
}

impl SchemaError {
    pub(super) fn new(path: impl Into<String>, fact: Fact) -> Self {
        SchemaError { path: path.into(), fact }
    }

    /// The column cannot be written with the Storage Write API.
    pub(in crate::bigquery) fn no_message(path: impl Into<String>) -> Self {
        Self::new(path, Fact::NoMessage)
    }

    /// The same, within a column.
    pub(in crate::bigquery) fn within(mut self, name: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        self.path = format!("{name}{dot}{}", self.path);
        self
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SchemaError { path, fact } = self;
        match fact {
            Fact::NoColumns if path.is_empty() => f.write_str("a table needs at least one column"),
            Fact::NoColumns => write!(f, "the record `{path}` needs at least one column"),
            Fact::Name => write!(
                f,
                "the column `{path}` has a name that BigQuery does not take: letters, digits and underscores only, \
                 and no digit at the start"
            ),
            Fact::LongName => write!(f, "the column `{path}` has a name of more than 300 characters"),
            Fact::Reserved(prefix) => {
                write!(
                    f,
                    "the column `{path}` begins with `{prefix}`, which BigQuery keeps for itself: rename it"
                )
            }
            Fact::Twice => write!(
                f,
                "two columns are named `{path}`, and BigQuery does not tell upper case from lower case: rename one"
            ),
            Fact::Depth => {
                write!(f, "the record `{path}` is nested deeper than 15 levels, which BigQuery does not take")
            }
            Fact::LongDescription => write!(f, "the description of `{path}` is longer than 1,024 characters"),
            Fact::Type(kind) => write!(
                f,
                "the column `{path}` has the type {kind:?}, which is none of STRING, BYTES, INT64, FLOAT64, NUMERIC, \
                 BIGNUMERIC, BOOL, TIMESTAMP, DATE, TIME, DATETIME, JSON, GEOGRAPHY, RECORD"
            ),
            Fact::Mode(mode) => {
                write!(
                    f,
                    "the column `{path}` has the mode {mode:?}, which is none of NULLABLE, REQUIRED, REPEATED"
                )
            }
            Fact::Part(part) => {
                write!(
                    f,
                    "{part:?} is no column: wanted `name:TYPE` or `name:TYPE:MODE`, with commas between columns"
                )
            }
            Fact::RecordInText => write!(
                f,
                "the column `{path}` is a record, whose columns this text cannot name: give the schema as JSON, or of \
                 a type"
            ),
            Fact::Json(reason) => write!(f, "not a schema in JSON: {reason}"),
            Fact::NoMessage => write!(
                f,
                "the column `{path}` has a name that the Storage Write API does not take here: use streaming inserts \
                 or load jobs, or rename it"
            ),
        }
    }
}

impl error::Error for SchemaError {}

impl From<Infallible> for SchemaError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<SchemaError> for flow_core::Error {
    fn from(error: SchemaError) -> Self {
        flow_core::Error::config(error.to_string())
    }
}
