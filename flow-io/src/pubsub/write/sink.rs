//! A topic as a sink.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use flow_core::sink::{Commit, Committed, Delivery, Sink, WriterContext};
use flow_core::{Element, Result};

use super::encode::{Encode, Encoded, Json, Plain, WithId};
use super::writer::PubSubWriter;
use crate::gcp::{GoogleCloud, Traffic};
use crate::pubsub::Outgoing;
use crate::pubsub::client::Admin;
use crate::pubsub::names::Topic;

/// Publishes elements to a topic, at least once.
///
/// Made by [`PubSub::publish_to`](crate::pubsub::PubSub::publish_to). Elements are messages, text or bytes, or become
/// messages by [`json`](WritePubSub::json) or [`encode`](WritePubSub::encode). With
/// [`write_by`](flow_core::PCollection::write_by) each goes to a topic of its own.
///
/// ```no_run
/// use flow_core::prelude::*;
/// use flow_io::pubsub::{Outgoing, PubSub};
///
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// struct Order { id: u64, region: String }
///
/// # fn orders() -> PCollection<Order> { Pipeline::new().create([]) }
/// let orders: PCollection<Order> = orders();
/// orders.write(PubSub::publish_to("projects/shop/topics/orders").json().with_id("flow_id", |order: &Order| {
///     order.id.to_string()
/// }));
/// orders.write_by(
///     |order| order.region.clone(),
///     |region| {
///         PubSub::publish_to(format!("projects/shop/topics/orders-{region}"))
///             .encode(|order: &Order| Outgoing::new(order.id.to_string()).attribute("region", order.region.as_str()))
///     },
/// );
/// ```
///
/// A message is published when it is written, without waiting for the epoch's end; the end of an epoch waits for all of its
/// messages. After a failure, in a durable run too, some are published again, with other ids: [`with_id`](WritePubSub::with_id) lets readers tell.
///
/// Messages with an ordering key are published in the order in which one worker writes them: key the collection alike. If
/// one fails, those behind it wait until it has been published.
///
/// What the service would not take is refused with the reason: more than 10 MB, more than 100 attributes, names of more
/// than 256 bytes or values of more than 1,024, neither payload nor attributes, or whatever a schema of the topic says.
///
/// Figures: `written`, `bytes`, `requests` (bundles of messages on their way), `retries`, `in_flight`.
#[derive(Clone)]
pub struct WritePubSub<E = Plain> {
    pub(super) topic: String,
    pub(super) cloud: GoogleCloud,
    pub(super) batches: Batches,
    pub(super) in_flight: (usize, usize),
    pub(super) encode: E,
}

/// When the client sends what has gathered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batches {
    pub(super) messages: usize,
    pub(super) bytes: usize,
    pub(super) age: Duration,
}

impl<E> fmt::Debug for WritePubSub<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("WritePubSub");
        debug.field("topic", &self.topic).field("batches", &self.batches).finish_non_exhaustive()
    }
}

impl WritePubSub {
    pub(in crate::pubsub) fn new(topic: String) -> Self {
        WritePubSub {
            topic,
            cloud: GoogleCloud::from_env(),
            batches: Batches { messages: 500, bytes: 1 << 20, age: Duration::from_millis(10) },
            in_flight: (10_000, 64 << 20),
            encode: Plain,
        }
    }

    /// Publishes elements as JSON. Those that JSON cannot hold are refused.
    pub fn json(self) -> WritePubSub<Json> {
        self.encoded(|_| Json)
    }

    /// Makes the messages with a function.
    pub fn encode<T: Element>(
        self,
        encode: impl Fn(&T) -> Outgoing + Send + Sync + 'static,
    ) -> WritePubSub<Encoded<T>> {
        self.encoded(|_| Encoded(Arc::new(encode)))
    }
}

impl<E> WritePubSub<E> {
    /// Where Google Cloud is; [`GoogleCloud::from_env`] unless set.
    pub fn on(mut self, cloud: &GoogleCloud) -> Self {
        self.cloud = cloud.clone();
        self
    }

    /// Gives each message an attribute that is the same whenever the element is published, so that readers can drop those
    /// that come twice, as [`id_attribute`](crate::pubsub::ReadPubSub::id_attribute) does.
    pub fn with_id<T: Element>(
        self,
        name: impl Into<String>,
        id: impl Fn(&T) -> String + Send + Sync + 'static,
    ) -> WritePubSub<WithId<T, E>> {
        let name = name.into();
        self.encoded(|encode| WithId { encode, name, id: Arc::new(id) })
    }

    /// When a request is sent: with so many messages, of so many bytes, or when the first has waited so long; 500, 1 MiB and
    /// 10 ms unless set. The service takes at most 1,000 messages and 10 MB.
    pub fn batched(mut self, messages: usize, bytes: usize, age: Duration) -> Self {
        self.batches = Batches { messages: messages.clamp(1, 1_000), bytes: bytes.clamp(1, 9_000_000), age };
        self
    }

    /// How much each worker may have on its way; 10,000 messages and 64 MiB unless set.
    pub fn max_in_flight(mut self, messages: usize, bytes: usize) -> Self {
        self.in_flight = (messages.clamp(1, 1 << 24), bytes.clamp(1, 1 << 30));
        self
    }

    fn encoded<F>(self, encode: impl FnOnce(E) -> F) -> WritePubSub<F> {
        let WritePubSub { topic, cloud, batches, in_flight, encode: before } = self;
        WritePubSub { topic, cloud, batches, in_flight, encode: encode(before) }
    }
}

impl<T: Element, E: Encode<T>> Sink<T> for WritePubSub<E> {
    type Writer = PubSubWriter<T, E>;
    type Token = ();

    fn delivery(&self, _: bool) -> Delivery {
        Delivery::AtLeastOnce
    }

    fn check(&self) -> impl Future<Output = Result<()>> + Send + 'static {
        let (topic, cloud) = (self.topic.clone(), self.cloud.clone());
        async move { Admin::new(&cloud, Traffic::default()).check_topic(&Topic::parse(&topic)?).await }
    }

    fn open(&self, cx: &WriterContext) -> Result<PubSubWriter<T, E>> {
        PubSubWriter::open(self.clone(), cx)
    }

    /// Everything is published when it is prepared.
    fn commit(&self, _: Commit<()>) -> impl Future<Output = Result<Committed<()>>> + Send + 'static {
        std::future::ready(Ok(Committed::default()))
    }

    fn describe(&self) -> String {
        format!("Pub/Sub, {}", self.topic)
    }
}
