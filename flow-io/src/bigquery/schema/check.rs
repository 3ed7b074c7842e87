//! The rules of the service for columns.

use super::error::Fact;
use super::{Field, FieldType, SchemaError};

const LONGEST_NAME: usize = 300;
const LONGEST_DESCRIPTION: usize = 1_024;
const DEEPEST: usize = 15;
/// In upper or lower case.
const RESERVED: [&str; 6] =
    ["_TABLE_", "_FILE_", "_PARTITION", "_ROW_TIMESTAMP", "__ROOT__", "_COLIDENTIFIER"];

/// Checks the columns of a table.
pub(super) fn check(fields: &[Field]) -> Result<(), SchemaError> {
    columns(fields, 0)
}

fn columns(fields: &[Field], depth: usize) -> Result<(), SchemaError> {
    if fields.is_empty() {
        return Err(SchemaError::new("", Fact::NoColumns));
    }
    if depth > DEEPEST {
        return Err(SchemaError::new("", Fact::Depth));
    }
    for field in fields {
        column(field, depth)?;
    }
    twice(fields)
}

fn column(field: &Field, depth: usize) -> Result<(), SchemaError> {
    let wrong = name(&field.name).or_else(|| {
        let long = field.description.as_ref().is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION);
        long.then_some(Fact::LongDescription)
    });
    if let Some(fact) = wrong {
        // A name that is wrong for its length is not shown in full.
        return Err(SchemaError::new(field.name.chars().take(80).collect::<String>(), fact));
    }
    match &field.kind {
        FieldType::Record(fields) => columns(fields, depth + 1).map_err(|error| error.within(&field.name)),
        _ => Ok(()),
    }
}

/// What is wrong with a name.
fn name(name: &str) -> Option<Fact> {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(letters) {
        return Some(Fact::Name);
    }
    if name.len() > LONGEST_NAME {
        return Some(Fact::LongName);
    }
    let begins =
        |prefix: &&str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    RESERVED.into_iter().find(begins).map(Fact::Reserved)
}

fn twice(fields: &[Field]) -> Result<(), SchemaError> {
    let mut names: Vec<(String, &str)> =
        fields.iter().map(|field| (field.name.to_ascii_lowercase(), field.name.as_str())).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(SchemaError::new(pair[1].1, Fact::Twice)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Field, FieldType, Schema};

    fn error(fields: Vec<Field>) -> String {
        Schema::new(fields).expect_err("a wrong schema").to_string()
    }

    fn named(name: &str) -> Field {
        Field::nullable(name, FieldType::String)
    }

    #[test]
    fn names_are_letters_digits_and_underscores() {
        for right in ["a", "_a", "A9_", "type", &"x".repeat(300)] {
            assert!(Schema::new(vec![named(right)]).is_ok(), "{right}");
        }
        for wrong in ["", "9a", "a b", "a.b", "a-b", "größe", "a`b"] {
            assert!(error(vec![named(wrong)]).contains("letters, digits and underscores only"), "{wrong}");
        }
        assert!(error(vec![named(&"x".repeat(301))]).ends_with("has a name of more than 300 characters"));
    }

    #[test]
    fn what_the_service_keeps_for_itself_is_refused() {
        for wrong in
            ["_TABLE_x", "_file_", "_PARTITIONTIME", "_row_timestamp", "__root__a", "_COLIDENTIFIER_1"]
        {
            assert!(error(vec![named(wrong)]).contains("which BigQuery keeps for itself"), "{wrong}");
        }
        assert!(Schema::new(vec![named("_TABLE"), named("x_TABLE_")]).is_ok());
    }

    #[test]
    fn names_are_unique_in_any_case() {
        assert_eq!(
            error(vec![named("id"), named("at"), named("ID")]),
            "two columns are named `id`, and BigQuery does not tell upper case from lower case: rename one"
        );
    }

    #[test]
    fn what_is_wrong_within_a_record_is_said_with_its_path() {
        let inner = Field::nullable("inner", FieldType::Record(vec![named("a b")]));
        let outer = Field::nullable("outer", FieldType::Record(vec![inner]));
        assert!(error(vec![outer]).starts_with("the column `outer.inner.a b` has a name that"));
        let empty = Field::nullable("empty", FieldType::Record(Vec::new()));
        assert_eq!(error(vec![empty]), "the record `empty` needs at least one column");
        assert_eq!(error(Vec::new()), "a table needs at least one column");
    }

    #[test]
    fn records_nest_fifteen_levels_and_no_more() {
        let nested = |levels| {
            (0..levels).fold(named("x"), |inner, _| Field::nullable("x", FieldType::Record(vec![inner])))
        };
        assert!(Schema::new(vec![nested(15)]).is_ok());
        assert!(
            error(vec![nested(16)])
                .ends_with("is nested deeper than 15 levels, which BigQuery does not take")
        );
    }
}
