//! What stands in tables: an event's fields, or a dead letter.

use std::sync::Arc;

use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::catalog::EventType;
use super::event::{DeadLetter, Event};
use super::field::{Field, FieldType};
use super::utc;

/// An event as a row of its type's table: the fields that the table has, and no others.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    /// The event.
    pub event: Event,
    /// Its type.
    pub event_type: Arc<EventType>,
}

impl Serialize for EventRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (fields, values) = (self.event_type.fields(), &*self.event.body);
        // Columns are found by name: a body that is the row already need not be gone through field by field.
        if is_row(fields, values) {
            return values.serialize(serializer);
        }
        Record { fields, values }.serialize(serializer)
    }
}

/// Whether a valid body has no key beyond its fields, at any depth.
fn is_row(fields: &[Field], values: &Map<String, Value>) -> bool {
    let records = fields.iter().filter_map(|field| match &field.of {
        FieldType::Record(fields) => Some((fields, values.get(&field.name)?)),
        _ => None,
    });
    let is_one = |fields: &[Field], value: &Value| value.as_object().is_some_and(|v| is_row(fields, v));
    let mut are_rows = records.map(|(fields, value)| match value {
        Value::Array(items) => items.iter().all(|item| is_one(fields, item)),
        one => is_one(fields, one),
    });
    values.len() == fields.len() && are_rows.all(|is_row| is_row)
}

struct Record<'a> {
    fields: &'a [Field],
    values: &'a Map<String, Value>,
}

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_map(Some(self.fields.len()))?;
        for field in self.fields {
            if let Some(value) = self.values.get(&field.name) {
                row.serialize_entry(&field.name, &Cell { of: &field.of, value })?;
            }
        }
        row.end()
    }
}

struct Cell<'a> {
    of: &'a FieldType,
    value: &'a Value,
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.of, self.value) {
            (FieldType::Record(fields), Value::Object(values)) => {
                Record { fields, values }.serialize(serializer)
            }
            (of, Value::Array(items)) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for value in items {
                    list.serialize_element(&Cell { of, value })?;
                }
                list.end()
            }
            (_, value) => value.serialize(serializer),
        }
    }
}

/// A dead letter as a row of the error table, with the message as JSON text.
#[derive(Clone, Debug, PartialEq)]
pub struct LetterRow(pub DeadLetter);

impl Serialize for LetterRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let DeadLetter { kind, at, errors, event } = &self.0;
        let mut row = serializer.serialize_struct("LetterRow", 4)?;
        row.serialize_field("event_type", &**kind)?;
        row.serialize_field("timestamp", &at.to_utc().map(|_| utc::text(*at)))?;
        row.serialize_field("errors", errors)?;
        row.serialize_field("event", &event.to_string())?;
        row.end()
    }
}

#[cfg(test)]
mod tests {
    use flow_core::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::backend_events::{Catalog, UNKNOWN};

    #[test]
    fn a_row_has_the_fields_of_its_table_at_every_depth() {
        let entry = r#"[{"name": "note", "event_time": "at", "fields": [
            {"name": "event_type", "type": "STRING"}, {"name": "at", "type": "TIMESTAMP"},
            {"name": "lines", "type": "RECORD", "mode": "REPEATED", "fields": [{"name": "n", "type": "INTEGER"}]}]}]"#;
        let catalog = Catalog::builtin().with(entry).unwrap();
        let row = |body: Value| {
            let Value::Object(body) = body else { unreachable!("json! made an object") };
            let event = Event { kind: "note".into(), at: Timestamp::MIN, body: body.into() };
            serde_json::to_value(EventRow { event, event_type: Arc::clone(catalog.get("note").unwrap()) })
                .unwrap()
        };
        let at = "2025-02-08T13:09:00.000000Z";
        let wanted = json!({"event_type": "note", "at": at, "lines": [{"n": 1}, {"n": 3}]});
        assert_eq!(row(wanted.clone()), wanted);
        let mut body = wanted.clone();
        body["lines"][0]["m"] = json!(2);
        assert_eq!(row(body.clone()), wanted);
        body["extra"] = json!(1);
        assert_eq!(row(body), wanted);
    }

    #[test]
    fn an_error_row_holds_the_message_as_text_and_its_time_if_it_has_one() {
        let letter = |at| DeadLetter {
            kind: UNKNOWN.into(),
            at,
            errors: vec!["event_type: is missing".into()],
            event: json!({"a": "b"}),
        };
        assert_eq!(
            serde_json::to_value(LetterRow(letter(Timestamp::from_secs(1_740_455_813)))).unwrap(),
            json!({"event_type": "unknown", "timestamp": "2025-02-25T03:56:53.000000Z",
                   "errors": ["event_type: is missing"], "event": r#"{"a":"b"}"#})
        );
        assert_eq!(
            serde_json::to_value(LetterRow(letter(Timestamp::MIN))).unwrap()["timestamp"],
            Value::Null
        );
    }
}
