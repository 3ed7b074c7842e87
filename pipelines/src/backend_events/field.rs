//! The fields of an event type, and what their values must be.

use std::ops::RangeInclusive;

use serde::Deserialize;

/// A field of an event, which is also a column of its type's table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Entry")]
pub struct Field {
    /// The key in the event and the name of the column.
    pub name: String,
    /// One value, or a list of them.
    pub mode: Mode,
    /// What a value is.
    pub of: FieldType,
}

/// How many values a field has. There is no third mode: a field that may be absent is not in the tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mode {
    /// Exactly one.
    #[default]
    Required,
    /// A list of any length.
    Repeated,
}

impl Mode {
    /// The name in catalogs and schemas.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Required => "REQUIRED",
            Mode::Repeated => "REPEATED",
        }
    }
}

/// What a value is, with the rules that only such values have.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldType {
    /// A text.
    String(StringRule),
    /// A whole number of 64 bits, within the range.
    Integer(RangeInclusive<i64>),
    /// A number.
    Float,
    /// An instant.
    Timestamp,
    /// An object with these fields.
    Record(Vec<Field>),
}

impl FieldType {
    /// The name in catalogs and schemas.
    pub fn name(&self) -> &'static str {
        match self {
            FieldType::String(_) => "STRING",
            FieldType::Integer(_) => "INTEGER",
            FieldType::Float => "FLOAT",
            FieldType::Timestamp => "TIMESTAMP",
            FieldType::Record(_) => "RECORD",
        }
    }
}

/// What a text must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StringRule {
    /// Anything.
    Any,
    /// Anything but the empty text.
    NonEmpty,
    /// A uuid with its hyphens.
    Uuid,
    /// One of these.
    OneOf(Vec<String>),
}

/// A field of a catalog makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// A rule of another type.
    #[error("field `{field}`: `{rule}` is not a rule of {of}")]
    RuleOfAnotherType {
        /// The field.
        field: String,
        /// The rule.
        rule: &'static str,
        /// The field's type.
        of: &'static str,
    },
    /// Two rules of which one could hold.
    #[error("field `{field}`: one of `uuid`, `one_of` and `non_empty` at most")]
    TwoRules {
        /// The field.
        field: String,
    },
    /// A rule that nothing can satisfy.
    #[error("field `{field}`: no value can satisfy `{rule}`")]
    NothingFits {
        /// The field.
        field: String,
        /// The rule.
        rule: &'static str,
    },
    /// A name that cannot be a column's.
    #[error("field `{field}`: a name is ASCII letters, digits and `_`, and starts with a letter or `_`")]
    Name {
        /// The field.
        field: String,
    },
    /// Two fields of one name, which tables do not tell apart by case.
    #[error("field `{field}` is there twice")]
    Twice {
        /// The field.
        field: String,
    },
    /// A record of nothing.
    #[error("field `{field}`: a RECORD has `fields`, one at least")]
    EmptyRecord {
        /// The field.
        field: String,
    },
}

/// A field as written in a catalog.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(rename = "type")]
    of: TypeName,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    uuid: bool,
    #[serde(default)]
    non_empty: bool,
    one_of: Option<Vec<String>>,
    range: Option<(i64, i64)>,
    fields: Option<Vec<Field>>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum TypeName {
    String,
    Integer,
    Float,
    Timestamp,
    Record,
}

impl TryFrom<Entry> for Field {
    type Error = FieldError;

    fn try_from(entry: Entry) -> Result<Self, FieldError> {
        if !is_column_name(&entry.name) {
            return Err(FieldError::Name { field: entry.name });
        }
        let of = match entry.of {
            TypeName::String => FieldType::String(entry.string_rule()?),
            TypeName::Integer => FieldType::Integer(entry.range()?),
            TypeName::Float => FieldType::Float,
            TypeName::Timestamp => FieldType::Timestamp,
            TypeName::Record => FieldType::Record(entry.record()?),
        };
        entry.only_rules_of(&of)?;
        Ok(Field { name: entry.name, mode: entry.mode, of })
    }
}

impl Entry {
    fn string_rule(&self) -> Result<StringRule, FieldError> {
        match (self.uuid, self.non_empty, &self.one_of) {
            (false, false, None) => Ok(StringRule::Any),
            (true, false, None) => Ok(StringRule::Uuid),
            (false, true, None) => Ok(StringRule::NonEmpty),
            (false, false, Some(values)) if values.is_empty() => Err(self.nothing_fits("one_of")),
            (false, false, Some(values)) => Ok(StringRule::OneOf(values.clone())),
            _ => Err(FieldError::TwoRules { field: self.name.clone() }),
        }
    }

    fn range(&self) -> Result<RangeInclusive<i64>, FieldError> {
        match self.range {
            None => Ok(i64::MIN..=i64::MAX),
            Some((low, high)) if low <= high => Ok(low..=high),
            Some(_) => Err(self.nothing_fits("range")),
        }
    }

    fn record(&self) -> Result<Vec<Field>, FieldError> {
        let fields = self.fields.clone().unwrap_or_default();
        if fields.is_empty() {
            return Err(FieldError::EmptyRecord { field: self.name.clone() });
        }
        all_different(&fields)?;
        Ok(fields)
    }

    fn only_rules_of(&self, of: &FieldType) -> Result<(), FieldError> {
        let rules = [
            ("uuid", self.uuid, TypeName::String),
            ("non_empty", self.non_empty, TypeName::String),
            ("one_of", self.one_of.is_some(), TypeName::String),
            ("range", self.range.is_some(), TypeName::Integer),
            ("fields", self.fields.is_some(), TypeName::Record),
        ];
        match rules.into_iter().find(|(_, is_set, belongs_to)| *is_set && *belongs_to != self.of) {
            Some((rule, ..)) => {
                Err(FieldError::RuleOfAnotherType { field: self.name.clone(), rule, of: of.name() })
            }
            None => Ok(()),
        }
    }

    fn nothing_fits(&self, rule: &'static str) -> FieldError {
        FieldError::NothingFits { field: self.name.clone(), rule }
    }
}

/// That no two fields have one name.
pub(crate) fn all_different(fields: &[Field]) -> Result<(), FieldError> {
    for (i, field) in fields.iter().enumerate() {
        if fields[..i].iter().any(|earlier| earlier.name.eq_ignore_ascii_case(&field.name)) {
            return Err(FieldError::Twice { field: field.name.clone() });
        }
    }
    Ok(())
}

fn is_column_name(name: &str) -> bool {
    let mut letters = name.bytes();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && letters.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(field: &str) -> String {
        serde_json::from_str::<Field>(field).unwrap_err().to_string()
    }

    #[test]
    fn a_field_is_required_and_free_unless_it_says_more() {
        let field: Field = serde_json::from_str(r#"{"name": "city", "type": "STRING"}"#).unwrap();
        let wanted =
            Field { name: "city".into(), mode: Mode::Required, of: FieldType::String(StringRule::Any) };
        assert_eq!(field, wanted);
    }

    #[test]
    fn a_rule_of_another_type_is_an_error_in_the_users_words() {
        let error = error_of(r#"{"name": "price", "type": "FLOAT", "range": [0, 1]}"#);
        assert!(error.starts_with("field `price`: `range` is not a rule of FLOAT"), "{error}");
    }

    #[test]
    fn a_misspelt_rule_is_an_error() {
        let error = error_of(r#"{"name": "price", "type": "INTEGER", "rnage": [0, 1]}"#);
        assert!(error.starts_with("unknown field `rnage`"), "{error}");
    }

    #[test]
    fn rules_that_nothing_satisfies_are_errors() {
        let error = error_of(r#"{"name": "n", "type": "INTEGER", "range": [1, 0]}"#);
        assert!(error.starts_with("field `n`: no value can satisfy `range`"), "{error}");
        let error = error_of(r#"{"name": "s", "type": "STRING", "one_of": []}"#);
        assert!(error.starts_with("field `s`: no value can satisfy `one_of`"), "{error}");
        let error = error_of(r#"{"name": "s", "type": "STRING", "uuid": true, "non_empty": true}"#);
        assert!(error.starts_with("field `s`: one of `uuid`"), "{error}");
        let error = error_of(r#"{"name": "r", "type": "RECORD"}"#);
        assert!(error.starts_with("field `r`: a RECORD has `fields`"), "{error}");
        let error = error_of(r#"{"name": "a/b", "type": "STRING"}"#);
        assert!(error.starts_with("field `a/b`: a name is"), "{error}");
    }
}
