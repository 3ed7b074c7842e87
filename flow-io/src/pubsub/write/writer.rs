//! Publishing one worker's share.

use std::collections::HashSet;
use std::fmt;
use std::hash::BuildHasher;
use std::mem;
use std::sync::Arc;

use flow_core::metrics::Counter;
use flow_core::sink::{Rejects, Writer, WriterContext};
use flow_core::{Bundle, Element, Error, ErrorKind, Result, Timestamp};
use foldhash::fast::FixedState;
use google_cloud_pubsub::client::Publisher;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::{JoinError, JoinSet};

use super::encode::Encode;
use super::limits::refusal;
use super::publish::{self, Parcel, Published, Publishing};
use super::sink::WritePubSub;
use crate::gcp::{Retrying, Traffic};
use crate::pubsub::client;
use crate::pubsub::names::Topic;

/// Messages with ordering keys go in as many lanes, one parcel at a time in each.
const LANES: usize = 16;

/// The client keeps a task for each ordering key that it has seen: with more than these, another client is made.
const MOST_KEYS: usize = 10_000;

/// Publishes one worker's share of a collection; see [`WritePubSub`].
pub struct PubSubWriter<T, E> {
    sink: WritePubSub<E>,
    topic: Arc<Topic>,
    retrying: Retrying,
    written: Counter,
    publisher: Option<Publisher>,
    messages: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    under_way: JoinSet<Result<Published<T>>>,
    lanes: [Lane<T>; LANES],
    loose: Parcel<T>,
    keys: HashSet<String, FixedState>,
}

/// The messages of some keys: a parcel waits until the one before it is published.
struct Lane<T> {
    parcel: Parcel<T>,
    before: Option<oneshot::Receiver<()>>,
}

impl<T, E> fmt::Debug for PubSubWriter<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("PubSubWriter");
        debug
            .field("topic", &self.sink.topic)
            .field("under_way", &self.under_way.len())
            .finish_non_exhaustive()
    }
}

impl<T: Element, E: Encode<T>> PubSubWriter<T, E> {
    pub(super) fn open(sink: WritePubSub<E>, cx: &WriterContext) -> Result<Self> {
        let (messages, bytes) = sink.in_flight;
        Ok(PubSubWriter {
            topic: Arc::new(Topic::parse(&sink.topic)?),
            retrying: Retrying::new(sink.cloud.retry(), Traffic::new(&cx.metrics)),
            written: cx.metrics.counter("written"),
            publisher: None,
            messages: Arc::new(Semaphore::new(messages)),
            bytes: Arc::new(Semaphore::new(bytes)),
            under_way: JoinSet::new(),
            lanes: std::array::from_fn(|_| Lane { parcel: Parcel::default(), before: None }),
            loose: Parcel::default(),
            keys: HashSet::default(),
            sink,
        })
    }

    /// The client for the topic.
    async fn publisher(&mut self) -> Result<Publisher> {
        if let Some(publisher) = &self.publisher {
            return Ok(publisher.clone());
        }
        let batches = self.sink.batches;
        let base = client::publisher(&self.sink.cloud).await?;
        let publisher = base
            .publisher(self.topic.to_string())
            .set_message_count_threshold(batches.messages as u32)
            .set_byte_threshold(batches.bytes as u32)
            .set_delay_threshold(batches.age)
            .build();
        Ok(self.publisher.insert(publisher).clone())
    }

    /// Puts a message into its lane, or to those without a key. Which it is, and whether that is full.
    fn place(&mut self, element: publish::Element<T>, size: usize) -> (Option<usize>, bool) {
        let key = &element.message.ordering_key;
        let lane = (!key.is_empty()).then(|| FixedState::default().hash_one(key) as usize % LANES);
        if lane.is_some() && !self.keys.contains(key) {
            self.keys.insert(key.clone());
        }
        let parcel = self.parcel(lane);
        parcel.elements.push(element);
        parcel.bytes += size;
        let (messages, bytes) = (parcel.elements.len(), parcel.bytes);
        let most = self.sink.in_flight;
        (lane, messages >= 1_000.min(most.0) || bytes >= (1 << 20).min(most.1))
    }

    fn parcel(&mut self, lane: Option<usize>) -> &mut Parcel<T> {
        match lane {
            Some(lane) => &mut self.lanes[lane].parcel,
            None => &mut self.loose,
        }
    }

    /// Waits for all that is under way. The client keeps something for each key for ever: one that has had many is
    /// replaced, which keeps order only when nothing is under way.
    async fn settle(&mut self, rejects: &mut Rejects<T>) -> Result<()> {
        while let Some(outcome) = self.under_way.join_next().await {
            self.take_in(outcome, rejects)?;
        }
        if self.keys.len() > MOST_KEYS {
            self.keys.clear();
            self.publisher = None;
        }
        Ok(())
    }

    /// Sends a parcel on its way as soon as there is room for it.
    async fn send(&mut self, lane: Option<usize>) -> Result<()> {
        let parcel = mem::take(self.parcel(lane));
        if parcel.elements.is_empty() {
            return Ok(());
        }
        let (most_messages, most_bytes) = self.sink.in_flight;
        let credit = [
            credit(&self.messages, parcel.elements.len().min(most_messages)).await?,
            credit(&self.bytes, parcel.bytes.min(most_bytes)).await?,
        ];
        let publisher = self.publisher().await?;
        let (topic, retrying) = (Arc::clone(&self.topic), self.retrying.clone());
        let publishing = Publishing { topic, publisher, retrying };
        let (done, before) = match lane {
            Some(lane) => {
                let (done, next) = oneshot::channel();
                (Some(done), self.lanes[lane].before.replace(next))
            }
            None => (None, None),
        };
        self.under_way.spawn(async move {
            if let Some(before) = before
                && before.await.is_err()
            {
                // It has failed, and the run with it: what is behind it must not go first.
                return Ok(Published { written: 0, refused: Vec::new() });
            }
            let outcome = publishing.publish(parcel).await?;
            if let Some(done) = done {
                // The last of a lane has nobody behind it.
                let _ = done.send(());
            }
            drop(credit);
            Ok(outcome)
        });
        Ok(())
    }

    fn take_in(
        &self,
        outcome: Result<Result<Published<T>>, JoinError>,
        rejects: &mut Rejects<T>,
    ) -> Result<()> {
        let lost = |e| Error::new(ErrorKind::Sink, "a task that publishes was lost").caused_by(e);
        let published = outcome.map_err(lost)??;
        self.written.add(published.written as u64);
        for (value, meta, reason) in published.refused {
            rejects.reject(value, meta, self.sink.topic.clone(), reason);
        }
        Ok(())
    }

    async fn send_all(&mut self) -> Result<()> {
        self.send(None).await?;
        for lane in 0..LANES {
            self.send(Some(lane)).await?;
        }
        Ok(())
    }
}

async fn credit(of: &Arc<Semaphore>, wanted: usize) -> Result<OwnedSemaphorePermit> {
    let permit = Arc::clone(of).acquire_many_owned(wanted as u32).await;
    permit.map_err(|e| Error::new(ErrorKind::Internal, "the credit of a sink was closed").caused_by(e))
}

impl<T: Element, E: Encode<T>> Writer<T> for PubSubWriter<T, E> {
    type Token = ();

    async fn write(&mut self, bundle: &mut Bundle<T>, rejects: &mut Rejects<T>) -> Result<()> {
        for (value, meta) in bundle.take().drain() {
            let encoded = self.sink.encode.encode(&value).map_err(|e| e.to_string());
            let checked = encoded.and_then(|message| refusal(&message).map_or(Ok(message), Err));
            match checked {
                Err(reason) => rejects.reject(value, meta, self.sink.topic.clone(), reason),
                Ok(message) => {
                    let size = message.size();
                    let element = publish::Element { value, meta, message: message.into_model() };
                    let (lane, is_full) = self.place(element, size);
                    if is_full {
                        self.send(lane).await?;
                    }
                }
            }
        }
        self.send_all().await?;
        while let Some(outcome) = self.under_way.try_join_next() {
            self.take_in(outcome, rejects)?;
        }
        if self.keys.len() > MOST_KEYS { self.settle(rejects).await } else { Ok(()) }
    }

    async fn prepare(&mut self, _: u64, _: Timestamp, rejects: &mut Rejects<T>) -> Result<Vec<()>> {
        self.settle(rejects).await?;
        Ok(Vec::new())
    }
}
