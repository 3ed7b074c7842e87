use std::cmp::Ordering;

use super::order::Order;
use super::{By, CombineFn, Natural};
use crate::element::Wire;

/// The `n` greatest or least inputs, best first; all of them if there are fewer.
///
/// An accumulator holds at most 2 n inputs, and adding one costs constant time on average in whatever order
/// they come. For one input, [`Max`](super::Max) and [`Min`](super::Min) are simpler.
///
/// ```
/// use flow_core::combine::{TopN, fold};
/// assert_eq!(fold(&TopN::largest(2), [3, 9, 4, 1]), [9, 4]);
/// assert_eq!(fold(&TopN::smallest(2), [3, 9, 4, 1]), [1, 3]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TopN<O = Natural> {
    n: usize,
    largest: bool,
    order: O,
}

impl TopN {
    /// The greatest `n`, in descending order.
    pub fn largest(n: usize) -> TopN {
        TopN { n, largest: true, order: Natural }
    }

    /// The least `n`, in ascending order.
    pub fn smallest(n: usize) -> TopN {
        TopN { n, largest: false, order: Natural }
    }

    /// Orders by a comparison, which must be a total order, in place of `Ord`. Inputs that it calls equal are
    /// ordered by their encodings.
    ///
    /// ```
    /// use flow_core::combine::{TopN, fold};
    /// let dearest = TopN::largest(2).by(|a: &(u32, f64), b: &(u32, f64)| a.1.total_cmp(&b.1));
    /// assert_eq!(fold(&dearest, [(1, 3.5), (2, 90.0), (3, 12.0)]), [(2, 90.0), (3, 12.0)]);
    /// ```
    pub fn by<T, F>(self, compare: F) -> TopN<By<F>>
    where
        F: Fn(&T, &T) -> Ordering + Clone + Send + Sync + 'static,
    {
        TopN { n: self.n, largest: self.largest, order: By(compare) }
    }
}

impl<O> TopN<O> {
    /// Less is better.
    fn rank<T>(&self, a: &T, b: &T) -> Ordering
    where
        O: Order<T>,
    {
        let order = self.order.compare(a, b);
        if self.largest { order.reverse() } else { order }
    }
}

/// From `n` inputs on, the one at `n - 1` is no better than any before it: what is no better than that is not
/// among the best. Behind it come newer candidates, up to `n` of them, before the best are selected again.
impl<T: Wire, O: Order<T>> CombineFn<T> for TopN<O> {
    type Accumulator = Vec<T>;
    type Output = Vec<T>;

    fn create(&self) -> Vec<T> {
        Vec::new()
    }

    #[inline]
    fn add(&self, best: &mut Vec<T>, input: T) {
        let n = self.n;
        if n == 0 || best.get(n - 1).is_some_and(|bound| self.rank(&input, bound).is_ge()) {
            return;
        }
        best.push(input);
        if best.len() == n || best.len() >= n.saturating_mul(2) {
            best.select_nth_unstable_by(n - 1, |a, b| self.rank(a, b));
            best.truncate(n);
        }
    }

    fn merge(&self, best: &mut Vec<T>, other: Vec<T>) {
        for input in other {
            self.add(best, input);
        }
    }

    fn finish(&self, mut best: Vec<T>) -> Vec<T> {
        best.sort_unstable_by(|a, b| self.rank(a, b));
        best.truncate(self.n);
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combine::fold;

    #[test]
    fn the_order_of_inputs_does_not_matter() {
        let wanted = vec![99, 98, 97];
        assert_eq!(fold(&TopN::largest(3), 0..100), wanted);
        assert_eq!(fold(&TopN::largest(3), (0..100).rev()), wanted);
        assert_eq!(fold(&TopN::largest(3), (0..100).map(|n| n * 37 % 100)), wanted);
    }

    #[test]
    fn equal_inputs_count_each() {
        assert_eq!(fold(&TopN::largest(3), [1, 5, 5, 2]), [5, 5, 2]);
    }

    #[test]
    fn none_are_wanted_and_none_are_kept() {
        assert_eq!(fold(&TopN::smallest(0), [1, 2]), []);
    }
}
