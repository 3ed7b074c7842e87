//! Reading a user's JSON by paths, with all that is wrong at once.

use serde_json::Value;

use super::user::Postcode;

/// A user's JSON, and what was found wrong with it so far.
pub(super) struct Fields<'a> {
    user: &'a Value,
    wrong: Vec<String>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(user: &'a Value) -> Self {
        Fields { user, wrong: Vec::new() }
    }

    /// A text, or none where null was sent.
    pub(super) fn text(&mut self, path: &str) -> Option<String> {
        match self.at(path)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => {
                self.note(format!("{path}: is {}, wanted a text", kind(other)));
                None
            }
        }
    }

    /// A text; null is wrong.
    pub(super) fn required_text(&mut self, path: &str) -> Option<&'a str> {
        let value = self.at(path)?;
        let text = value.as_str();
        if text.is_none() {
            self.note(format!("{path}: is {}, wanted a text", kind(value)));
        }
        text
    }

    /// A text or an integer, or none where null was sent.
    pub(super) fn postcode(&mut self, path: &str) -> Option<Postcode> {
        match self.at(path)? {
            Value::Null => None,
            Value::String(text) => Some(Postcode::Text(text.clone())),
            other => {
                let integer = other.as_number().and_then(serde_json::Number::as_i128);
                if integer.is_none() {
                    self.note(format!("{path}: is {}, wanted a text or an integer", kind(other)));
                }
                integer.map(Postcode::Number)
            }
        }
    }

    /// Notes that something is wrong; the same thing once.
    pub(super) fn note(&mut self, wrong: String) {
        if !self.wrong.contains(&wrong) {
            self.wrong.push(wrong);
        }
    }

    /// All that is wrong, if anything is.
    pub(super) fn finish(self) -> Result<(), Vec<String>> {
        if self.wrong.is_empty() { Ok(()) } else { Err(self.wrong) }
    }

    /// What stands at a path such as `name.first`: every key on it must be there.
    fn at(&mut self, path: &str) -> Option<&'a Value> {
        let mut value = self.user;
        let mut end = 0;
        for key in path.split('.') {
            let Value::Object(object) = value else {
                let place = if end == 0 { "the result" } else { &path[..end - 1] };
                self.note(format!("{place}: is {}, wanted an object", kind(value)));
                return None;
            };
            end += key.len() + 1;
            let Some(found) = object.get(key) else {
                self.note(format!("{}: is missing", &path[..end - 1]));
                return None;
            };
            value = found;
        }
        Some(value)
    }
}

/// What a value is, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_that_is_wrong_is_said_each_thing_once() {
        let user = json!({"dob": "1983-07-14 07:29:45", "location": {"postcode": 1.5}, "gender": 1});
        let mut fields = Fields::of(&user);
        for path in ["name.first", "name.last", "dob.date", "location.country", "gender"] {
            assert_eq!(fields.text(path), None);
        }
        assert_eq!(fields.postcode("location.postcode"), None);
        let wanted = [
            "name: is missing",
            "dob: is a text, wanted an object",
            "location.country: is missing",
            "gender: is a number, wanted a text",
            "location.postcode: is a number, wanted a text or an integer",
        ];
        assert_eq!(fields.finish().unwrap_err(), wanted);
    }

    #[test]
    fn null_is_none_and_nothing_wrong() {
        let user = json!({"gender": null, "location": {"postcode": null}});
        let mut fields = Fields::of(&user);
        assert_eq!((fields.text("gender"), fields.postcode("location.postcode")), (None, None));
        assert!(fields.finish().is_ok());
    }

    #[test]
    fn what_is_no_object_at_all_is_said_once() {
        let user = json!([1]);
        let mut fields = Fields::of(&user);
        assert_eq!((fields.text("gender"), fields.text("name.first")), (None, None));
        assert_eq!(fields.finish().unwrap_err(), ["the result: is a list, wanted an object"]);
    }
}
