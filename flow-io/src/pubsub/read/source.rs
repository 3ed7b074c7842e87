//! A subscription as a source.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flow_core::source::{ReaderContext, Source};
use flow_core::{Element, Error, Result, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::closing::Closing;
use super::load::Load;
use super::options::Options;
use super::pull::{Pull, Task};
use super::reader::{Lookup, Parts, PubSubReader};
use super::shared::{Counts, Shared};
use super::time::of_attribute;
use super::watch::Watch;
use crate::gcp::{GoogleCloud, Traffic};
use crate::pubsub::client::Admin;
use crate::pubsub::names::{Subscription, Topic};
use crate::pubsub::{BadMessage, Message, clock};

/// Makes an item of a message, and says its event time if that is not the publish time.
pub(super) type Make<I> = Arc<dyn Fn(Message) -> (I, Option<Timestamp>) + Send + Sync>;

/// The messages of a subscription, as a stream.
///
/// Made by [`PubSub::subscription`](crate::pubsub::PubSub::subscription) or
/// [`PubSub::topic`](crate::pubsub::PubSub::topic). The items are [`Message`]s, or what [`json`](ReadPubSub::json) or
/// [`decode`](ReadPubSub::decode) makes of them.
///
/// ```no_run
/// use flow_core::prelude::*;
/// use flow_io::gcp::GoogleCloud;
/// use flow_io::pubsub::PubSub;
///
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// struct Order { id: u64, placed: Timestamp }
///
/// let p = Pipeline::new();
/// let orders = PubSub::subscription("projects/shop/subscriptions/orders")
///     .json::<Order>()
///     .timestamps(|order| order.placed)
///     .on(&GoogleCloud::from_env());
/// let (orders, bad) = p.read(orders).split();
/// # let _ = (orders, bad);
/// ```
///
/// # Delivery
/// A message is acknowledged when everything that was made of it is in the sinks for good. A run that fails or is killed
/// acknowledges nothing more, and what it held is delivered again: at once where the service hears of it, else when the
/// leases run out, after at most 20 seconds.
///
/// # Duplicates
/// A message that is delivered again while it is in the pipeline, or within ten minutes of its acknowledgement, is dropped
/// and acknowledged with, or as, the first. See [`deduplicated_for`](ReadPubSub::deduplicated_for).
///
/// A durable run remembers what was seen: a message whose effects are in the state is dropped and acknowledged if it comes
/// again, however long no process ran. Without one, nothing is remembered across runs.
///
/// # Event time and watermark
/// A message's event time is its publish time, unless [`timestamp_attribute`](ReadPubSub::timestamp_attribute) or
/// [`timestamps`](ReadPubSub::timestamps) says otherwise. Nothing in Pub/Sub tells how old the messages are that are still
/// to come, so the watermark is an estimate; it never goes back, and all streams of a subscription share it:
///
/// - While messages come, it is the oldest event time of those received in the last half minute (the *span*, see
///   [`watermark_span`](ReadPubSub::watermark_span)), and at least the span behind the clock. It does not pass a message
///   that a reader still has.
/// - When nothing has come for the span, although the streams have room for more, the service is asked every few seconds
///   whether it is there. The watermark is then half a minute (the *margin*, see
///   [`idle_margin`](ReadPubSub::idle_margin)) behind the last question that was answered. A service that does not answer
///   holds it, and so does a stream that broke, for a minute and a half.
/// - For the first half minute it stands still, since what an earlier run had leased comes only when the leases have run
///   out; see [`start_hold`](ReadPubSub::start_hold). This is not so with a subscription that the run has made itself.
///
/// Windows that should take what comes later than that allow it with a lateness.
///
/// # Figures
/// `received` (deliveries), `duplicates`, `expired_leases` (deliveries of a message that is still in the pipeline), `acks`,
/// `failed_acks` (of subscriptions that confirm them), `outstanding_messages`, `outstanding_bytes`, `oldest_lease_ms`,
/// `freshness_ms` (how old the message is that was handed out last), `requests` and `retries` (of the admin).
pub struct ReadPubSub<I = Message> {
    origin: Origin,
    cloud: GoogleCloud,
    options: Options,
    make: Make<I>,
    shared: OnceLock<Arc<Shared>>,
}

#[derive(Clone, Debug)]
pub(in crate::pubsub) enum Origin {
    Subscription(String),
    /// A topic, and the subscription that is made if it is not there.
    Topic(String, Option<String>),
}

impl<I> fmt::Debug for ReadPubSub<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ReadPubSub");
        debug.field("origin", &self.origin).field("options", &self.options).finish_non_exhaustive()
    }
}

impl ReadPubSub {
    pub(in crate::pubsub) fn new(origin: Origin) -> Self {
        ReadPubSub {
            origin,
            cloud: GoogleCloud::from_env(),
            options: Options::default(),
            make: Arc::new(|message| (message, None)),
            shared: OnceLock::new(),
        }
    }

    /// Decodes the payload as JSON. What is not a `T` becomes a [`BadMessage`].
    pub fn json<T: Element + DeserializeOwned>(self) -> ReadPubSub<Result<T, BadMessage>> {
        self.decode(from_json)
    }

    /// Decodes messages with a function. What it fails for becomes a [`BadMessage`] with the error as its reason.
    ///
    /// ```no_run
    /// use flow_io::pubsub::{Message, PubSub};
    /// let lines = PubSub::subscription("projects/shop/subscriptions/lines")
    ///     .decode(|message: &Message| String::from_utf8(message.data.to_vec()));
    /// ```
    pub fn decode<T: Element, E: fmt::Display>(
        self,
        decode: impl Fn(&Message) -> Result<T, E> + Send + Sync + 'static,
    ) -> ReadPubSub<Result<T, BadMessage>> {
        let make = Arc::clone(&self.make);
        self.making(move |message| {
            let (message, time) = make(message);
            (decode(&message).map_err(|error| message.refuse(error.to_string())), time)
        })
    }

    /// Takes event times from an attribute: RFC 3339, or milliseconds since the epoch.
    ///
    /// A message without a readable one becomes a [`BadMessage`].
    pub fn timestamp_attribute(self, name: impl Into<String>) -> ReadPubSub<Result<Message, BadMessage>> {
        self.decode(|message| Ok::<_, String>(message.clone())).timestamp_attribute(name)
    }

    /// Takes event times from the messages.
    pub fn timestamps(self, time: impl Fn(&Message) -> Timestamp + Send + Sync + 'static) -> Self {
        let make = Arc::clone(&self.make);
        self.making(move |message| {
            let (message, _) = make(message);
            let time = time(&message);
            (message, Some(time))
        })
    }
}

impl<T: Element> ReadPubSub<Result<T, BadMessage>> {
    /// Takes event times from an attribute: RFC 3339, or milliseconds since the epoch.
    ///
    /// A message without a readable one becomes a [`BadMessage`]. Bad messages keep their publish time.
    pub fn timestamp_attribute(self, name: impl Into<String>) -> Self {
        let (make, name) = (Arc::clone(&self.make), name.into());
        self.making(move |message| match of_attribute(&message, &name) {
            Err(reason) => (Err(message.refuse(reason)), None),
            Ok(time) => {
                let (item, _) = make(message);
                let time = item.is_ok().then_some(time);
                (item, time)
            }
        })
    }

    /// Takes event times from what was decoded. Bad messages keep their publish time.
    pub fn timestamps(self, time: impl Fn(&T) -> Timestamp + Send + Sync + 'static) -> Self {
        let make = Arc::clone(&self.make);
        self.making(move |message| {
            let (item, before) = make(message);
            let time = item.as_ref().ok().map(&time).or(before);
            (item, time)
        })
    }
}

impl<I> ReadPubSub<I> {
    /// Where Google Cloud is; [`GoogleCloud::from_env`] unless set.
    pub fn on(mut self, cloud: &GoogleCloud) -> Self {
        self.cloud = cloud.clone();
        self
    }

    /// How many streams are opened; one for each worker, at most 16, unless set. One carries some 10 MB a second.
    pub fn streams(mut self, streams: usize) -> Self {
        self.options.streams = Some(streams.max(1));
        self
    }

    /// How much may be received and not acknowledged, in all streams together; 100,000 messages and 256 MiB unless set.
    ///
    /// What is received in an epoch is acknowledged at its end, so that no more than this comes in an epoch: allow what
    /// comes in three. Windows hold their messages until they close: allow what comes in the longest of them, or the
    /// pipeline is stuck, which is told.
    pub fn max_outstanding(mut self, messages: usize, bytes: usize) -> Self {
        (self.options.max_messages, self.options.max_bytes) = (messages, bytes);
        self
    }

    /// How long leases are extended; an hour unless set. A message that is held longer is delivered again, and dropped as
    /// a duplicate.
    pub fn max_lease(mut self, time: Duration) -> Self {
        self.options.max_lease = time;
        self
    }

    /// How long an acknowledged message is known if it comes again; ten minutes unless set, and at least that time but at
    /// most half as long again. Zero drops no duplicates at all.
    ///
    /// At most nine million ids are remembered, which takes some 200 MB: with more than 10,000 messages a second the time
    /// becomes shorter.
    pub fn deduplicated_for(mut self, horizon: Duration) -> Self {
        self.options.horizon = horizon;
        self
    }

    /// Tells messages apart by an attribute that the publisher sets, so that what was published twice comes once. A
    /// message without it is known by the service's id.
    pub fn id_attribute(mut self, name: impl Into<String>) -> Self {
        self.options.id_attribute = Some(name.into());
        self
    }

    /// How far back the messages are looked at that the watermark is told by; half a minute unless set.
    pub fn watermark_span(mut self, span: Duration) -> Self {
        self.options.pace.span = span;
        self
    }

    /// How far behind the clock the watermark is when nothing comes; half a minute unless set. Set it to how late messages
    /// may be published, if their event times are not their publish times.
    pub fn idle_margin(mut self, margin: Duration) -> Self {
        self.options.pace.margin = margin;
        self
    }

    /// How long after the start the watermark stands still; half a minute unless set.
    pub fn start_hold(mut self, hold: Duration) -> Self {
        self.options.pace.hold = hold;
        self
    }

    fn making<J>(
        self,
        make: impl Fn(Message) -> (J, Option<Timestamp>) + Send + Sync + 'static,
    ) -> ReadPubSub<J> {
        let ReadPubSub { origin, cloud, options, shared, make: _ } = self;
        ReadPubSub { origin, cloud, options, shared, make: Arc::new(make) }
    }
}

fn from_json<T: DeserializeOwned>(message: &Message) -> Result<T, String> {
    serde_json::from_slice(&message.data)
        .map_err(|e| e.to_string().replacen(" at line 1 column ", " at column ", 1))
}

/// One stream of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PubSubSplit {
    /// The subscription's full name.
    pub subscription: String,
    /// Which stream it is, from 0.
    pub stream: u32,
    /// How many streams there are.
    pub streams: u32,
    /// The run has made the subscription, so that nobody has read it before.
    pub is_new: bool,
}

/// How long a subscription lives that nobody reads: one with a made name, and one whose name was chosen.
const EXPIRES: (Duration, Duration) = (Duration::from_hours(24), Duration::from_hours(31 * 24));

/// How many streams are opened at most unless it was said.
const MOST_STREAMS: usize = 16;

/// How many batches may wait for a reader.
const WAITING: usize = 4;

impl<I> ReadPubSub<I> {
    /// The subscription to read, and whether it was made just now.
    async fn subscription(&self) -> Result<(Subscription, bool)> {
        let admin = Admin::new(&self.cloud, Traffic::default());
        let (topic, name) = match &self.origin {
            Origin::Subscription(name) => {
                let name = Subscription::parse(name)?;
                admin.check_subscription(&name).await?;
                return Ok((name, false));
            }
            Origin::Topic(topic, name) => (Topic::parse(topic)?, name),
        };
        let (name, expires) = match name {
            Some(name) => (Subscription::parse(name)?, EXPIRES.1),
            None => (topic.subscription(clock::now().micros().unsigned_abs()), EXPIRES.0),
        };
        let is_new = admin.create_subscription(&name, &topic, expires).await?;
        if is_new {
            tracing::info!(subscription = %name, %topic, ?expires, "made a subscription: name it to go on with it");
        }
        Ok((name, is_new))
    }

    fn watch(&self, subscription: Subscription, shared: &Arc<Shared>, cx: &ReaderContext) -> Watch {
        Watch {
            shared: Arc::clone(shared),
            admin: Admin::new(&self.cloud, Traffic::new(&cx.metrics)),
            subscription,
            options: self.options.clone(),
            counts: Counts::new(&cx.metrics),
        }
    }
}

impl<I: Element> Source for ReadPubSub<I> {
    type Item = I;
    type Split = PubSubSplit;
    type Position = u64;
    type Reader = PubSubReader<I>;

    fn is_bounded(&self) -> bool {
        false
    }

    fn splits(&self, desired: usize) -> Result<Vec<PubSubSplit>> {
        let (subscription, is_new) = runtime()?.block_on(self.subscription())?;
        let streams = self.options.streams.unwrap_or(desired.clamp(1, MOST_STREAMS)) as u32;
        let split = |stream| PubSubSplit { subscription: subscription.to_string(), stream, streams, is_new };
        Ok((0..streams).map(split).collect())
    }

    /// A position counts the messages that one reader handed out: the service knows what it still has to deliver.
    fn reader(&self, split: &PubSubSplit, from: Option<u64>, cx: &ReaderContext) -> Result<PubSubReader<I>> {
        let runtime = runtime()?;
        let subscription = Subscription::parse(&split.subscription)?;
        let (mut options, counts) = (self.options.clone(), Counts::new(&cx.metrics));
        if split.is_new {
            options.pace.hold = Duration::ZERO;
        }
        let streams = split.streams.max(1) as usize;
        let limits = (options.max_messages.div_ceil(streams), options.max_bytes.div_ceil(streams));
        let gauges = (counts.outstanding_messages.clone(), counts.outstanding_bytes.clone());
        let load = Arc::new(Load::new(limits, gauges));
        let shared = self.shared.get_or_init(|| Arc::new(Shared::new(&options)));
        shared.restore(&cx.remembered, options.horizon, clock::now())?;
        shared.open(split.stream, &load, &options, clock::now());
        let (to, pulled) = tokio::sync::mpsc::channel(WAITING);
        let closing = Closing::default();
        let pull = Pull {
            cloud: self.cloud.clone(),
            subscription: subscription.clone(),
            max_lease: options.max_lease,
            load: Arc::clone(&load),
            shared: Arc::clone(shared),
            to,
            closing: closing.clone(),
        };
        let mut tasks = vec![Task::spawn(&runtime, pull.run())];
        if split.stream == 0 {
            tasks.push(Task::spawn(&runtime, self.watch(subscription, shared, cx).run()));
        }
        let lookup = Lookup {
            deduplicates: !options.horizon.is_zero(),
            id_attribute: options.id_attribute,
            share: (split.stream, split.streams),
        };
        let parts =
            Parts { lookup, shared: Arc::clone(shared), load, counts, pulled, closing, runtime, tasks };
        Ok(PubSubReader::new(Arc::clone(&self.make), parts, from.unwrap_or(0)))
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.options.max_lease)
    }

    fn describe(&self) -> String {
        match &self.origin {
            Origin::Subscription(name) | Origin::Topic(_, Some(name)) => format!("Pub/Sub, {name}"),
            Origin::Topic(topic, None) => format!("Pub/Sub, {topic}"),
        }
    }
}

fn runtime() -> Result<Handle> {
    Handle::try_current().map_err(|e| {
        Error::config("Pub/Sub needs a runner that does I/O: run the pipeline with the LocalRunner")
            .caused_by(e)
    })
}
