use super::PCollection;
use super::keyed::GROUP_FIRST;
use crate::element::{Key, Wire};
use crate::functions::{Batch, Batching};
use crate::group::Group;
use crate::{BoxError, DoFn, Element, Emit};

impl<K: Element, V: Element> PCollection<(K, V)> {
    /// The values of each key and window in groups: of so many, or as a [`Batch`] says, by count, bytes and age. Each value
    /// is in exactly one group; what is left when the window expires is a group too.
    ///
    /// A group stands at its earliest value, and holds the watermark there until it goes: give streams whose keys come
    /// seldom a [`max_age`](Batch::max_age). A value that comes behind the watermark does not count for that, unless all do,
    /// so that a group is not late for others by one that is.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let sizes = apply(0..5, |n: &PCollection<u32>| {
    ///     n.key_by(|_| "all".to_string()).group_into_batches(2).map(|(_, batch)| batch.len())
    /// });
    /// assert_eq!(sizes, [2, 2, 1]);
    /// ```
    #[track_caller]
    pub fn group_into_batches(&self, batch: impl Into<Batch>) -> PCollection<(K, Group<V>)>
    where
        K: Key,
        V: Wire,
    {
        let batch = batch.into();
        self.keeping_state("group_into_batches", batch.to_string(), GROUP_FIRST, Batching(batch))
    }
}

impl<T: Element> PCollection<T> {
    /// The elements of each window in batches, made on all workers at once: before a step that is cheaper for many, as a
    /// request to a service is. See [`group_into_batches`](PCollection::group_into_batches), which this is with keys of its
    /// own, sixteen of them; each may end a window with a batch that is not full.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let sizes = apply(0..250, |n: &PCollection<u32>| n.batches(100).map(|batch| batch.len()));
    /// assert_eq!(sizes, [100, 100, 50]);
    /// ```
    #[track_caller]
    pub fn batches(&self, batch: impl Into<Batch>) -> PCollection<Group<T>>
    where
        T: Wire,
    {
        let batch = batch.into();
        self.composite("batches", || {
            self.par_do(Deal { run: batch.count().min(1024), dealt: 0, shard: 0 })
                .group_into_batches(batch)
                .values()
        })
    }
}

/// Gives each shard as many elements as make a batch, so that few batches wait half full.
#[derive(Clone, Copy, Debug)]
struct Deal {
    run: usize,
    dealt: usize,
    shard: u8,
}

const SHARDS: u8 = 16;

impl<T: Element> DoFn<T, (u8, T)> for Deal {
    fn process(&mut self, element: T, out: &mut Emit<'_, (u8, T)>) -> Result<(), BoxError> {
        if self.dealt == self.run {
            (self.dealt, self.shard) = (0, (self.shard + 1) % SHARDS);
        }
        self.dealt += 1;
        out.emit((self.shard, element));
        Ok(())
    }
}
