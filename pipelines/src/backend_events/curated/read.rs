//! From an event's body to the struct of its type.

use serde::de::DeserializeOwned;

use crate::backend_events::event::Event;

/// An event was taken for one of another type.
#[derive(Debug, thiserror::Error)]
#[error("an event of kind `{found}` was read as `{wanted}`")]
pub struct NotOfThisKind {
    found: String,
    wanted: &'static str,
    source: Option<serde_json::Error>,
}

/// Reads the body of an event of the kind `wanted`.
pub(super) fn body<T: DeserializeOwned>(event: &Event, wanted: &'static str) -> Result<T, NotOfThisKind> {
    let error = |source| NotOfThisKind { found: event.kind.to_string(), wanted, source };
    if *event.kind != *wanted {
        return Err(error(None));
    }
    T::deserialize(&*event.body).map_err(|source| error(Some(source)))
}
