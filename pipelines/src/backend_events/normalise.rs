//! Gives every value of a valid body its one form.

use serde_json::{Map, Value};

use super::field::{Field, FieldType, StringRule};
use super::utc;

/// Rewrites a body that was found to hold to `fields`: timestamps in UTC with six digits of a second, uuids in
/// lower case, floats with a decimal point. Doing it again changes nothing.
pub(super) fn normalise(fields: &[Field], body: &mut Map<String, Value>) {
    for field in fields {
        if let Some(value) = body.get_mut(&field.name) {
            normalise_value(&field.of, value);
        }
    }
}

fn normalise_value(of: &FieldType, value: &mut Value) {
    match (of, value) {
        (_, Value::Array(items)) => items.iter_mut().for_each(|item| normalise_value(of, item)),
        (FieldType::Record(fields), Value::Object(values)) => normalise(fields, values),
        (FieldType::String(StringRule::Uuid), Value::String(text)) => text.make_ascii_lowercase(),
        (FieldType::Timestamp, Value::String(text)) => utc::normalise(text),
        (FieldType::Float, number @ Value::Number(_)) => *number = number.as_f64().into(),
        _ => {}
    }
}
