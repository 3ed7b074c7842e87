//! What a message becomes: an [`Event`] or a [`DeadLetter`].

use std::sync::Arc;
use std::time::Duration;

use flow_core::Timestamp;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{identity, json_text};

/// The kind of messages whose type is missing or in no catalog.
pub const UNKNOWN: &str = "unknown";

/// An event that holds to its type's entry in the catalog.
///
/// Its body is what was sent, except that there is one form of each value: timestamps are in UTC with six digits
/// of a second (`2025-02-25T03:56:53.060650Z`), uuids are in lower case, numbers of FLOAT fields have a decimal
/// point. Checking a body again changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The name of its type.
    pub kind: Arc<str>,
    /// When it happened.
    pub at: Timestamp,
    /// The event itself, shared: what clones an event, as every further reader of a collection does, does not copy it.
    #[serde(with = "json_text")]
    pub body: Arc<Map<String, Value>>,
}

impl Event {
    /// A number that two events share only when their bodies are equal, whatever the order of their keys: a
    /// message that is delivered, published or read back from an object again is the same event again.
    pub fn identity(&self) -> u128 {
        identity::of(&self.body)
    }
}

/// A message that is no event, with all that is wrong with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The name of its type, or [`UNKNOWN`].
    pub kind: Arc<str>,
    /// When it happened, or was published if it does not say.
    pub at: Timestamp,
    /// What is wrong, each with its place in the event: `items[2].price: is missing`.
    pub errors: Vec<String>,
    /// The message as it was sent: JSON, or a text if it is none.
    #[serde(with = "json_text")]
    pub event: Value,
}

impl DeadLetter {
    /// Of an event that came when its minute took no more: `lateness` after its end.
    pub fn late(event: Event, lateness: Duration) -> Self {
        let lateness = SignedDuration::try_from(lateness).unwrap_or(SignedDuration::MAX);
        Self::of(event, format!("late: its minute had ended more than {lateness:#} before it came"))
    }

    /// Of an event that a sink does not take.
    pub fn refused(event: Event, destination: &str, reason: &str) -> Self {
        Self::of(event, format!("refused: {destination}: {reason}"))
    }

    fn of(event: Event, error: String) -> Self {
        let Event { kind, at, body } = event;
        DeadLetter { kind, at, errors: vec![error], event: Value::Object(Arc::unwrap_or_clone(body)) }
    }

    /// Whether its type is missing or in no catalog.
    pub fn is_unknown(&self) -> bool {
        *self.kind == *UNKNOWN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(body: &str) -> Event {
        let body = Arc::new(serde_json::from_str(body).unwrap());
        Event { kind: "order".into(), at: Timestamp::from_secs(0), body }
    }

    #[test]
    fn events_and_dead_letters_survive_the_wire() {
        let event = event(r#"{"price": 0.1, "items": [{"n": null}]}"#);
        let bytes = postcard::to_allocvec(&event).unwrap();
        assert_eq!(postcard::from_bytes::<Event>(&bytes).unwrap(), event);

        let letter = DeadLetter {
            kind: UNKNOWN.into(),
            at: Timestamp::MIN,
            errors: vec!["event_type: is missing".into()],
            event: Value::Object(Arc::unwrap_or_clone(event.body)),
        };
        let bytes = postcard::to_allocvec(&letter).unwrap();
        assert_eq!(postcard::from_bytes::<DeadLetter>(&bytes).unwrap(), letter);
    }

    #[test]
    fn in_json_a_dead_letter_holds_the_event_as_json() {
        let letter = DeadLetter {
            kind: UNKNOWN.into(),
            at: Timestamp::from_micros(1),
            errors: vec!["event_type: is missing".into()],
            event: serde_json::json!({"a": 1}),
        };
        let wanted = r#"{"kind":"unknown","at":"1970-01-01T00:00:00.000001Z","errors":["event_type: is missing"],"event":{"a":1}}"#;
        assert_eq!(serde_json::to_string(&letter).unwrap(), wanted);
    }
}
