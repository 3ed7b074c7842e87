use crate::combine::CombineFn;

/// How an input is taken in: as a value, or as an accumulator made elsewhere.
pub(super) trait Absorb<In, V, C: CombineFn<V>> {
    fn absorb(combine: &C, accumulator: &mut C::Accumulator, input: In);
    fn start(combine: &C, input: In) -> C::Accumulator;
}

/// Inputs are values.
pub(super) struct Single;
/// Inputs are accumulators.
pub(super) struct Merge;

impl<V, C: CombineFn<V>> Absorb<V, V, C> for Single {
    #[inline]
    fn absorb(combine: &C, accumulator: &mut C::Accumulator, input: V) {
        combine.add(accumulator, input);
    }
    #[inline]
    fn start(combine: &C, input: V) -> C::Accumulator {
        let mut accumulator = combine.create();
        combine.add(&mut accumulator, input);
        accumulator
    }
}

impl<V, C: CombineFn<V>> Absorb<C::Accumulator, V, C> for Merge {
    #[inline]
    fn absorb(combine: &C, accumulator: &mut C::Accumulator, input: C::Accumulator) {
        combine.merge(accumulator, input);
    }
    #[inline]
    fn start(_: &C, input: C::Accumulator) -> C::Accumulator {
        input
    }
}
