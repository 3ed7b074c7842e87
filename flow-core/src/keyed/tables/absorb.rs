use crate::BoxError;
use crate::combine::CombineFn;
use crate::element::Wire;
use crate::group::{Collect, Group, SMALL};
use crate::spill::{Merge, RunWriter};

/// How an input is taken in: as a value, or as an accumulator made elsewhere.
pub(in crate::keyed) trait Absorb<In, V, C: CombineFn<V>> {
    fn absorb(combine: &C, accumulator: &mut C::Accumulator, input: In);
    fn start(combine: &C, input: In) -> C::Accumulator;
}

/// Inputs are values.
pub(in crate::keyed) struct Single;
/// Inputs are accumulators.
pub(in crate::keyed) struct Merged;
/// Inputs are values, which are kept.
pub(in crate::keyed) struct Collected;

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

impl<V, C: CombineFn<V>> Absorb<C::Accumulator, V, C> for Merged {
    #[inline]
    fn absorb(combine: &C, accumulator: &mut C::Accumulator, input: C::Accumulator) {
        combine.merge(accumulator, input);
    }
    #[inline]
    fn start(_: &C, input: C::Accumulator) -> C::Accumulator {
        input
    }
}

/// How what keys have leaves memory, and comes back.
pub(in crate::keyed) trait Spill<V, C: CombineFn<V>> {
    /// Accumulators keep their inputs, so that these tell how large they are.
    const KEEPS_INPUTS: bool;

    /// Writes what an accumulator has as the items of its key.
    fn write(accumulator: &C::Accumulator, run: &mut RunWriter) -> Result<(), BoxError>;

    /// Adds items that were written before to what is there.
    fn read(
        combine: &C,
        so_far: Option<C::Accumulator>,
        items: &[u8],
        count: u32,
    ) -> Result<C::Accumulator, BoxError>;

    /// The result of a key of which all pieces are still to come.
    fn result(combine: &C, key: &mut Merge) -> Result<C::Output, BoxError>;

    /// Writes such a key's items again, those that belong together as one.
    fn rewrite(combine: &C, key: &mut Merge, run: &mut RunWriter) -> Result<(), BoxError>;
}

/// Everything that the pieces of a key have, in memory.
pub(in crate::keyed) fn gather<V, C: CombineFn<V>, S: Spill<V, C>>(
    combine: &C,
    key: &mut Merge,
) -> Result<C::Accumulator, BoxError> {
    let mut accumulator = None;
    while key.next_piece()? {
        let count = key.extent().1;
        accumulator = Some(S::read(combine, accumulator, key.items()?, count)?);
    }
    Ok(accumulator.unwrap_or_else(|| combine.create()))
}

/// Accumulators are items, which are merged when they meet.
macro_rules! spills_accumulators {
    ($name:ident) => {
        impl<V, C: CombineFn<V>> Spill<V, C> for $name {
            const KEEPS_INPUTS: bool = false;

            fn write(accumulator: &C::Accumulator, run: &mut RunWriter) -> Result<(), BoxError> {
                run.item(accumulator)
            }

            fn read(
                combine: &C,
                mut so_far: Option<C::Accumulator>,
                mut items: &[u8],
                count: u32,
            ) -> Result<C::Accumulator, BoxError> {
                for _ in 0..count {
                    let (item, rest) = postcard::take_from_bytes(items)?;
                    items = rest;
                    match &mut so_far {
                        Some(so_far) => combine.merge(so_far, item),
                        none => *none = Some(item),
                    }
                }
                Ok(so_far.unwrap_or_else(|| combine.create()))
            }

            fn result(combine: &C, key: &mut Merge) -> Result<C::Output, BoxError> {
                gather::<V, C, Self>(combine, key).map(|accumulator| combine.finish(accumulator))
            }

            fn rewrite(combine: &C, key: &mut Merge, run: &mut RunWriter) -> Result<(), BoxError> {
                run.item(&gather::<V, C, Self>(combine, key)?)
            }
        }
    };
}

spills_accumulators!(Single);
spills_accumulators!(Merged);

impl<V: Wire> Absorb<V, V, Collect<V>> for Collected {
    #[inline]
    fn absorb(_: &Collect<V>, values: &mut Vec<V>, value: V) {
        values.push(value);
    }
    #[inline]
    fn start(collect: &Collect<V>, value: V) -> Vec<V> {
        let mut values = collect.create();
        collect.add(&mut values, value);
        values
    }
}

/// Values are items: many of them stay where they are.
impl<V: Wire> Spill<V, Collect<V>> for Collected {
    const KEEPS_INPUTS: bool = true;

    fn write(values: &Vec<V>, run: &mut RunWriter) -> Result<(), BoxError> {
        values.iter().try_for_each(|value| run.item(value))
    }

    fn read(
        _: &Collect<V>,
        so_far: Option<Vec<V>>,
        mut items: &[u8],
        count: u32,
    ) -> Result<Vec<V>, BoxError> {
        let mut values = so_far.unwrap_or_default();
        values.reserve((count as usize).min(items.len()));
        for _ in 0..count {
            let (value, rest) = postcard::take_from_bytes(items)?;
            items = rest;
            values.push(value);
        }
        Ok(values)
    }

    fn result(collect: &Collect<V>, key: &mut Merge) -> Result<Group<V>, BoxError> {
        let (mut values, mut pieces, mut bytes) = (Vec::new(), Vec::new(), 0);
        while key.next_piece()? {
            let (len, count) = key.extent();
            pieces.push(key.piece());
            bytes += len;
            if bytes <= SMALL {
                values = Self::read(collect, Some(values), key.items()?, count)?;
            }
        }
        if bytes <= SMALL { Ok(values.into()) } else { Ok(Group::in_scratch(pieces)) }
    }

    fn rewrite(_: &Collect<V>, key: &mut Merge, run: &mut RunWriter) -> Result<(), BoxError> {
        while key.next_piece()? {
            let count = key.extent().1;
            run.encoded_items(key.items()?, count)?;
        }
        Ok(())
    }
}
