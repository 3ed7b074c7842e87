use std::cmp::Ordering;

use super::order::keep;
use super::{By, CombineFn, Natural};
use crate::element::Wire;

/// The greatest input by its `Ord`; `None` of no input, which a key never has.
///
/// Floats, and anything else without an `Ord`, are compared by a function: see [`Max::by`].
///
/// ```
/// use flow_core::combine::{Max, fold};
/// assert_eq!(fold(&Max, ["b", "a", "c"].map(String::from)).as_deref(), Some("c"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Max;

impl Max {
    /// The greatest input by a comparison, which must be a total order. Of inputs that it calls equal, the one
    /// with the greatest encoding.
    ///
    /// ```
    /// use flow_core::combine::{Max, fold};
    /// assert_eq!(fold(&Max::by(f64::total_cmp), [2.5, -1.0, 7.0]), Some(7.0));
    /// ```
    pub fn by<T, F>(compare: F) -> MaxBy<F>
    where
        F: Fn(&T, &T) -> Ordering + Clone + Send + Sync + 'static,
    {
        MaxBy(By(compare))
    }
}

impl<T: Wire + Ord> CombineFn<T> for Max {
    type Accumulator = Option<T>;
    type Output = Option<T>;

    fn create(&self) -> Option<T> {
        None
    }

    #[inline]
    fn add(&self, best: &mut Option<T>, input: T) {
        keep(best, input, Ordering::Greater, &Natural);
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

/// The greatest input by a comparison: made by [`Max::by`].
#[derive(Clone, Copy, Debug)]
pub struct MaxBy<F>(By<F>);

impl<T, F> CombineFn<T> for MaxBy<F>
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
        keep(best, input, Ordering::Greater, &self.0);
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
