use std::cmp::Ordering;
use std::fmt;

use super::digest::encoding;
use crate::element::Wire;

/// The order of a type's `Ord`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Natural;

/// The order of a function, as `f64::total_cmp`. Values that it calls equal are ordered by their encodings, so
/// that which of them is kept depends on no order of arrival.
#[derive(Clone, Copy)]
pub struct By<F>(pub(super) F);

impl<F> fmt::Debug for By<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("By(..)")
    }
}

/// A total order of `T`: [`Natural`] or [`By`].
pub trait Order<T>: Clone + Send + Sync + 'static {
    /// Equal only for values that may stand for each other.
    fn compare(&self, a: &T, b: &T) -> Ordering;
}

impl<T: Ord> Order<T> for Natural {
    #[inline]
    fn compare(&self, a: &T, b: &T) -> Ordering {
        a.cmp(b)
    }
}

impl<T, F> Order<T> for By<F>
where
    T: Wire,
    F: Fn(&T, &T) -> Ordering + Clone + Send + Sync + 'static,
{
    #[inline]
    fn compare(&self, a: &T, b: &T) -> Ordering {
        (self.0)(a, b).then_with(|| encoding(a).cmp(&encoding(b)))
    }
}

/// Keeps the input if nothing is kept yet, or if it compares as `wanted` with what is.
#[inline]
pub(super) fn keep<T>(best: &mut Option<T>, input: T, wanted: Ordering, order: &impl Order<T>) {
    if best.as_ref().is_none_or(|best| order.compare(&input, best) == wanted) {
        *best = Some(input);
    }
}
