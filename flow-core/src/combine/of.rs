use std::fmt;

use super::CombineFn;

/// An aggregation of something computed from each input: made by [`of`].
#[derive(Clone, Copy)]
pub struct Of<P, C> {
    project: P,
    combine: C,
}

/// Aggregates a field, or anything else computed from each input.
///
/// It only looks at the input, so in a tuple it costs no clone of it: that is how a struct is summarized in one
/// pass.
///
/// ```
/// use flow_core::combine::{Mean, Sum, fold, of};
///
/// #[derive(Clone)]
/// struct Order { quantity: u32, price: f64 }
///
/// let summary = (of(|o: &Order| o.quantity, Sum), of(|o: &Order| o.price, Mean));
/// let orders = [Order { quantity: 2, price: 1.0 }, Order { quantity: 1, price: 2.0 }];
/// assert_eq!(fold(&summary, orders), (3, 1.5));
/// ```
pub fn of<In, X, P, C>(project: P, combine: C) -> Of<P, C>
where
    P: Fn(&In) -> X + Clone + Send + Sync + 'static,
    C: CombineFn<X>,
{
    Of { project, combine }
}

impl<In, X, P, C> CombineFn<In> for Of<P, C>
where
    P: Fn(&In) -> X + Clone + Send + Sync + 'static,
    C: CombineFn<X>,
{
    type Accumulator = C::Accumulator;
    type Output = C::Output;

    fn create(&self) -> C::Accumulator {
        self.combine.create()
    }

    #[inline]
    fn add(&self, accumulator: &mut C::Accumulator, input: In) {
        self.combine.add(accumulator, (self.project)(&input));
    }

    #[inline]
    fn add_ref(&self, accumulator: &mut C::Accumulator, input: &In) {
        self.combine.add(accumulator, (self.project)(input));
    }

    fn merge(&self, into: &mut C::Accumulator, other: C::Accumulator) {
        self.combine.merge(into, other);
    }

    fn finish(&self, accumulator: C::Accumulator) -> C::Output {
        self.combine.finish(accumulator)
    }
}

impl<P, C: fmt::Debug> fmt::Debug for Of<P, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Of").field(&self.combine).finish()
    }
}
