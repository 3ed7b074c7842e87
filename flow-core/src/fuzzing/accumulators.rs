use std::fmt::Debug;

use super::decoded;
use crate::combine::{
    All, Any, ApproxDistinct, CombineFn, Count, Latest, Max, Mean, Min, Quantiles, Sample, Sum, TopN,
};
use crate::{Timestamp, Wire};

/// Accumulators that were stored and damaged are refused, or go on: what is merged, added and finished of them is some
/// result, and never a panic. The first byte chooses the aggregation.
pub fn accumulators(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let stamped = || (0..9).map(|n| (Timestamp::from_secs(n % 4), n));
    match choice % 16 {
        0 => goes_on(&ApproxDistinct::default(), data, 0..9_u64),
        1 => goes_on(&ApproxDistinct::within(0.26), data, 0..99_u64),
        2 => goes_on(&Quantiles::of([0.0, 0.5, 1.0, f64::NAN]), data, 0..9_u64),
        3 => goes_on(&Quantiles::of([0.5]).within(0.2), data, 0..99_u64),
        4 => goes_on(&Sample::of(3), data, 0..9_u64),
        5 => goes_on(&Sample::of(0), data, 0..9_u64),
        6 => goes_on(&TopN::largest(3), data, 0..9_u64),
        7 => goes_on(&TopN::smallest(0), data, 0..9_u64),
        8 => goes_on(&Sum, data, [i64::MIN, 1, i64::MAX]),
        9 => goes_on(&Sum, data, [i128::MIN, i128::MIN, i128::MAX]),
        10 => goes_on(&Sum, data, [f64::NAN, f64::MAX, 1.5]),
        11 => goes_on(&Mean, data, [u128::MAX, u128::MAX, 0]),
        12 => goes_on(&Latest, data, stamped()),
        13 => goes_on(&(Count, Max, Min), data, ["a".to_owned(), String::new()]),
        14 => goes_on(&Quantiles::of([0.5]).by(f64::total_cmp), data, [f64::NAN, 0.5]),
        _ => goes_on(&(All, Any), data, [true, false]),
    }
}

fn goes_on<In, C>(combine: &C, data: &[u8], inputs: impl IntoIterator<Item = In>)
where
    In: Clone,
    C: CombineFn<In, Accumulator: Wire, Output: Debug>,
{
    let Some((stored, rest)) = decoded::<C::Accumulator>(data) else { return };
    let other = decoded(rest).map_or_else(|| combine.create(), |(other, _)| other);
    let mut fresh = combine.create();
    for input in inputs {
        combine.add(&mut fresh, input);
    }
    for (mut into, from) in [(stored.clone(), other), (stored.clone(), fresh.clone()), (fresh, stored)] {
        combine.merge(&mut into, from);
        let _ = combine.finish(into);
    }
}
