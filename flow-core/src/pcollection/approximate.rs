use super::PCollection;
use crate::Element;
use crate::combine::{ApproxDistinct, Quantiles, Sample, TopN};
use crate::element::{Key, Wire};

impl<T: Element> PCollection<T> {
    /// About how many distinct elements there are in each window, in 4 KiB: with a relative error whose standard deviation
    /// is 1.6 %, and exactly up to 512. For another error, combine with [`ApproxDistinct::within`].
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply([1, 2, 1], |n: &PCollection<u32>| n.approx_distinct()), [2]);
    /// ```
    #[track_caller]
    pub fn approx_distinct(&self) -> PCollection<u64>
    where
        T: Wire,
    {
        self.composite("approx_distinct", || self.combine(ApproxDistinct::default()))
    }

    /// About the elements at these quantiles of each window: with 99 % confidence each is that of a quantile at most 0.0133
    /// away, and up to 200 elements are exact; none of no elements. For another error, or for floats, combine with
    /// [`Quantiles`].
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply(1..=100, |n: &PCollection<u32>| n.quantiles([0.5, 0.99])), [vec![50, 99]]);
    /// ```
    #[track_caller]
    pub fn quantiles(&self, points: impl IntoIterator<Item = f64>) -> PCollection<Vec<T>>
    where
        T: Ord + Wire,
    {
        self.composite("quantiles", || self.combine(Quantiles::of(points)))
    }
}

impl<K: Key, V: Wire> PCollection<(K, V)> {
    /// About how many distinct values each key has in each window; see [`approx_distinct`](PCollection::approx_distinct).
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let distinct = apply([(1, 'a'), (1, 'b'), (1, 'a')], |p: &PCollection<(u32, char)>| p.approx_distinct_per_key());
    /// assert_eq!(distinct, [(1, 2)]);
    /// ```
    #[track_caller]
    pub fn approx_distinct_per_key(&self) -> PCollection<(K, u64)> {
        self.combined("approx_distinct_per_key", ApproxDistinct::default(), true)
    }

    /// About the values at these quantiles of each key and window; see [`quantiles`](PCollection::quantiles).
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let medians = apply([(1, 3), (1, 9), (1, 5)], |p: &PCollection<(u32, u32)>| p.quantiles_per_key([0.5]));
    /// assert_eq!(medians, [(1, vec![5])]);
    /// ```
    #[track_caller]
    pub fn quantiles_per_key(&self, points: impl IntoIterator<Item = f64>) -> PCollection<(K, Vec<V>)>
    where
        V: Ord,
    {
        self.combined("quantiles_per_key", Quantiles::of(points), true)
    }

    /// A uniform sample of `n` values of each key and window, without replacement.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let sample = apply(0..100, |n: &PCollection<u32>| n.key_by(|n| n % 2).sample_per_key(5));
    /// assert_eq!(sample.iter().map(|(_, values)| values.len()).collect::<Vec<_>>(), [5, 5]);
    /// ```
    #[track_caller]
    pub fn sample_per_key(&self, n: usize) -> PCollection<(K, Vec<V>)> {
        self.combined("sample_per_key", Sample::of(n), true)
    }

    /// The `n` largest values of each key and window, largest first.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let top = apply([(1, 3), (1, 9), (1, 5)], |p: &PCollection<(u32, u32)>| p.top_per_key(2));
    /// assert_eq!(top, [(1, vec![9, 5])]);
    /// ```
    #[track_caller]
    pub fn top_per_key(&self, n: usize) -> PCollection<(K, Vec<V>)>
    where
        V: Ord,
    {
        self.combined("top_per_key", TopN::largest(n), true)
    }
}
