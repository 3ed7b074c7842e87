//! Elements as messages.

use std::fmt;
use std::sync::Arc;

use flow_core::{BoxError, Element};
use serde::Serialize;

use crate::pubsub::Outgoing;

/// Says how elements become messages.
#[diagnostic::on_unimplemented(
    message = "`{T}` is not a message for Pub/Sub",
    note = "say how it becomes one: `PubSub::publish_to(topic).json()`, or `.encode(|element| Outgoing::new(..))`"
)]
pub trait Encode<T>: Clone + Send + Sync + 'static {
    /// Makes a message; an element that cannot be one is refused with the error as its reason.
    fn encode(&self, element: &T) -> Result<Outgoing, BoxError>;
}

/// Elements that are messages, text or bytes already.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl<T: Element + Into<Outgoing>> Encode<T> for Plain {
    fn encode(&self, element: &T) -> Result<Outgoing, BoxError> {
        Ok(element.clone().into())
    }
}

/// Elements as JSON.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

impl<T: Element + Serialize> Encode<T> for Json {
    fn encode(&self, element: &T) -> Result<Outgoing, BoxError> {
        Ok(Outgoing::new(serde_json::to_vec(element)?))
    }
}

/// Elements as messages by a function.
pub struct Encoded<T>(pub(super) Arc<dyn Fn(&T) -> Outgoing + Send + Sync>);

impl<T> Clone for Encoded<T> {
    fn clone(&self) -> Self {
        Encoded(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Encoded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoded")
    }
}

impl<T: Element> Encode<T> for Encoded<T> {
    fn encode(&self, element: &T) -> Result<Outgoing, BoxError> {
        Ok((self.0)(element))
    }
}

/// Messages with an attribute more, by a function of the element.
pub struct WithId<T, E> {
    pub(super) encode: E,
    pub(super) name: String,
    pub(super) id: Arc<dyn Fn(&T) -> String + Send + Sync>,
}

impl<T, E: Clone> Clone for WithId<T, E> {
    fn clone(&self) -> Self {
        WithId { encode: self.encode.clone(), name: self.name.clone(), id: Arc::clone(&self.id) }
    }
}

impl<T, E: fmt::Debug> fmt::Debug for WithId<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithId")
            .field("encode", &self.encode)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<T: Element, E: Encode<T>> Encode<T> for WithId<T, E> {
    fn encode(&self, element: &T) -> Result<Outgoing, BoxError> {
        Ok(self.encode.encode(element)?.attribute(self.name.clone(), (self.id)(element)))
    }
}
