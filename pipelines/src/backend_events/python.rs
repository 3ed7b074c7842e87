//! Reads what Python's `str` makes of a dict.
//!
//! Its grammar is JSON's with other strings and other words: strings are in single quotes, or in double quotes when
//! they hold a single one, with Python's escapes; `None`, `True` and `False` are the words.

use serde_json::{Map, Number, Value};

/// As deep as serde_json goes, so that what is read here can be read as JSON later.
const DEEPEST: usize = 127;

/// The text is not a Python literal that has a form in JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct PythonError {
    what: &'static str,
    at: usize,
}

/// The value of a literal.
pub(super) fn parse(text: &str) -> Result<Value, PythonError> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let value = parser.value()?;
    parser.skip_space();
    if parser.at < text.len() { parser.fail("wanted the end") } else { Ok(value) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn value(&mut self) -> Result<Value, PythonError> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.nested(Self::dict),
            Some(b'[') => self.nested(Self::list),
            Some(b'\'' | b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    /// A dict or a list, from behind its opening bracket on.
    fn nested(
        &mut self,
        content: impl FnOnce(&mut Self) -> Result<Value, PythonError>,
    ) -> Result<Value, PythonError> {
        if self.depth == DEEPEST {
            return self.fail("nested too deep");
        }
        self.depth += 1;
        self.at += 1;
        let value = content(self);
        self.depth -= 1;
        value
    }

    fn dict(&mut self) -> Result<Value, PythonError> {
        let mut dict = Map::new();
        if self.take(b'}') {
            return Ok(Value::Object(dict));
        }
        loop {
            self.skip_space();
            let key = self.string()?;
            if !self.take(b':') {
                return self.fail("wanted `:`");
            }
            dict.insert(key, self.value()?);
            if self.take(b'}') {
                return Ok(Value::Object(dict));
            }
            if !self.take(b',') {
                return self.fail("wanted `,` or `}`");
            }
        }
    }

    fn list(&mut self) -> Result<Value, PythonError> {
        let mut list = Vec::new();
        if self.take(b']') {
            return Ok(Value::Array(list));
        }
        loop {
            list.push(self.value()?);
            if self.take(b']') {
                return Ok(Value::Array(list));
            }
            if !self.take(b',') {
                return self.fail("wanted `,` or `]`");
            }
        }
    }

    fn string(&mut self) -> Result<String, PythonError> {
        let Some(quote @ (b'\'' | b'"')) = self.peek() else {
            return self.fail("wanted a string");
        };
        self.at += 1;
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(end) = rest.bytes().position(|b| b == quote || b == b'\\') else {
                return self.fail("a string without end");
            };
            string.push_str(&rest[..end]);
            self.at += end + 1;
            if rest.as_bytes()[end] == quote {
                return Ok(string);
            }
            string.push(self.escape()?);
        }
    }

    /// The character of an escape, from behind its backslash on.
    fn escape(&mut self) -> Result<char, PythonError> {
        let letter = self.peek();
        self.at += usize::from(letter.is_some_and(|b| b.is_ascii()));
        match letter {
            Some(quote @ (b'\\' | b'\'' | b'"')) => Ok(char::from(quote)),
            Some(b'n') => Ok('\n'),
            Some(b'r') => Ok('\r'),
            Some(b't') => Ok('\t'),
            Some(b'x') => self.code_point(2),
            Some(b'u') => self.code_point(4),
            Some(b'U') => self.code_point(8),
            _ => self.fail("an escape that Python does not write"),
        }
    }

    fn code_point(&mut self, digits: usize) -> Result<char, PythonError> {
        let hex =
            self.text.get(self.at..self.at + digits).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok());
        match code.and_then(char::from_u32) {
            Some(character) => {
                self.at += digits;
                Ok(character)
            }
            None => self.fail("an escape that is no character"),
        }
    }

    fn number(&mut self) -> Result<Value, PythonError> {
        let rest = &self.text[self.at..];
        let is_part = |b: u8| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let number = &rest[..rest.bytes().position(|b| !is_part(b)).unwrap_or(rest.len())];
        // As JSON's: a whole number beyond 64 bits becomes a float.
        let value =
            number.parse::<i64>().map(Number::from).or_else(|_| number.parse::<u64>().map(Number::from));
        let value = value.ok().or_else(|| number.parse().ok().and_then(Number::from_f64));
        match value {
            Some(value) => {
                self.at += number.len();
                Ok(Value::Number(value))
            }
            None => self.fail("not a number"),
        }
    }

    fn word(&mut self) -> Result<Value, PythonError> {
        for (word, value) in
            [("None", Value::Null), ("True", Value::Bool(true)), ("False", Value::Bool(false))]
        {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        self.fail("wanted a value that JSON has")
    }

    /// Skips blanks and then the byte, if it is next.
    fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn fail<T>(&self, what: &'static str) -> Result<T, PythonError> {
        Err(PythonError { what, at: self.at })
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn error_of(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_dict_of_everything() {
        let text = r"{'a': None, 'b': [True, False, []], 'c': {'d': -1.5e-07, 'e': {}}, 'f': 12}";
        let wanted = json!({"a": null, "b": [true, false, []], "c": {"d": -1.5e-7, "e": {}}, "f": 12});
        assert_eq!(parse(text).unwrap(), wanted);
    }

    #[test]
    fn a_string_with_a_single_quote_is_in_double_quotes() {
        assert_eq!(parse(r#""it's""#).unwrap(), "it's");
        assert_eq!(parse(r#"'it\'s "both"'"#).unwrap(), "it's \"both\"");
    }

    #[test]
    fn escapes_are_characters() {
        assert_eq!(
            parse(r"'\\ \n \r \t \x07 \xe9 \u2028 \U0001f600 ä'").unwrap(),
            "\\ \n \r \t \x07 é \u{2028} 😀 ä"
        );
    }

    #[test]
    fn a_whole_number_beyond_64_bits_becomes_a_float_as_in_json() {
        assert_eq!(parse("9223372036854775807").unwrap(), json!(i64::MAX));
        assert_eq!(parse("18446744073709551615").unwrap(), json!(u64::MAX));
        assert_eq!(parse("18446744073709551616").unwrap(), json!(18_446_744_073_709_551_616.0));
    }

    #[test]
    fn what_json_has_no_form_for_is_an_error() {
        assert_eq!(error_of("{'a': nan}"), "wanted a value that JSON has at byte 6");
        assert_eq!(error_of("{'a': -inf}"), "not a number at byte 6");
        assert_eq!(error_of("{1: 2}"), "wanted a string at byte 1");
        assert_eq!(error_of("(1, 2)"), "wanted a value that JSON has at byte 0");
        assert_eq!(error_of(r"'\ud83d'"), "an escape that is no character at byte 3");
    }

    #[test]
    fn a_broken_text_is_an_error_with_its_place() {
        assert_eq!(error_of(""), "wanted a value that JSON has at byte 0");
        assert_eq!(error_of("{'a' 1}"), "wanted `:` at byte 5");
        assert_eq!(error_of("[1 2]"), "wanted `,` or `]` at byte 3");
        assert_eq!(error_of("[1,]"), "wanted a value that JSON has at byte 3");
        assert_eq!(error_of("'a"), "a string without end at byte 1");
        assert_eq!(error_of(r"'\"), "an escape that Python does not write at byte 2");
        assert_eq!(error_of(r"'\x4é'"), "an escape that is no character at byte 3");
        assert_eq!(error_of(r"'\é'"), "an escape that Python does not write at byte 2");
        assert_eq!(error_of("{} {}"), "wanted the end at byte 3");
        assert_eq!(error_of("1-1"), "not a number at byte 0");
    }

    #[test]
    fn nesting_ends_where_json_ends_it() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(127)).is_ok() && serde_json::from_str::<Value>(&nested(127)).is_ok());
        assert!(parse(&nested(128)).is_err() && serde_json::from_str::<Value>(&nested(128)).is_err());
    }

    /// What Python's `repr` makes of a value.
    fn repr(value: &Value) -> String {
        match value {
            Value::Null => "None".to_owned(),
            Value::Bool(true) => "True".to_owned(),
            Value::Bool(false) => "False".to_owned(),
            Value::Number(number) if number.is_f64() => format!("{:?}", number.as_f64().unwrap()),
            Value::Number(number) => number.to_string(),
            Value::String(text) => repr_string(text),
            Value::Array(items) => format!("[{}]", items.iter().map(repr).collect::<Vec<_>>().join(", ")),
            Value::Object(object) => {
                let entries =
                    object.iter().map(|(key, value)| format!("{}: {}", repr_string(key), repr(value)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn repr_string(text: &str) -> String {
        let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
        let mut repr = String::from(quote);
        for character in text.chars() {
            match (character, u32::from(character)) {
                ('\n', _) => repr.push_str("\\n"),
                ('\r', _) => repr.push_str("\\r"),
                ('\t', _) => repr.push_str("\\t"),
                ('\\', _) => repr.push_str("\\\\"),
                (c, _) if c == quote => repr.extend(['\\', c]),
                (' '..='~', _) => repr.push(character),
                (c, _) if c.is_alphabetic() => repr.push(c),
                (_, code @ 0..=0xff) => write!(repr, "\\x{code:02x}").unwrap(),
                (_, code @ 0x100..=0xffff) => write!(repr, "\\u{code:04x}").unwrap(),
                (_, code) => write!(repr, "\\U{code:08x}").unwrap(),
            }
        }
        repr.push(quote);
        repr
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            prop::num::f64::NORMAL.prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            r#"['"\\a]{0,6}"#.prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_python_writes_of_a_value_is_the_value(value in any_json()) {
            prop_assert_eq!(parse(&repr(&value)), Ok(value));
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = parse(&text);
        }

        #[test]
        fn no_heap_of_tokens_panics(text in r#"([\[\]{}:,'"\\ xuUé0-9e.+-]|None|True|'a': ){0,40}"#) {
            let _ = parse(&text);
        }
    }
}
