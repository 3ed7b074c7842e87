//! The stateful functions behind verbs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::BoxError;
use crate::element::{Key, Wire};
use crate::group::Group;
use crate::keyed::{StatefulCx, StatefulFn};

/// Behind `group_into_batches`.
#[derive(Clone, Debug)]
pub(crate) struct Batches {
    pub(crate) size: usize,
}

/// The values that wait for a batch to be full, with the timestamp of the first.
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound(serialize = "V: Serialize", deserialize = "V: Deserialize<'de>"))]
pub(crate) struct Waiting<V> {
    values: Vec<V>,
}

impl<V> Default for Waiting<V> {
    fn default() -> Self {
        Waiting { values: Vec::new() }
    }
}

impl<K: Key, V: Wire> StatefulFn<K, V, (K, Group<V>)> for Batches {
    type State = Waiting<V>;
    type Timer = ();

    fn process(
        &self,
        key: &K,
        value: V,
        waiting: &mut Waiting<V>,
        cx: &mut StatefulCx<'_, (), (K, Group<V>)>,
    ) -> Result<(), BoxError> {
        waiting.values.push(value);
        if waiting.values.len() >= self.size {
            cx.emit((key.clone(), std::mem::take(&mut waiting.values).into()));
        }
        Ok(())
    }

    fn on_window_expiration(
        &self,
        key: &K,
        waiting: &mut Waiting<V>,
        cx: &mut StatefulCx<'_, (), (K, Group<V>)>,
    ) -> Result<(), BoxError> {
        if !waiting.values.is_empty() {
            cx.emit((key.clone(), std::mem::take(&mut waiting.values).into()));
        }
        Ok(())
    }
}

/// Behind `deduplicate` and `deduplicate_by`.
#[derive(Clone, Debug)]
pub(crate) struct Deduplicate {
    pub(crate) horizon: Duration,
}

impl<K: Key, V: Wire> StatefulFn<K, V, (K, V)> for Deduplicate {
    /// Whether the key was seen.
    type State = bool;
    type Timer = ();

    fn process(
        &self,
        key: &K,
        value: V,
        seen: &mut bool,
        cx: &mut StatefulCx<'_, (), (K, V)>,
    ) -> Result<(), BoxError> {
        if !std::mem::replace(seen, true) {
            cx.timer(()).without_output().after_processing_time(self.horizon);
            cx.emit((key.clone(), value));
        }
        Ok(())
    }

    fn on_timer(
        &self,
        _: &K,
        (): (),
        _: &mut bool,
        cx: &mut StatefulCx<'_, (), (K, V)>,
    ) -> Result<(), BoxError> {
        cx.forget();
        Ok(())
    }

    /// What is remembered has been passed on. Held back, it would be delivered once more after a crash, and nobody would
    /// know it again then.
    fn holds_elements(&self) -> bool {
        false
    }
}
