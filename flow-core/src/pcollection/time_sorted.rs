use super::PCollection;
use super::keyed::GROUP_FIRST;
use crate::Element;
use crate::element::{Key, Wire};
use crate::functions::TimeSorted;

impl<K: Element, V: Element> PCollection<(K, V)> {
    /// The same pairs, those of each key and window in the order of their timestamps: in front of a step with state that
    /// needs it, as one that matches patterns does.
    ///
    /// A pair waits until the watermark has reached its timestamp, and holds the watermark there; equal timestamps keep the
    /// order of arrival. One that comes behind the watermark goes on at once, out of order, as long as its window takes it:
    /// to leave such out, part them with a `process` that compares, or allow no lateness.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let seconds = apply([5, 3, 4], |n: &PCollection<i64>| {
    ///     n.with_timestamps(|n| Timestamp::from_secs(*n)).key_by(|_| 'k').time_sorted().values()
    /// });
    /// assert_eq!(seconds, [3, 4, 5]);
    /// ```
    #[track_caller]
    pub fn time_sorted(&self) -> PCollection<(K, V)>
    where
        K: Key,
        V: Wire,
    {
        let sort = TimeSorted { lateness: self.windowing().lateness };
        self.keeping_state("time_sorted", String::new(), GROUP_FIRST, sort)
    }
}
