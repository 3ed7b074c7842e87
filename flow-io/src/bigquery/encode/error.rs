//! Why a row does not fit a table.

use std::fmt::{self, Display};

use crate::bigquery::FieldType;

/// A row that does not fit its table: the path to the value and what is wrong with it, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    path: String,
    fact: Fact,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::bigquery) enum Fact {
    /// A REQUIRED column is not in the row.
    Missing,
    /// A REQUIRED column is NULL.
    Null,
    /// An array has a NULL in it.
    NullItem,
    Unknown,
    Twice,
    /// A value of one sort where another is wanted.
    Sort {
        got: &'static str,
        wanted: &'static str,
    },
    /// An enum's variant with several values.
    Variant,
    /// Text that is no such value.
    Text {
        text: String,
        wanted: &'static str,
    },
    /// Outside of what the type can hold.
    Range(&'static str),
    /// In the words of the value's own code.
    Other(String),
}

impl RowError {
    pub(in crate::bigquery) fn new(fact: Fact) -> Self {
        RowError { path: String::new(), fact }
    }

    /// Text that is no value of a type.
    pub(in crate::bigquery) fn text(text: &str, kind: &FieldType) -> Self {
        Self::new(Fact::Text { text: text.chars().take(64).collect(), wanted: kind.name() })
    }

    /// A value outside of what a type can hold.
    pub(in crate::bigquery) fn range(kind: &FieldType) -> Self {
        Self::new(Fact::Range(kind.name()))
    }

    /// The same, within a column.
    pub(in crate::bigquery) fn within(mut self, name: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{name}{dot}{}", self.path);
        self
    }

    /// The same, within an item of an array.
    pub(in crate::bigquery) fn at(self, item: usize) -> Self {
        self.within(&format!("[{item}]"))
    }

    /// The way to the value, as `items[2].price`; empty if the row as a whole is wrong.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str("the row")?;
        } else {
            write!(f, "`{}`", self.path)?;
        }
        match &self.fact {
            Fact::Missing => f.write_str(" is missing, and the column is REQUIRED"),
            Fact::Null => f.write_str(" is NULL, and the column is REQUIRED"),
            Fact::NullItem => f.write_str(" is NULL, which an array cannot hold"),
            Fact::Unknown => f.write_str(" is no column of the table"),
            Fact::Twice => f.write_str(" is given twice"),
            Fact::Sort { got, wanted } => write!(f, " is {got}, and the column is {wanted}"),
            Fact::Variant => {
                f.write_str(" is a variant of several values: tag the enum with #[serde(tag = \"..\")]")
            }
            Fact::Text { text, wanted } => {
                write!(f, " is {text:?}, which is no {wanted}{}", hint(wanted))
            }
            Fact::Range(kind) => write!(f, " is outside of the range of {kind}"),
            Fact::Other(reason) => write!(f, ": {reason}"),
        }
    }
}

/// How text of a type is to be written.
fn hint(kind: &str) -> &'static str {
    match kind {
        "BYTES" => ": wanted base64",
        "TIMESTAMP" => ": wanted RFC 3339 with date and time, as 2025-02-25T03:56:53.060650Z",
        "DATE" => ": wanted a day, as 2025-02-25",
        "TIME" => ": wanted a time, as 03:56:53.060650",
        "DATETIME" => ": wanted a day and a time without zone, as 2025-02-25T03:56:53.060650",
        "NUMERIC" => ": wanted a decimal of at most 29 digits before the point and 9 behind it",
        "BIGNUMERIC" => ": wanted a decimal of at most 38 digits before the point and 38 behind it",
        _ => "",
    }
}

impl std::error::Error for RowError {}

impl serde::ser::Error for RowError {
    fn custom<T: Display>(reason: T) -> Self {
        Self::new(Fact::Other(reason.to_string()))
    }
}

impl serde::de::Error for RowError {
    fn custom<T: Display>(reason: T) -> Self {
        Self::new(Fact::Other(reason.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_leads_through_records_and_arrays() {
        let error = RowError::new(Fact::Missing).within("price").at(2).within("items");
        assert_eq!(error.path(), "items[2].price");
        assert_eq!(error.to_string(), "`items[2].price` is missing, and the column is REQUIRED");
        let matrix = RowError::new(Fact::NullItem).at(3).at(0).within("m");
        assert_eq!(matrix.path(), "m[0][3]");
    }

    #[test]
    fn long_text_is_cut() {
        let error = RowError::text(&"x".repeat(1_000), &FieldType::Int64).to_string();
        assert_eq!(error, format!("the row is {:?}, which is no INT64", "x".repeat(64)));
    }
}
