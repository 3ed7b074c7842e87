//! Reading one stream of a subscription.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use flow_core::source::{Next, Reader};
use flow_core::{Bundle, Element, Error, ErrorKind, Meta, Result, Timestamp};
use google_cloud_pubsub::model;
use google_cloud_pubsub::subscriber::MessageStream;
use tokio::runtime::Handle;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Interval, MissedTickBehavior};

use super::acks::Acks;
use super::closing::{Closing, Left};
use super::load::{Delivery, Load};
use super::pull::{Pulled, Task};
use super::remembered;
use super::seen::{Identity, Met, identity_of_attribute, identity_of_id};
use super::shared::{Counts, Shared};
use super::source::Make;
use crate::pubsub::Message;
use crate::pubsub::clock::{self, since};

/// Reads one stream of a subscription; see [`ReadPubSub`](super::ReadPubSub).
pub struct PubSubReader<I> {
    make: Make<I>,
    parts: Parts,
    ready: VecDeque<Ready<I>>,
    /// Handed out, and not acknowledged; the first is number `first`.
    held: VecDeque<Held>,
    first: u64,
    next: u64,
    /// What is before it was remembered, once that is asked for.
    remembered: Option<u64>,
    /// What has left since then, for all is to be told at any time.
    left: Vec<Identity>,
    /// Streams that have ended, each with the number behind its last message.
    ended: Vec<(u64, MessageStream)>,
    /// Time goes on in silence too.
    tick: Interval,
    /// As far as the watermark was told.
    told: AtomicI64,
}

/// What a reader works with.
pub(super) struct Parts {
    pub(super) lookup: Lookup,
    pub(super) shared: Arc<Shared>,
    pub(super) load: Arc<Load>,
    pub(super) counts: Counts,
    pub(super) pulled: Receiver<Pulled>,
    pub(super) closing: Closing,
    pub(super) runtime: Handle,
    /// They end with the reader.
    pub(super) tasks: Vec<Task>,
}

/// How a message is known.
pub(super) struct Lookup {
    pub(super) deduplicates: bool,
    pub(super) id_attribute: Option<String>,
    /// Which of how many streams it reads: each tells its share of what left the pipeline.
    pub(super) share: (u32, u32),
}

struct Ready<I> {
    item: I,
    time: Timestamp,
    published: Timestamp,
    held: Held,
}

/// A message in the pipeline.
struct Held {
    id: Option<Identity>,
    delivery: Delivery,
}

impl<I> fmt::Debug for PubSubReader<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("PubSubReader");
        debug.field("next", &self.next).field("held", &self.held.len()).finish_non_exhaustive()
    }
}

/// How often a worker looks at the watermark when nothing comes: more often than a silent source is passed over.
const TICK: Duration = Duration::from_millis(500);

impl<I: Element> PubSubReader<I> {
    pub(super) fn new(make: Make<I>, parts: Parts, from: u64) -> Self {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        PubSubReader {
            make,
            parts,
            ready: VecDeque::new(),
            held: VecDeque::new(),
            first: from,
            next: from,
            remembered: None,
            left: Vec::new(),
            ended: Vec::new(),
            tick,
            told: AtomicI64::new(Timestamp::MIN.micros()),
        }
    }

    /// Drops what has been seen, and decodes the rest.
    fn take_in(&mut self, batch: Vec<(model::Message, Delivery)>) {
        self.parts.counts.received.add(batch.len() as u64);
        let fresh = self.without_duplicates(batch);
        let mut oldest = None;
        for (message, held) in fresh {
            let message = Message::of(message, held.delivery.handler.delivery_attempt());
            let published = message.publish_time;
            let (item, time) = (self.make)(message);
            let time = time.unwrap_or(published);
            oldest = Some(oldest.map_or(time, |oldest: Timestamp| oldest.min(time)));
            self.ready.push_back(Ready { item, time, published, held });
        }
        if let Some(oldest) = oldest {
            self.parts.shared.tide(|tide| tide.receive(clock::now(), oldest));
        }
        self.parts.load.take();
        self.note_oldest();
    }

    fn without_duplicates(&self, batch: Vec<(model::Message, Delivery)>) -> Vec<(model::Message, Held)> {
        if !self.parts.lookup.deduplicates {
            return batch
                .into_iter()
                .map(|(message, delivery)| (message, Held { id: None, delivery }))
                .collect();
        }
        let mut seen = self.parts.shared.seen();
        let fresh = batch.into_iter().filter_map(|(message, delivery)| {
            let (id, is_own) = self.identity(&message);
            match seen.meet(id, delivery) {
                Met::New(delivery) => return Some((message, Held { id: Some(id), delivery })),
                Met::InPipeline if is_own => self.parts.counts.expired_leases.inc(),
                Met::InPipeline => {}
                Met::Left(delivery) => {
                    delivery.handler.ack();
                    self.parts.counts.acks.inc();
                }
            }
            self.parts.counts.duplicates.inc();
            None
        });
        fresh.collect()
    }

    /// What tells a message from others, and whether that is the service's own id.
    fn identity(&self, message: &model::Message) -> (Identity, bool) {
        let attribute = self.parts.lookup.id_attribute.as_ref().and_then(|name| message.attributes.get(name));
        match attribute {
            // As in Beam, an empty one tells nothing apart.
            Some(value) if !value.is_empty() => (identity_of_attribute(value), false),
            _ => (identity_of_id(&message.message_id), true),
        }
    }

    fn hand_out(&mut self, out: &mut Bundle<I>) {
        let mut published = None;
        while !out.is_full() {
            let Some(ready) = self.ready.pop_front() else { break };
            out.push(ready.item, Meta { time: ready.time, ..Meta::default() });
            self.held.push_back(ready.held);
            self.next += 1;
            published = Some(ready.published);
        }
        if let Some(published) = published {
            let age = since(published, clock::now()).as_millis();
            self.parts.counts.freshness.set(i64::try_from(age).unwrap_or(i64::MAX));
        }
    }

    /// Takes what was handed out before a position out of the pipeline.
    fn leave(&mut self, position: u64) -> Acks {
        let leaving = usize::try_from(position.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let leaving: Vec<Held> = self.held.drain(..leaving.min(self.held.len())).collect();
        self.first += leaving.len() as u64;
        if self.remembered.is_some() {
            self.left.extend(leaving.iter().filter_map(|held| held.id));
        }
        let (mut acks, now) = (Acks::default(), clock::now());
        let mut seen = self.parts.shared.seen();
        for Held { id, delivery } in leaving {
            let mut again = id.map_or(Vec::new(), |id| seen.leave(id, now));
            match again.pop() {
                None => acks.push(delivery),
                Some(newest) => {
                    acks.push(newest);
                    acks.push_old(delivery);
                    for older in again {
                        acks.push_old(older);
                    }
                }
            }
        }
        acks
    }

    /// The messages in the pipeline that were handed out from this number on.
    fn held_from(&self, number: u64) -> impl Iterator<Item = Identity> {
        let before = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.held.iter().skip(before).filter_map(|held| held.id)
    }

    fn note_oldest(&self) {
        let oldest = self.held.front().or_else(|| self.ready.front().map(|ready| &ready.held));
        self.parts.load.set_oldest(oldest.map(|held| held.delivery.received));
    }
}

impl<I: Element> Reader for PubSubReader<I> {
    type Item = I;
    type Position = u64;

    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Bundle<I>) -> Poll<Result<Next>> {
        while self.tick.poll_tick(cx).is_ready() {}
        while self.ready.is_empty() {
            match ready!(self.parts.pulled.poll_recv(cx)) {
                Some(Pulled::Batch(batch)) => self.take_in(batch),
                Some(Pulled::Ended(stream)) => self.ended.push((self.next, *stream)),
                Some(Pulled::Failed(error)) => return Poll::Ready(Err(error)),
                None => {
                    let lost = Error::new(ErrorKind::Source, "the task that receives messages has ended");
                    return Poll::Ready(Err(lost));
                }
            }
        }
        self.hand_out(out);
        Poll::Ready(Ok(Next::More))
    }

    /// That of the subscription, but not past what this reader still has.
    fn watermark(&self) -> Timestamp {
        let shared = self.parts.shared.tide(|tide| tide.at(clock::now())).unwrap_or(Timestamp::MIN);
        let ready = self.ready.iter().map(|ready| ready.time).min();
        let least = [ready, self.parts.load.waits()].into_iter().flatten().fold(shared, Timestamp::min);
        let before = self.told.fetch_max(least.micros(), Relaxed);
        least.max(Timestamp::from_micros(before))
    }

    fn position(&self) -> u64 {
        self.next
    }

    /// Which messages are in what the run keeps: what comes behind the barrier is read again after a crash, and what came
    /// before it is not. A message leaves only when an epoch that has it was remembered, so what is new is still held.
    fn remember(&mut self, whole: bool) -> Option<Vec<u8>> {
        let before = self.remembered.replace(self.next);
        let left = std::mem::take(&mut self.left);
        let mut ids: Vec<Identity> = Vec::new();
        if whole {
            // What another reader let leave since it was asked may be missing here: that reader tells it itself.
            let (stream, streams) = self.parts.lookup.share;
            ids.extend(self.parts.shared.seen().left(stream, streams));
            ids.extend(left);
            ids.extend(self.held_from(self.first));
        } else {
            ids.extend(self.held_from(before.unwrap_or(self.first)));
        }
        (!ids.is_empty()).then(|| remembered::encode(clock::now(), ids))
    }

    fn commit(&mut self, position: u64) -> impl Future<Output = Result<()>> + Send + 'static {
        let acks = self.leave(position);
        let done = self.ended.extract_if(.., |(behind, _)| *behind <= position);
        let ended = done.map(|(_, stream)| stream).collect();
        self.parts.load.committed();
        self.note_oldest();
        acks.done(self.parts.counts.clone(), ended, &self.parts.closing)
    }
}

impl<I> Drop for PubSubReader<I> {
    /// What was not acknowledged is as good as never seen, and is given back.
    fn drop(&mut self) {
        let ready = self.ready.drain(..).map(|ready| ready.held);
        let held: Vec<Held> = ready.chain(self.held.drain(..)).collect();
        let again: Vec<Delivery> = {
            let mut seen = self.parts.shared.seen();
            held.iter().filter_map(|held| held.id).flat_map(|id| seen.forget(id)).collect()
        };
        let (_, none) = tokio::sync::mpsc::channel(1);
        let mut pulled = mem::replace(&mut self.parts.pulled, none);
        let give_back = move || {
            pulled.close();
            while let Ok(pulled) = pulled.try_recv() {
                drop(pulled);
            }
            drop((held, again));
        };
        let ended = self.ended.drain(..).map(|(_, stream)| stream).collect();
        let left = Left { ended, tasks: mem::take(&mut self.parts.tasks) };
        self.parts.closing.close(&self.parts.runtime, give_back, left);
    }
}
