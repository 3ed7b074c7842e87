//! From the bytes of a message to a JSON value.

use std::str;

use serde_json::Value;

use super::python::{self, PythonError};

/// What publishers send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// JSON and nothing else.
    #[default]
    Json,
    /// JSON, or what Python's `str` makes of a dict: `{'price': 1.5, 'note': None}`.
    JsonOrPython,
}

/// The bytes are not of the [`Dialect`].
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// They are not JSON.
    #[error("not JSON: {0}")]
    Json(serde_json::Error),
    /// They are not JSON, and not a Python dict either.
    #[error("not JSON: {json}; not a Python dict: {python}")]
    Neither {
        /// What stands against JSON.
        json: serde_json::Error,
        /// What stands against Python.
        python: PythonError,
    },
}

/// Reads a message. Values nested deeper than 127 levels are refused.
///
/// ```
/// use pipelines::backend_events::decode::{Dialect, decode};
///
/// let legacy = b"{'name': \"Bo's\", 'in_stock': True}";
/// assert_eq!(decode(legacy, Dialect::JsonOrPython).unwrap()["name"], "Bo's");
/// assert!(decode(legacy, Dialect::Json).is_err());
/// ```
pub fn decode(data: &[u8], dialect: Dialect) -> Result<Value, DecodeError> {
    let json = match serde_json::from_slice(data) {
        Ok(value) => return Ok(value),
        Err(json) => json,
    };
    match (dialect, str::from_utf8(data)) {
        (Dialect::JsonOrPython, Ok(text)) => {
            python::parse(text).map_err(|python| DecodeError::Neither { json, python })
        }
        _ => Err(DecodeError::Json(json)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_tried_first() {
        let value = decode(br#"{"a": "it's", "b": [1, null]}"#, Dialect::JsonOrPython).unwrap();
        assert_eq!(value, json!({"a": "it's", "b": [1, null]}));
    }

    #[test]
    fn an_error_says_what_stands_against_each_dialect() {
        let error = decode(b"{'a': None", Dialect::JsonOrPython).unwrap_err();
        assert_eq!(
            error.to_string(),
            "not JSON: key must be a string at line 1 column 2; not a Python dict: wanted `,` or `}` at byte 10"
        );
        assert_eq!(
            decode(b"{'a': None}", Dialect::Json).unwrap_err().to_string(),
            "not JSON: key must be a string at line 1 column 2"
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error() {
        let error = decode(b"{\"a\": \"\xff\"}", Dialect::JsonOrPython).unwrap_err();
        assert_eq!(error.to_string(), "not JSON: invalid unicode code point at line 1 column 8");
    }

    #[test]
    fn nesting_without_end_is_an_error() {
        for nest in ["[", "{'a':", "{\"a\":"] {
            assert!(decode(nest.repeat(100_000).as_bytes(), Dialect::JsonOrPython).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(data in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&data, Dialect::JsonOrPython);
        }
    }
}
