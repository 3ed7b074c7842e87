use super::scatter::Scatter;
use crate::element::{Element, Key};
use crate::exec::{AnyOutput, Cx, Outbox, Receiver, Signal, StepId, erased};
use crate::{Bundle, Result};

use super::hash::key_hash;

/// Sends every element to the worker that owns its key.
pub(super) fn sender<K: Key, V: Element + serde::Serialize>(
    step: StepId,
    outbox: Box<dyn Outbox>,
) -> AnyOutput {
    sender_by::<K, V>(step, outbox, key_hash)
}

/// The same, with a hash of one's own.
pub(super) fn sender_by<K: Key, V: Element + serde::Serialize>(
    step: StepId,
    outbox: Box<dyn Outbox>,
    hash: impl Fn(&K) -> u64 + 'static,
) -> AnyOutput {
    erased::<(K, V)>(Sender { step, hash, scatter: Scatter::new(outbox) })
}

struct Sender<K, V, H> {
    step: StepId,
    hash: H,
    scatter: Scatter<K, V>,
}

impl<K: Key, V: Element + serde::Serialize, H: Fn(&K) -> u64> Receiver<(K, V)> for Sender<K, V, H> {
    fn bundle(&mut self, bundle: &mut Bundle<(K, V)>, cx: &mut Cx) -> Result<()> {
        cx.enter_with(self.step, bundle.len());
        self.scatter.push_all(bundle, &self.hash);
        Ok(())
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        cx.enter(self.step);
        self.scatter.signal(signal);
        Ok(())
    }
}
