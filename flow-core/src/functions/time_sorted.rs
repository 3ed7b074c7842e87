use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ages::{Ages, ends};
use crate::element::{Key, Wire};
use crate::keyed::{StatefulCx, StatefulFn};
use crate::{BoxError, Timestamp};

/// Behind `time_sorted`: keeps the values of a key until the watermark has reached them, and passes them on by time.
///
/// One timer stands at the earliest value, fires when the watermark gets there, and holds it until then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeSorted {
    /// The allowed lateness, in microseconds.
    pub(crate) lateness: i64,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(bound(serialize = "V: Serialize", deserialize = "V: Deserialize<'de>"))]
pub(crate) struct Kept<V> {
    /// By timestamp; those of one timestamp in the order of their arrival.
    values: BTreeMap<Timestamp, Vec<V>>,
    ages: Ages,
}

impl<V> Default for Kept<V> {
    fn default() -> Self {
        Kept { values: BTreeMap::new(), ages: Ages::default() }
    }
}

impl<V> Kept<V> {
    fn earliest(&self) -> Option<Timestamp> {
        self.values.first_key_value().map(|(at, _)| *at)
    }
}

type Cx<'a, K, V> = StatefulCx<'a, (), (K, V)>;

impl TimeSorted {
    /// Passes on the values of the earliest timestamp.
    fn release<K: Key, V: Wire>(key: &K, kept: &mut Kept<V>, cx: &mut Cx<'_, K, V>) {
        let Some((at, values)) = kept.values.pop_first() else { return };
        for value in values {
            cx.pass_on((key.clone(), value), at);
        }
    }

    /// An element's timestamp may have moved behind its window, after which no timer fires.
    fn within<K: Key, V: Wire>(self, at: Timestamp, cx: &Cx<'_, K, V>) -> Timestamp {
        at.min(cx.window().expiry(self.lateness))
    }
}

impl<K: Key, V: Wire> StatefulFn<K, V, (K, V)> for TimeSorted {
    type State = Kept<V>;
    type Timer = ();

    fn process(&self, key: &K, value: V, kept: &mut Kept<V>, cx: &mut Cx<'_, K, V>) -> Result<(), BoxError> {
        let (at, watermark) = (cx.timestamp(), cx.watermark());
        let earliest = kept.earliest();
        // What is late goes on at once, but not ahead of what the watermark has reached and is about to go.
        if at < watermark && earliest.is_none_or(|earliest| watermark < earliest) {
            cx.pass_on((key.clone(), value), at);
            if kept.values.is_empty() {
                cx.forget();
            }
            return Ok(());
        }
        kept.values.entry(at).or_default().push(value);
        kept.ages.came(cx.epoch());
        if earliest.is_none_or(|earliest| at < earliest) {
            cx.set_timer((), self.within(at, cx));
        }
        Ok(())
    }

    fn on_timer(&self, key: &K, (): (), kept: &mut Kept<V>, cx: &mut Cx<'_, K, V>) -> Result<(), BoxError> {
        // Of what is due only the earliest: the timers of other keys between it and the next come first.
        Self::release(key, kept, cx);
        if let Some(earliest) = kept.earliest() {
            cx.set_timer((), self.within(earliest, cx));
        }
        kept.ages.tell(ends(&kept.values), cx);
        Ok(())
    }

    fn on_window_expiration(
        &self,
        key: &K,
        kept: &mut Kept<V>,
        cx: &mut Cx<'_, K, V>,
    ) -> Result<(), BoxError> {
        while !kept.values.is_empty() {
            Self::release(key, kept, cx);
        }
        Ok(())
    }
}
