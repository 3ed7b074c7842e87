//! The columns of a table together.

use std::fmt;
use std::str::FromStr;

use super::check::check;
use super::{Field, FieldType, Mode, SchemaError};

/// The columns of a table.
///
/// Where a sink asks for one it takes what can become one: a schema, the result of making one, Beam's text, or
/// columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    pub(super) fields: Vec<Field>,
}

/// A struct whose values are rows of a table, or of records in it.
///
/// Derive it beside [`serde::Serialize`]: the columns are the fields as serde writes them, so that `rename`,
/// `rename_all`, `skip` and `flatten` count. A plain field is REQUIRED, an `Option` NULLABLE, a `Vec` REPEATED. See the
/// [derive](macro@crate::bigquery::TableRow) for its attributes, and [`Column`](super::Column) for the types.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no row of a table",
    label = "has no columns",
    note = "derive flow_io::bigquery::TableRow for a struct with named fields"
)]
pub trait TableRow {
    /// Its columns.
    fn fields() -> Vec<Field>;
}

impl Schema {
    /// A table of these columns.
    ///
    /// # Errors
    /// If the service would refuse them: names of other signs than letters, digits and underscores or with a prefix
    /// that the service keeps, two columns of one name, records without columns or deeper than 15.
    pub fn new(fields: Vec<Field>) -> Result<Self, SchemaError> {
        check(&fields)?;
        Ok(Schema { fields })
    }

    /// The table whose rows are of this type.
    ///
    /// # Errors
    /// As [`new`](Schema::new). What [`derive(TableRow)`](macro@crate::bigquery::TableRow) makes is checked for the most part when
    /// it is compiled.
    pub fn of<T: TableRow>() -> Result<Self, SchemaError> {
        Self::new(T::fields())
    }

    /// The columns, in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The column of this name, in upper or lower case.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }
}

impl FromStr for Schema {
    type Err = SchemaError;

    fn from_str(text: &str) -> Result<Self, SchemaError> {
        Schema::parse(text)
    }
}

impl TryFrom<&str> for Schema {
    type Error = SchemaError;

    fn try_from(text: &str) -> Result<Self, SchemaError> {
        Schema::parse(text)
    }
}

impl TryFrom<String> for Schema {
    type Error = SchemaError;

    fn try_from(text: String) -> Result<Self, SchemaError> {
        Schema::parse(&text)
    }
}

impl TryFrom<Vec<Field>> for Schema {
    type Error = SchemaError;

    fn try_from(fields: Vec<Field>) -> Result<Self, SchemaError> {
        Schema::new(fields)
    }
}

impl TryFrom<Result<Schema, SchemaError>> for Schema {
    type Error = SchemaError;

    fn try_from(made: Result<Schema, SchemaError>) -> Result<Self, SchemaError> {
        made
    }
}

/// As the text that [`Schema::parse`] reads, but with the columns of records in angle brackets.
impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(&self.fields, f)
    }
}

fn list(fields: &[Field], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (at, Field { name, kind, mode, .. }) in fields.iter().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        write!(f, "{comma}{name}:{}", kind.name())?;
        if let FieldType::Record(fields) = kind {
            f.write_str("<")?;
            list(fields, f)?;
            f.write_str(">")?;
        }
        if *mode != Mode::Nullable {
            write!(f, ":{}", mode.name())?;
        }
    }
    Ok(())
}
