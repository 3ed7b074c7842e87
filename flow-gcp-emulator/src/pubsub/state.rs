//! Everything that the service knows.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::journal::{Entry, Journal, Kind};
use super::message::Message;
use super::settings::{Resource, Settings};
use super::subscription::{Subscription, Waiting};
use crate::{Error, Refused};

/// What a subscription says its topic is when that is gone.
pub(crate) const DELETED_TOPIC: &str = "_deleted-topic_";

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) topics: BTreeMap<String, Topic>,
    pub(crate) subscriptions: BTreeMap<String, Subscription>,
    pub(crate) last_message: u64,
    pub(crate) last_lease: u64,
    pub(crate) last_stream: u64,
    journal: Option<Journal>,
}

#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) resource: Resource,
    pub(crate) subscriptions: Vec<String>,
}

impl State {
    /// Reads a journal, and writes it anew with what is left of it. Ids go on from the present moment, so that none is
    /// given twice.
    pub(crate) fn restore(path: &Path, now: i64) -> Result<Self, Error> {
        let mut state = State { last_message: now as u64, last_lease: now as u64, ..State::default() };
        let failed = |source| Error::Folder { path: path.to_owned(), source };
        for entry in Journal::read(path).map_err(failed)? {
            state.replay(entry, now);
        }
        state.journal = Some(Journal::write(path, &state.entries()).map_err(failed)?);
        Ok(state)
    }

    pub(crate) fn topic(&mut self, name: &str) -> Result<&mut Topic, Refused> {
        self.topics.get_mut(name).ok_or_else(|| Refused::not_found(name))
    }

    pub(crate) fn subscription(&mut self, name: &str) -> Result<&mut Subscription, Refused> {
        self.subscriptions.get_mut(name).ok_or_else(|| Refused::not_found(name))
    }

    pub(crate) fn put_topic(&mut self, name: &str, resource: Resource) {
        self.note(|| Entry::resource(Kind::Topic, name, &resource));
        match self.topics.get_mut(name) {
            Some(topic) => topic.resource = resource,
            None => drop(self.topics.insert(name.to_owned(), Topic { resource, subscriptions: Vec::new() })),
        }
    }

    pub(crate) fn drop_topic(&mut self, name: &str) {
        self.note(|| Entry::of(Kind::TopicGone, name));
        let subscriptions = self.topics.remove(name).map(|topic| topic.subscriptions);
        for subscription in subscriptions.unwrap_or_default() {
            if let Some(subscription) = self.subscriptions.get_mut(&subscription) {
                let settings = &mut subscription.settings;
                DELETED_TOPIC.clone_into(&mut settings.topic);
                settings.resource.insert("topic".into(), DELETED_TOPIC.into());
            }
        }
    }

    pub(crate) fn put_subscription(&mut self, name: &str, settings: Settings) {
        self.note(|| Entry::resource(Kind::Subscription, name, &settings.resource));
        if let Some(subscription) = self.subscriptions.get_mut(name) {
            subscription.settings = settings;
            return;
        }
        if let Some(topic) = self.topics.get_mut(&settings.topic) {
            topic.subscriptions.push(name.to_owned());
        }
        self.subscriptions.insert(name.to_owned(), Subscription::new(settings));
    }

    pub(crate) fn drop_subscription(&mut self, name: &str) {
        self.note(|| Entry::of(Kind::SubscriptionGone, name));
        let Some(gone) = self.subscriptions.remove(name) else { return };
        if let Some(topic) = self.topics.get_mut(&gone.settings.topic) {
            topic.subscriptions.retain(|subscription| subscription != name);
        }
        gone.poke.notify_waiters();
    }

    /// Publishes encoded messages; returns their ids.
    pub(crate) fn publish(&mut self, topic: &str, sent: &[Bytes], now: i64) -> Result<Vec<String>, Refused> {
        self.topic(topic)?;
        let first = self.last_message + 1;
        let messages = (first..).zip(sent).map(|(id, sent)| Message::publish(sent, id, now).map(Arc::new));
        let messages = messages.collect::<Result<Vec<_>, _>>()?;
        self.last_message += messages.len() as u64;
        self.note(|| Entry::messages(Kind::Published, topic, &messages));
        self.spread(topic, &messages);
        Ok(messages.iter().map(|message| message.id.to_string()).collect())
    }

    fn spread(&mut self, topic: &str, messages: &[Arc<Message>]) {
        let Some(topic) = self.topics.get(topic) else { return };
        for name in &topic.subscriptions {
            if let Some(subscription) = self.subscriptions.get_mut(name) {
                for message in messages {
                    subscription.add(message);
                }
                subscription.poke.notify_waiters();
            }
        }
    }

    /// Writes down that messages of a subscription are done with.
    pub(crate) fn note_acknowledged(&mut self, subscription: &str, ids: &[u64]) {
        if !ids.is_empty() {
            self.note(|| Entry::acknowledged(subscription, ids));
        }
    }

    pub(crate) fn seek(&mut self, name: &str, moment: i64, now: i64) -> Result<(), Refused> {
        self.subscription(name)?.seek(moment, now);
        self.note(|| Entry::sought(name, moment));
        Ok(())
    }

    /// Forwards what was delivered too often, and is acknowledged by that.
    pub(crate) fn bury(&mut self, subscription: &str, dead: &[Waiting], now: i64) {
        for waiting in dead {
            let Some(settings) = self.subscriptions.get(subscription).map(|s| &s.settings) else { return };
            let Some(topic) = settings.dead_letter.as_ref().map(|policy| policy.topic.clone()) else {
                return;
            };
            let letter = super::publish::dead_letter(subscription, waiting);
            if self.publish(&topic, &[letter], now).is_err() {
                tracing::warn!(subscription, topic, "a dead letter is lost: its topic does not exist");
            }
            self.note_acknowledged(subscription, &[waiting.message.id]);
        }
    }

    /// Counts up a number, and returns it.
    pub(crate) fn next_stream(&mut self) -> u64 {
        self.last_stream += 1;
        self.last_stream
    }

    fn note(&mut self, entry: impl FnOnce() -> Entry) {
        if let Some(journal) = &mut self.journal {
            journal.append(&entry());
        }
    }

    fn replay(&mut self, entry: Entry, now: i64) {
        let name = entry.name.as_str();
        let restored = || entry.messages.iter().cloned().filter_map(Message::restore).map(Arc::new);
        for message in restored() {
            self.last_message = self.last_message.max(message.id);
        }
        match entry.kind() {
            Kind::Topic => self.put_topic(name, entry.read_resource()),
            Kind::TopicGone => self.drop_topic(name),
            Kind::Subscription => {
                if let Ok(settings) = Settings::read(entry.read_resource()) {
                    self.put_subscription(name, settings);
                }
            }
            Kind::SubscriptionGone => self.drop_subscription(name),
            Kind::Published => self.spread(name, &restored().collect::<Vec<_>>()),
            Kind::Restored | Kind::Acknowledged | Kind::Sought => {
                let Some(subscription) = self.subscriptions.get_mut(name) else { return };
                match entry.kind() {
                    Kind::Restored => restored().for_each(|message| subscription.add(&message)),
                    Kind::Acknowledged => subscription.forget(&entry.ids, now),
                    _ => subscription.seek(entry.moment, now),
                }
            }
        }
    }

    /// What makes this state when it is replayed.
    fn entries(&self) -> Vec<Entry> {
        let topics = self.topics.iter().map(|(name, t)| Entry::resource(Kind::Topic, name, &t.resource));
        let subscriptions = self.subscriptions.iter().flat_map(|(name, s)| {
            let messages: Vec<_> = s.unacked().into_values().collect();
            [
                Entry::resource(Kind::Subscription, name, &s.settings.resource),
                Entry::messages(Kind::Restored, name, &messages),
            ]
        });
        topics.chain(subscriptions).collect()
    }
}
