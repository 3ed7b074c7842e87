use std::cmp::Ordering;

use super::order::keep;
use super::{By, CombineFn, Natural};
use crate::element::Wire;

/// The smallest input by its `Ord`; `None` of no input, which a key never has.
///
/// Floats, and anything else without an `Ord`, are compared by a function: see [`Min::by`].
///
/// ```
/// use flow_core::combine::{Min, fold};
/// assert_eq!(fold(&Min, ["b", "a", "c"].map(String::from)).as_deref(), Some("a"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Min;

impl Min {
    /// The smallest input by a comparison, which must be a total order. Of inputs that it calls equal, the one
    /// with the smallest encoding.
    ///
    /// ```
    /// use flow_core::combine::{Min, fold};
    /// assert_eq!(fold(&Min::by(f64::total_cmp), [2.5, -1.0, 7.0]), Some(-1.0));
    /// ```
    pub fn by<T, F>(compare: F) -> MinBy<F>
    where
        F: Fn(&T, &T) -> Ordering + Clone + Send + Sync + 'static,
    {
        MinBy(By(compare))
    }
}

impl<T: Wire + Ord> CombineFn<T> for Min {
    type Accumulator = Option<T>;
    type Output = Option<T>;

    fn create(&self) -> Option<T> {
        None
    }

    #[inline]
    fn add(&self, best: &mut Option<T>, input: T) {
        keep(best, input, Ordering::Less, &Natural);
    }

    fn merge(&self, best: &mut Option<T>, other: Option<T>) {
        if let Some(input) = other {
            self.add(best, input);
        }
    }

    fn finish(&self, best: Option<T>) -> Option<T> {
        best
    }
}

/// The smallest input by a comparison: made by [`Min::by`].
#[derive(Clone, Copy, Debug)]
pub struct MinBy<F>(By<F>);

impl<T, F> CombineFn<T> for MinBy<F>
where
    T: Wire,
    F: Fn(&T, &T) -> Ordering + Clone + Send + Sync + 'static,
{
    type Accumulator = Option<T>;
    type Output = Option<T>;

    fn create(&self) -> Option<T> {
        None
    }

    #[inline]
    fn add(&self, best: &mut Option<T>, input: T) {
        keep(best, input, Ordering::Less, &self.0);
    }

    fn merge(&self, best: &mut Option<T>, other: Option<T>) {
        if let Some(input) = other {
            self.add(best, input);
        }
    }

    fn finish(&self, best: Option<T>) -> Option<T> {
        best
    }
}
