//! A number for what an event says.

use serde_json::{Map, Number, Value};
use uuid::Uuid;

/// A random number. Another would give every event another name.
const NAMESPACE: Uuid = Uuid::from_u128(0x5fd3_6f5e_64a2_4c3e_9f0b_2a90_71d5_c6b4);

/// The name-based uuid (SHA-1) of a body, whatever the order of its keys.
///
/// It names objects that are kept for years, so the text under it depends on no library's taste: keys are sorted
/// here, as a `Map` is sorted only until some crate of the program switches on serde_json's `preserve_order`, and
/// floats are their bits.
pub(super) fn of(body: &Map<String, Value>) -> u128 {
    let mut text = String::with_capacity(512);
    write_object(&mut text, body);
    Uuid::new_v5(&NAMESPACE, text.as_bytes()).as_u128()
}

fn write_object(text: &mut String, object: &Map<String, Value>) {
    let mut entries: Vec<_> = object.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    text.push('{');
    for (key, value) in entries {
        write_string(text, key);
        write_value(text, value);
    }
    text.push('}');
}

fn write_value(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push('n'),
        Value::Bool(true) => text.push('t'),
        Value::Bool(false) => text.push('f'),
        Value::Number(number) => write_number(text, number),
        Value::String(string) => write_string(text, string),
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write_value(text, item);
            }
            text.push(']');
        }
        Value::Object(object) => write_object(text, object),
    }
}

fn write_number(text: &mut String, number: &Number) {
    let number = match (number.as_i64(), number.as_u64()) {
        (Some(whole), _) => format!("i{whole};"),
        (None, Some(whole)) => format!("i{whole};"),
        (None, None) => format!("d{:x};", number.as_f64().map_or(0, f64::to_bits)),
    };
    text.push_str(&number);
}

/// The length comes first, so that nothing in a string can look like what follows it.
fn write_string(text: &mut String, string: &str) {
    text.push_str(&string.len().to_string());
    text.push(':');
    text.push_str(string);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(body: &str) -> u128 {
        of(&serde_json::from_str(body).unwrap())
    }

    #[test]
    fn the_order_of_keys_and_blanks_do_not_count() {
        let one = identity(r#"{"a": 1.50, "b": {"c": 2, "d": 3}}"#);
        assert_eq!(identity(r#"{"b":{"d":3,"c":2},"a":1.5}"#), one);
    }

    #[test]
    fn everything_else_counts() {
        let bodies = [
            r#"{"a": 1}"#,
            r#"{"a": 1.0}"#,
            r#"{"a": "1"}"#,
            r#"{"a": "i1;"}"#,
            r#"{"a": [1]}"#,
            r#"{"a": [1, 1]}"#,
            r#"{"a": ["bc"]}"#,
            r#"{"a": ["b", "c"]}"#,
            r#"{"a": null}"#,
            r#"{"a": true}"#,
            r#"{"a": {}}"#,
            r#"{"b": 1}"#,
            r#"{"a": 1, "b": 1}"#,
            "{}",
        ];
        let identities: std::collections::BTreeSet<_> = bodies.map(identity).into();
        assert_eq!(identities.len(), bodies.len());
    }
}
