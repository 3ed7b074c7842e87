//! What stands in objects: an event, or a dead letter.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::event::{DeadLetter, Event};

/// An event as it stands in an object of the landing tree: its body.
#[derive(Clone, Debug, PartialEq)]
pub struct EventObject(pub Event);

impl Serialize for EventObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.body.serialize(serializer)
    }
}

/// A dead letter as it stands in an object: `{errors, event}`.
#[derive(Clone, Debug, PartialEq)]
pub struct LetterObject(pub DeadLetter);

impl Serialize for LetterObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("LetterObject", 2)?;
        object.serialize_field("errors", &self.0.errors)?;
        object.serialize_field("event", &self.0.event)?;
        object.end()
    }
}

/// A message of no known type as it stands in an object: as it was sent, so that it can be read again once the
/// catalog has its type.
#[derive(Clone, Debug, PartialEq)]
pub struct UnknownObject(pub DeadLetter);

impl Serialize for UnknownObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event: &Value = &self.0.event;
        event.serialize(serializer)
    }
}
