use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::element::{Key, Wire};
use crate::group::Group;
use crate::keyed::{StatefulCx, StatefulFn};
use crate::{BoxError, Timestamp};

/// When a batch of [`group_into_batches`](crate::PCollection::group_into_batches) or
/// [`batches`](crate::PCollection::batches) is full: by count, by bytes or by age, whichever comes first.
///
/// A plain number is a count.
///
/// ```
/// # use flow_core::prelude::*;
/// # use std::time::Duration;
/// let batch = Batch::of(500).bytes(1 << 20).max_age(Duration::from_secs(5));
/// let sizes = apply(0..1200, |n: &PCollection<u32>| {
///     n.key_by(|_| "all".to_string()).group_into_batches(batch).map(|(_, batch)| batch.len())
/// });
/// assert_eq!(sizes, [500, 500, 200]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    count: usize,
    bytes: u64,
    max_age: Option<Duration>,
}

impl Batch {
    /// At most so many elements; 0 counts as 1.
    pub fn of(count: usize) -> Self {
        Batch { count: count.max(1), bytes: u64::MAX, max_age: None }
    }

    /// Any number of elements, of at most so many bytes: see [`bytes`](Batch::bytes).
    pub fn of_bytes(bytes: u64) -> Self {
        Batch { count: usize::MAX, bytes, max_age: None }
    }

    /// At most so many bytes, as the elements are encoded. An element that is larger is a batch by itself.
    pub fn bytes(self, bytes: u64) -> Self {
        Batch { bytes, ..self }
    }

    /// No element waits longer than this, in processing time since the first of its batch came. Without it, a batch
    /// that does not fill waits until its window expires.
    pub fn max_age(self, age: Duration) -> Self {
        Batch { max_age: Some(age), ..self }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

impl From<usize> for Batch {
    fn from(count: usize) -> Self {
        Batch::of(count)
    }
}

impl std::fmt::Display for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = (self.count < usize::MAX).then(|| self.count.to_string());
        let bytes = (self.bytes < u64::MAX).then(|| format!("{} bytes", self.bytes));
        let age = self.max_age.map(|age| format!("{age:?}"));
        let limits: Vec<String> = [count, bytes, age].into_iter().flatten().collect();
        write!(f, "of {}", limits.join(" or "))
    }
}

/// Behind `group_into_batches`: batches of a key, each to stand at its earliest element. One that came late has no say in
/// it: the others would be late with it.
///
/// One timer says when the batch in the making is too old, and holds the watermark at its earliest element. Without an
/// age it stands at the end of time, and only holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batching(pub(crate) Batch);

/// The values that wait for a batch to be full.
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound(serialize = "V: Serialize", deserialize = "V: Deserialize<'de>"))]
pub(crate) struct Waiting<V> {
    values: Vec<V>,
    bytes: u64,
    /// The least timestamp of those that came in time; while there is none, of the others.
    earliest: Timestamp,
    /// All came behind the watermark.
    late: bool,
    /// When the batch is too old.
    due: Timestamp,
}

impl<V> Default for Waiting<V> {
    fn default() -> Self {
        Waiting { values: Vec::new(), bytes: 0, earliest: Timestamp::MAX, late: true, due: Timestamp::MAX }
    }
}

type Cx<'a, K, V> = StatefulCx<'a, (), (K, Group<V>)>;

impl Batching {
    fn bytes_of<V: Wire>(self, value: &V) -> u64 {
        if self.0.bytes == u64::MAX {
            return 0;
        }
        let size = postcard::ser_flavors::Size::default();
        postcard::serialize_with_flavor(value, size).map_or(0, |bytes| bytes as u64)
    }

    /// Takes a value in, and holds the watermark at the earliest.
    fn take<K: Key, V: Wire>(self, value: V, bytes: u64, waiting: &mut Waiting<V>, cx: &mut Cx<'_, K, V>) {
        if waiting.values.is_empty() {
            waiting.due = self.0.max_age.map_or(Timestamp::MAX, |age| cx.now() + age);
        }
        let at = cx.timestamp();
        let late = at < cx.watermark();
        if waiting.values.is_empty() || (late, at) < (waiting.late, waiting.earliest) {
            (waiting.late, waiting.earliest) = (late, at);
            cx.set_processing_timer((), waiting.due);
        }
        waiting.values.push(value);
        waiting.bytes = waiting.bytes.saturating_add(bytes);
    }

    /// Emits what waits.
    fn flush<K: Key, V: Wire>(key: &K, waiting: &mut Waiting<V>, cx: &mut Cx<'_, K, V>) {
        cx.clear_timer(&());
        let Waiting { values, earliest, .. } = std::mem::take(waiting);
        cx.pass_on((key.clone(), values.into()), earliest);
    }
}

impl<K: Key, V: Wire> StatefulFn<K, V, (K, Group<V>)> for Batching {
    type State = Waiting<V>;
    type Timer = ();

    fn process(
        &self,
        key: &K,
        value: V,
        waiting: &mut Waiting<V>,
        cx: &mut Cx<'_, K, V>,
    ) -> Result<(), BoxError> {
        let bytes = self.bytes_of(&value);
        if !waiting.values.is_empty() && waiting.bytes.saturating_add(bytes) > self.0.bytes {
            Self::flush(key, waiting, cx);
            if let Some(epoch) = cx.epoch() {
                cx.keeps_since(epoch);
            }
        }
        self.take(value, bytes, waiting, cx);
        if waiting.values.len() >= self.0.count || waiting.bytes >= self.0.bytes {
            Self::flush(key, waiting, cx);
            cx.forget();
        }
        Ok(())
    }

    fn on_timer(
        &self,
        key: &K,
        (): (),
        waiting: &mut Waiting<V>,
        cx: &mut Cx<'_, K, V>,
    ) -> Result<(), BoxError> {
        Self::flush(key, waiting, cx);
        cx.forget();
        Ok(())
    }

    fn on_window_expiration(
        &self,
        key: &K,
        waiting: &mut Waiting<V>,
        cx: &mut Cx<'_, K, V>,
    ) -> Result<(), BoxError> {
        Self::flush(key, waiting, cx);
        Ok(())
    }
}
