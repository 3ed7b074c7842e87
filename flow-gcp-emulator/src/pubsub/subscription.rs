//! The messages of one subscription: waiting, leased, acknowledged. No I/O, and time is an argument.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::Notify;

use super::message::{Message, Received};
use super::order::Key;
use super::room::Room;
use super::settings::Settings;

/// A response holds at most so many messages and about so many bytes.
const MAX_MESSAGES: usize = 1_000;
const MAX_BYTES: usize = 2 << 20;

/// A message that may go out, and how often it has already.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) message: Arc<Message>,
    pub(crate) deliveries: u32,
}

#[derive(Debug)]
struct Lease {
    message: Arc<Message>,
    /// Which delivery of the message this is, counted from 1.
    delivery: u32,
    deadline: i64,
    stream: u64,
    /// A second delivery of the same message, which nobody waits for.
    copy: bool,
}

/// What a subscription holds, as figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Messages that are not acknowledged: waiting or leased.
    pub unacked: u64,
    /// Those of them that a subscriber holds.
    pub leased: u64,
    /// Deliveries so far; a message that came twice counts twice.
    pub delivered: u64,
    /// Messages acknowledged so far.
    pub acknowledged: u64,
}

#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) settings: Settings,
    /// Wakes the streams.
    pub(crate) poke: Arc<Notify>,
    waiting: BTreeMap<u64, Waiting>,
    /// What came back and has to wait for the retry policy, by the moment that it may go out.
    later: BTreeMap<(i64, u64), Waiting>,
    leases: HashMap<u64, Lease>,
    deadlines: BTreeSet<(i64, u64)>,
    keys: HashMap<String, Key>,
    rooms: HashMap<u64, Room>,
    copies: u64,
    delivered: u64,
    acknowledged: Vec<u64>,
    /// The leases that were acknowledged, with exactly-once delivery: to acknowledge again is no error.
    settled: HashSet<u64>,
    /// What was acknowledged and is kept for a seek.
    retained: BTreeMap<u64, Arc<Message>>,
}

impl Subscription {
    pub(crate) fn new(settings: Settings) -> Self {
        Subscription {
            settings,
            poke: Arc::new(Notify::new()),
            waiting: BTreeMap::new(),
            later: BTreeMap::new(),
            leases: HashMap::new(),
            deadlines: BTreeSet::new(),
            keys: HashMap::new(),
            rooms: HashMap::new(),
            copies: 0,
            delivered: 0,
            acknowledged: Vec::new(),
            settled: HashSet::new(),
            retained: BTreeMap::new(),
        }
    }

    /// Takes in a message of the topic, if the filter lets it through.
    pub(crate) fn add(&mut self, message: &Arc<Message>) {
        let settings = &self.settings;
        if settings.filter.as_ref().is_none_or(|filter| filter.matches(&message.attributes())) {
            let waiting = Waiting { message: message.clone(), deliveries: 0 };
            self.waiting.insert(message.id, waiting);
        }
    }

    pub(crate) fn open(&mut self, stream: u64, room: Room) {
        self.rooms.insert(stream, room);
    }

    /// The messages that a stream still holds stay leased until their deadlines.
    pub(crate) fn close(&mut self, stream: u64) {
        self.rooms.remove(&stream);
    }

    /// Leases what may go out now to a stream, until `deadline`. `ids` are unused by any lease before.
    pub(crate) fn deliver(&mut self, stream: u64, now: i64, deadline: i64, ids: &mut u64) -> Vec<Received> {
        self.ripen(now);
        let mut room = self.rooms.get(&stream).cloned().unwrap_or_default();
        let (mut out, mut bytes, batch) = (Vec::new(), 0, *ids);
        while out.len() < MAX_MESSAGES && bytes < MAX_BYTES {
            let Some(first) = self.waiting.first_entry() else { break };
            if !room.fits(first.get().message.wire.len()) {
                break;
            }
            let waiting = first.remove();
            *ids += 1;
            if self.admit(&waiting, *ids, batch) {
                room.take(waiting.message.wire.len());
                bytes += waiting.message.wire.len();
                out.push(self.lease(*ids, waiting, stream, deadline));
            }
        }
        self.rooms.insert(stream, room);
        self.delivered += out.len() as u64;
        out
    }

    /// Whether a message may go out; if not, its key keeps it.
    fn admit(&mut self, waiting: &Waiting, lease: u64, batch: u64) -> bool {
        if !self.settings.ordered || waiting.message.key.is_empty() {
            return true;
        }
        let key = self.keys.entry(waiting.message.key.clone()).or_default();
        let admitted = key.admits(batch);
        if admitted {
            key.lease(waiting.message.id, lease, batch);
        } else {
            key.wait(waiting.clone());
        }
        admitted
    }

    fn lease(&mut self, id: u64, waiting: Waiting, stream: u64, deadline: i64) -> Received {
        let Waiting { message, deliveries } = waiting;
        let received = Received {
            ack_id: format!("ack-{id}"),
            message: message.wire.clone(),
            delivery_attempt: if self.settings.dead_letter.is_some() { deliveries as i32 + 1 } else { 0 },
        };
        self.deadlines.insert((deadline, id));
        self.leases.insert(id, Lease { message, delivery: deliveries + 1, deadline, stream, copy: false });
        received
    }

    /// Delivers messages of a response a second time.
    pub(crate) fn duplicate(&mut self, received: &mut Vec<Received>, ids: &mut u64) {
        for mut again in received.clone() {
            let Some(lease) = lease_of(&again.ack_id).and_then(|id| self.leases.get(&id)) else { continue };
            *ids += 1;
            let copy = Lease { message: lease.message.clone(), copy: true, ..*lease };
            self.deadlines.insert((copy.deadline, *ids));
            self.leases.insert(*ids, copy);
            self.copies += 1;
            self.delivered += 1;
            again.ack_id = format!("ack-{ids}");
            received.push(again);
        }
    }

    /// Acknowledges by ack ids. Returns the ids of the messages, and the ack ids that are not good any more.
    pub(crate) fn acknowledge(&mut self, ack_ids: Vec<String>, now: i64) -> (Vec<u64>, Vec<String>) {
        let (mut done, mut bad) = (Vec::with_capacity(ack_ids.len()), Vec::new());
        for ack_id in ack_ids {
            match lease_of(&ack_id).filter(|id| self.is_good(*id, now)) {
                Some(id) => done.extend(self.settle(id, now)),
                None if lease_of(&ack_id).is_some_and(|id| self.settled.contains(&id)) => {}
                None => bad.push(ack_id),
            }
        }
        (done, bad)
    }

    fn settle(&mut self, id: u64, now: i64) -> Option<u64> {
        let lease = self.end(id)?;
        if self.settings.exactly_once {
            self.settled.insert(id);
        }
        if lease.copy {
            return None;
        }
        if let Some(key) = self.keys.get_mut(&lease.message.key) {
            key.acknowledge(lease.message.clone());
            self.release(&lease.message.key);
        }
        self.count_acknowledged(lease.message.clone(), now);
        Some(lease.message.id)
    }

    fn count_acknowledged(&mut self, message: Arc<Message>, now: i64) {
        self.acknowledged.push(message.id);
        if self.settings.retains {
            self.retained.insert(message.id, message);
            let oldest = now - self.settings.retention;
            while self.retained.first_key_value().is_some_and(|(_, message)| message.published < oldest) {
                self.retained.pop_first();
            }
        }
    }

    /// Moves deadlines; without one, gives messages back. Returns the ack ids that are not good any more.
    pub(crate) fn extend(&mut self, ack_ids: Vec<String>, deadline: Option<i64>, now: i64) -> Extended {
        let mut extended = Extended::default();
        for ack_id in ack_ids {
            let Some(id) = lease_of(&ack_id).filter(|id| self.is_good(*id, now)) else {
                extended.bad.push(ack_id);
                continue;
            };
            match deadline {
                Some(deadline) => self.move_deadline(id, deadline),
                None => extended.dead.extend(self.come_back(id, now)),
            }
        }
        extended
    }

    fn move_deadline(&mut self, id: u64, deadline: i64) {
        let Some(lease) = self.leases.get_mut(&id) else { return };
        self.deadlines.remove(&(lease.deadline, id));
        lease.deadline = deadline;
        self.deadlines.insert((deadline, id));
    }

    /// Ends the leases of messages in a response at once.
    pub(crate) fn expire_leases(&mut self, received: &[Received], now: i64) {
        for id in received.iter().filter_map(|received| lease_of(&received.ack_id)) {
            self.move_deadline(id, now);
        }
    }

    /// Takes back what was leased for too long, and drops what is too old. Returns what has been delivered too often.
    pub(crate) fn expire(&mut self, now: i64) -> Vec<Waiting> {
        let mut dead = Vec::new();
        while let Some((deadline, id)) = self.deadlines.first().copied() {
            if deadline > now {
                break;
            }
            dead.extend(self.come_back(id, now));
        }
        let oldest = now - self.settings.retention;
        while self.waiting.first_key_value().is_some_and(|(_, first)| first.message.published < oldest) {
            self.waiting.pop_first();
        }
        dead
    }

    /// The next moment at which something happens by itself.
    pub(crate) fn next_moment(&self) -> Option<i64> {
        let deadline = self.deadlines.first().map(|(deadline, _)| *deadline);
        let later = self.later.first_key_value().map(|((due, _), _)| *due);
        deadline.into_iter().chain(later).min()
    }

    /// Ends a lease without an acknowledgement. Returns its message if it has been delivered too often.
    fn come_back(&mut self, id: u64, now: i64) -> Option<Waiting> {
        let lease = self.end(id)?;
        if lease.copy {
            return None;
        }
        let key = lease.message.key.clone();
        let behind = self.keys.get_mut(&key).map(|key| key.come_back(lease.message.id));
        for id in behind.unwrap_or_default() {
            if let Some(lease) = self.end(id) {
                self.wait_again(Waiting { message: lease.message, deliveries: lease.delivery }, now);
            }
        }
        let back = Waiting { message: lease.message, deliveries: lease.delivery };
        let too_often = self.settings.dead_letter.as_ref().is_some_and(|d| lease.delivery >= d.max_attempts);
        let dead = if too_often {
            Some(back)
        } else {
            self.wait_again(back, now);
            None
        };
        self.release(&key);
        dead
    }

    /// Puts a message back where it waits: behind its key, for its time, or for anybody.
    fn wait_again(&mut self, back: Waiting, now: i64) {
        let pause = self.settings.backoff(back.deliveries);
        if let Some(key) = self.keys.get_mut(&back.message.key) {
            key.wait(back);
        } else if pause > 0 {
            self.later.insert((now + pause, back.message.id), back);
        } else {
            self.waiting.insert(back.message.id, back);
        }
    }

    /// Lets out what may go out again after its pause.
    fn ripen(&mut self, now: i64) {
        while let Some(first) = self.later.first_entry().filter(|first| first.key().0 <= now) {
            let waiting = first.remove();
            self.waiting.insert(waiting.message.id, waiting);
        }
    }

    fn release(&mut self, key: &str) {
        if let Some(mut released) = self.keys.get_mut(key).and_then(Key::release) {
            self.keys.remove(key);
            self.waiting.append(&mut released);
        }
    }

    fn end(&mut self, id: u64) -> Option<Lease> {
        let lease = self.leases.remove(&id)?;
        self.deadlines.remove(&(lease.deadline, id));
        if lease.copy {
            self.copies -= 1;
        } else if let Some(room) = self.rooms.get_mut(&lease.stream) {
            room.give_back(lease.message.wire.len());
        }
        Some(lease)
    }

    fn is_good(&self, id: u64, now: i64) -> bool {
        self.leases.get(&id).is_some_and(|lease| lease.deadline > now)
    }

    /// Acknowledges what was published before a moment, and takes back what was acknowledged since then and is kept.
    pub(crate) fn seek(&mut self, moment: i64, now: i64) {
        let old: Vec<u64> =
            self.leases.iter().filter(|(_, l)| l.message.published < moment).map(|(id, _)| *id).collect();
        for id in old {
            self.settle(id, now);
        }
        let mut dropped: Vec<Arc<Message>> = Vec::new();
        let keep = |message: &Message| message.published >= moment;
        for key in self.keys.values_mut() {
            dropped.extend(key.messages().filter(|message| !keep(message)).cloned());
            key.forget(keep);
        }
        dropped.extend(self.waiting.extract_if(.., |_, w| !keep(&w.message)).map(|(_, w)| w.message));
        dropped.extend(self.later.extract_if(.., |_, w| !keep(&w.message)).map(|(_, w)| w.message));
        for message in dropped {
            self.count_acknowledged(message, now);
        }
        for (id, message) in self.retained.extract_if(.., |_, message| keep(message)) {
            self.waiting.insert(id, Waiting { message, deliveries: 0 });
        }
    }

    /// All messages that are not acknowledged, in order.
    pub(crate) fn unacked(&self) -> BTreeMap<u64, Arc<Message>> {
        let leased = self.leases.values().filter(|lease| !lease.copy).map(|lease| &lease.message);
        let waiting = self.waiting.values().chain(self.later.values()).map(|waiting| &waiting.message);
        let behind = self.keys.values().flat_map(Key::messages);
        leased.chain(waiting).chain(behind).map(|message| (message.id, message.clone())).collect()
    }

    /// Acknowledges messages by their own ids, as a journal does.
    pub(crate) fn forget(&mut self, ids: &[u64], now: i64) {
        for id in ids {
            if let Some(waiting) = self.waiting.remove(id) {
                self.count_acknowledged(waiting.message, now);
            }
        }
    }

    pub(crate) fn backlog(&self) -> Backlog {
        let leased = self.leases.len() as u64 - self.copies;
        let behind: usize = self.keys.values().map(Key::waiting).sum();
        let waiting = (self.waiting.len() + self.later.len() + behind) as u64;
        let acknowledged = self.acknowledged.len() as u64;
        Backlog { unacked: waiting + leased, leased, delivered: self.delivered, acknowledged }
    }

    pub(crate) fn acknowledged(&self) -> &[u64] {
        &self.acknowledged
    }
}

/// What came of moving deadlines.
#[derive(Debug, Default)]
pub(crate) struct Extended {
    pub(crate) bad: Vec<String>,
    /// Messages that were given back too often.
    pub(crate) dead: Vec<Waiting>,
}

fn lease_of(ack_id: &str) -> Option<u64> {
    ack_id.strip_prefix("ack-")?.parse().ok()
}
