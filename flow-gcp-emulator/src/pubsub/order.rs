//! What is known of the messages of one ordering key, so that they come in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::message::Message;
use super::subscription::Waiting;

/// A key of which messages are leased. The messages behind them wait here until all are acknowledged; when one of them
/// comes back, those after it come again as well, even if they were acknowledged in the meantime.
#[derive(Debug, Default)]
pub(crate) struct Key {
    /// The response that the leased messages went out with; more may go out with the same.
    batch: u64,
    /// The lease of each message that is out.
    pub(crate) leased: BTreeMap<u64, u64>,
    /// What was acknowledged while an earlier message was still out.
    acknowledged: BTreeMap<u64, Arc<Message>>,
    /// What waits.
    waiting: BTreeMap<u64, Waiting>,
}

impl Key {
    /// Whether a message may go out with this response.
    pub(crate) fn admits(&self, batch: u64) -> bool {
        self.leased.is_empty() || self.batch == batch
    }

    pub(crate) fn lease(&mut self, id: u64, lease: u64, batch: u64) {
        self.batch = batch;
        self.leased.insert(id, lease);
    }

    pub(crate) fn wait(&mut self, waiting: Waiting) {
        self.waiting.insert(waiting.message.id, waiting);
    }

    pub(crate) fn acknowledge(&mut self, message: Arc<Message>) {
        self.leased.remove(&message.id);
        match self.leased.first_key_value() {
            Some((first, _)) if *first < message.id => {
                self.acknowledged.insert(message.id, message);
            }
            Some((first, _)) => self.acknowledged = self.acknowledged.split_off(first),
            None => self.acknowledged.clear(),
        }
    }

    /// A message was not acknowledged: what was acknowledged after it waits again, and the leases of those after it,
    /// which are no longer good, are given back.
    pub(crate) fn come_back(&mut self, id: u64) -> Vec<u64> {
        self.leased.remove(&id);
        for message in self.acknowledged.split_off(&id).into_values() {
            self.wait(Waiting { message, deliveries: 1 });
        }
        self.leased.split_off(&id).into_values().collect()
    }

    /// What may go out now that nothing is leased; none as long as something is.
    pub(crate) fn release(&mut self) -> Option<BTreeMap<u64, Waiting>> {
        self.leased.is_empty().then(|| std::mem::take(&mut self.waiting))
    }

    /// Forgets messages that have been acknowledged by a seek.
    pub(crate) fn forget(&mut self, keep: impl Fn(&Message) -> bool) {
        self.acknowledged.retain(|_, message| keep(message));
        self.waiting.retain(|_, waiting| keep(&waiting.message));
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn messages(&self) -> impl Iterator<Item = &Arc<Message>> {
        self.waiting.values().map(|waiting| &waiting.message)
    }
}
