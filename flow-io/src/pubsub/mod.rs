//! Google Pub/Sub: read from subscriptions and topics, published to topics.
//!
//! Reading: [`PubSub::subscription`] and [`PubSub::topic`] give a [`ReadPubSub`], a stream of [`Message`]s or of what is
//! decoded from them. Publishing: [`PubSub::publish_to`] gives a [`WritePubSub`], a sink. Both deliver at least once, and
//! what is read is acknowledged when everything that was made of it is in the sinks for good.
//!
//! ```no_run
//! use flow_core::prelude::*;
//! use flow_io::pubsub::{Message, Outgoing, PubSub};
//!
//! let p = Pipeline::new();
//! p.read(PubSub::subscription("projects/shop/subscriptions/orders"))
//!     .filter(|message: &Message| message.attributes.contains_key("urgent"))
//!     .write(PubSub::publish_to("projects/shop/topics/urgent-orders"));
//! ```

mod client;
mod clock;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod message;
mod names;
mod read;
mod write;

pub use message::{BadMessage, Message, Outgoing};
use read::Origin;
pub use read::{PubSubReader, PubSubSplit, ReadPubSub};
pub use write::{Encode, Encoded, Json, Plain, PubSubWriter, WithId, WritePubSub};

/// Google Pub/Sub.
#[derive(Clone, Copy, Debug)]
pub struct PubSub;

impl PubSub {
    /// Reads a subscription, `projects/P/subscriptions/S`.
    ///
    /// # Errors
    /// The run fails at the start if there is no such subscription, with the command that makes it.
    pub fn subscription(name: impl Into<String>) -> ReadPubSub {
        ReadPubSub::new(Origin::Subscription(name.into()))
    }

    /// Reads what is published to a topic, `projects/P/topics/T`, from the start of the run on.
    ///
    /// The run makes a subscription of its own for it, whose name is told in the log. The service deletes it when nobody
    /// has read it for a day. Another run makes another, and does not get what is published between the two: to go on
    /// where a run has ended, use [`topic_through`](PubSub::topic_through).
    pub fn topic(name: impl Into<String>) -> ReadPubSub {
        ReadPubSub::new(Origin::Topic(name.into(), None))
    }

    /// Reads a topic, `projects/P/topics/T`, through a subscription, `projects/P/subscriptions/S`, that is made if it is
    /// not there. A run that is started again goes on where the last one was. The service deletes the subscription when
    /// nobody has read it for 31 days.
    ///
    /// # Errors
    /// The run fails at the start if the subscription is another topic's.
    pub fn topic_through(topic: impl Into<String>, subscription: impl Into<String>) -> ReadPubSub {
        ReadPubSub::new(Origin::Topic(topic.into(), Some(subscription.into())))
    }

    /// Publishes to a topic, `projects/P/topics/T`.
    ///
    /// # Errors
    /// The run fails at the start if there is no such topic, with the command that makes it.
    pub fn publish_to(topic: impl Into<String>) -> WritePubSub {
        WritePubSub::new(topic.into())
    }
}
