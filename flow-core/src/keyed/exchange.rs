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
    erased::<(K, V)>(Sender { step, scatter: Scatter::new(outbox) })
}

struct Sender<K, V> {
    step: StepId,
    scatter: Scatter<K, V>,
}

impl<K: Key, V: Element + serde::Serialize> Receiver<(K, V)> for Sender<K, V> {
    fn bundle(&mut self, bundle: &mut Bundle<(K, V)>, cx: &mut Cx) -> Result<()> {
        cx.enter_with(self.step, bundle.len());
        self.scatter.push_all(bundle, key_hash);
        Ok(())
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        cx.enter(self.step);
        self.scatter.signal(signal);
        Ok(())
    }
}
