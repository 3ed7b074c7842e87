//! Publishing some messages, until they are published.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use flow_core::{Error, Meta};
use futures::future::join_all;
use google_cloud_gax::error::rpc::Code;
use google_cloud_pubsub::client::Publisher;
use google_cloud_pubsub::error::PublishError;
use google_cloud_pubsub::model::Message;

use crate::gcp::{Fault, Retrying};
use crate::pubsub::client;
use crate::pubsub::names::Topic;

/// Elements on their way, in the order in which they were written.
pub(super) struct Parcel<T> {
    pub(super) elements: Vec<Element<T>>,
    pub(super) bytes: usize,
}

/// An element and its message.
pub(super) struct Element<T> {
    pub(super) value: T,
    pub(super) meta: Meta,
    pub(super) message: Message,
}

impl<T> Default for Parcel<T> {
    fn default() -> Self {
        Parcel { elements: Vec::new(), bytes: 0 }
    }
}

/// What became of a parcel.
pub(super) struct Published<T> {
    pub(super) written: usize,
    pub(super) refused: Vec<(T, Meta, String)>,
}

/// Publishes to one topic.
#[derive(Clone)]
pub(super) struct Publishing {
    pub(super) topic: Arc<Topic>,
    pub(super) publisher: Publisher,
    pub(super) retrying: Retrying,
}

/// The first failure of some messages.
struct Failed(PublishError);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Failed {
    fn meaning(&self) -> Fault {
        match &self.0 {
            PublishError::Rpc(error) => Fault::of_gax(error),
            PublishError::OrderingKeyPaused => Fault::Passing(None),
            _ => Fault::Lasting,
        }
    }

    /// What the service says of a message that it will never take.
    fn refusal(&self) -> Option<String> {
        let PublishError::Rpc(error) = &self.0 else { return None };
        let status = error.status().filter(|status| status.code == Code::InvalidArgument)?;
        Some(format!("Pub/Sub refuses it: {}", status.message))
    }

    fn into_error(self, topic: &Topic) -> Error {
        match self.0 {
            PublishError::Rpc(error) => client::topic_failed(topic, error),
            other => Error::sink_failed(format!("nothing can be published to {topic}"), other),
        }
    }
}

impl Publishing {
    /// Publishes a parcel, and finds the messages that the service refuses.
    ///
    /// # Errors
    /// What makes it hopeless to go on.
    pub(super) async fn publish<T>(&self, parcel: Parcel<T>) -> Result<Published<T>, Error> {
        let total = parcel.elements.len();
        self.retrying.traffic().bytes.add(parcel.bytes as u64);
        let left = Mutex::new(parcel.elements);
        let Err(failed) = self.until_published(&left).await else {
            return Ok(Published { written: total, refused: Vec::new() });
        };
        if failed.refusal().is_none() {
            return Err(failed.into_error(&self.topic));
        }
        // A request is refused as a whole: one by one, the others get through.
        let mut refused = Vec::new();
        for element in left.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let alone = Mutex::new(vec![element]);
            let Err(failed) = self.until_published(&alone).await else { continue };
            let Some(reason) = failed.refusal() else { return Err(failed.into_error(&self.topic)) };
            let alone = alone.into_inner().unwrap_or_else(PoisonError::into_inner);
            refused.extend(alone.into_iter().map(|element| (element.value, element.meta, reason.clone())));
        }
        Ok(Published { written: total - refused.len(), refused })
    }

    async fn until_published<T>(&self, left: &Mutex<Vec<Element<T>>>) -> Result<(), Failed> {
        let what = format!("publishing to {}", self.topic);
        self.retrying.run(&what, Failed::meaning, || self.attempt(left)).await
    }

    /// Publishes what is left; what fails is left again, in order.
    async fn attempt<T>(&self, left: &Mutex<Vec<Element<T>>>) -> Result<(), Failed> {
        let publishing: Vec<_> = {
            let left = left.lock().unwrap_or_else(PoisonError::into_inner);
            left.iter().map(|element| self.publisher.publish(element.message.clone())).collect()
        };
        let outcomes = join_all(publishing).await;
        let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
        let mut outcomes_of = outcomes.iter();
        left.retain(|_| outcomes_of.next().is_some_and(Result::is_err));
        for element in left.iter().filter(|element| !element.message.ordering_key.is_empty()) {
            self.publisher.resume_publish(element.message.ordering_key.clone());
        }
        // That a key waits is the consequence of another failure.
        let mut failures: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
        let first = failures.iter().position(|e| !matches!(e, PublishError::OrderingKeyPaused)).unwrap_or(0);
        if failures.is_empty() { Ok(()) } else { Err(Failed(failures.swap_remove(first))) }
    }
}
