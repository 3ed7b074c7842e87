//! Schemas as text: `name:TYPE, name:TYPE`.

use super::error::Fact;
use super::{Field, FieldType, Mode, Schema, SchemaError};

impl Schema {
    /// Reads Beam's text of a schema: columns as `name:TYPE`, with commas between them. They are NULLABLE unless a mode
    /// follows: `name:TYPE:REQUIRED`.
    ///
    /// ```
    /// use flow_io::bigquery::{Field, FieldType, Schema};
    /// let schema = Schema::parse("name:STRING:REQUIRED, n:INTEGER")?;
    /// assert_eq!(schema.fields(), [Field::required("name", FieldType::String), Field::nullable("n", FieldType::Int64)]);
    /// # Ok::<(), flow_io::bigquery::SchemaError>(())
    /// ```
    ///
    /// # Errors
    /// If a part is no column, its type or mode unknown, or the columns are not for a table (see [`new`](Schema::new)).
    /// Records cannot be spelled this way: see [`from_json`](Schema::from_json).
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        if text.trim().is_empty() {
            return Err(SchemaError::new("", Fact::NoColumns));
        }
        Schema::new(text.split(',').map(column).collect::<Result<_, _>>()?)
    }
}

fn column(part: &str) -> Result<Field, SchemaError> {
    let mut words = part.split(':').map(str::trim);
    let (Some(name), Some(kind), mode, None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(SchemaError::new("", Fact::Part(part.trim().chars().take(80).collect())));
    };
    let kind = match FieldType::of_name(kind, Vec::new()) {
        None => return Err(SchemaError::new(name, Fact::Type(kind.to_owned()))),
        Some(FieldType::Record(_)) => return Err(SchemaError::new(name, Fact::RecordInText)),
        Some(kind) => kind,
    };
    let mode = match mode {
        None => Mode::Nullable,
        Some(mode) => {
            Mode::of_name(mode).ok_or_else(|| SchemaError::new(name, Fact::Mode(mode.to_owned())))?
        }
    };
    Ok(Field { mode, ..Field::nullable(name, kind) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Schema::parse(text).expect_err("a wrong schema").to_string()
    }

    #[test]
    fn columns_are_nullable_unless_a_mode_follows() {
        let schema =
            Schema::parse(" id : string:required,n:INTEGER , tags:STRING:REPEATED,at:timestamp").unwrap();
        let wanted = [
            Field::required("id", FieldType::String),
            Field::nullable("n", FieldType::Int64),
            Field::repeated("tags", FieldType::String),
            Field::nullable("at", FieldType::Timestamp),
        ];
        assert_eq!(schema.fields(), wanted);
    }

    #[test]
    fn what_is_printed_is_read() {
        let text = "id:STRING:REQUIRED, n:INT64, f:FLOAT64:REPEATED, g:GEOGRAPHY";
        assert_eq!(Schema::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn what_is_no_column_is_said() {
        let part =
            "\"name\" is no column: wanted `name:TYPE` or `name:TYPE:MODE`, with commas between columns";
        assert_eq!(error("id:STRING, name"), part);
        assert_eq!(error(" "), "a table needs at least one column");
        assert!(error("id:STRING,").starts_with("\"\" is no column"));
        assert!(error("id:STRING:REQUIRED:no").starts_with("\"id:STRING:REQUIRED:no\" is no column"));
        assert!(
            error("id:TEXT").starts_with("the column `id` has the type \"TEXT\", which is none of STRING,")
        );
        assert!(
            error("id:STRING:MAYBE")
                .ends_with("has the mode \"MAYBE\", which is none of NULLABLE, REQUIRED, REPEATED")
        );
        assert!(
            error("r:RECORD").starts_with("the column `r` is a record, whose columns this text cannot name")
        );
    }
}
