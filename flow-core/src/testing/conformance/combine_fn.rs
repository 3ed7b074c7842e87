use std::fmt::Debug;

use crate::combine::CombineFn;
use crate::combine::random::SplitMix64;

/// How many orders and splits of the inputs are tried.
const ROUNDS: usize = 24;

/// Checks the laws of a [`CombineFn`] on given inputs: a dozen, with the odd ones among them, is enough.
///
/// - The accumulator survives its encoding, after every input.
/// - [`add_ref`](CombineFn::add_ref) does what [`add`](CombineFn::add) does.
/// - Merging with a fresh accumulator changes nothing, is commutative, and is associative.
/// - Any split of the inputs, added in any order and merged in any order, gives the same result.
///
/// Results that are not equal to themselves, as NaN, count as the same.
///
/// ```
/// use flow_core::{combine::Sum, testing::conformance};
/// conformance::combine_fn(&Sum, [1, -5, i64::MAX, i64::MIN]);
/// ```
#[track_caller]
pub fn combine_fn<In, C>(combine: &C, inputs: impl IntoIterator<Item = In>)
where
    In: Clone,
    C: CombineFn<In, Output: PartialEq + Debug>,
{
    combine_fn_by(combine, inputs, PartialEq::eq);
}

/// Like [`combine_fn`], for results that are only nearly equal: floats, sketches and samples.
///
/// ```
/// use flow_core::{combine::Mean, testing::conformance};
/// conformance::combine_fn_by(&Mean, [0.1, 0.2, 1e9], |a, b| (a - b).abs() < 1e-9);
/// ```
#[track_caller]
pub fn combine_fn_by<In, C>(
    combine: &C,
    inputs: impl IntoIterator<Item = In>,
    equal: impl Fn(&C::Output, &C::Output) -> bool,
) where
    In: Clone,
    C: CombineFn<In, Output: Debug>,
{
    let mut laws = Laws { combine, equal, inputs: inputs.into_iter().collect(), random: SplitMix64::new(1) };
    laws.accumulators_survive_their_encoding();
    laws.adding_by_reference_is_adding();
    for _ in 0..ROUNDS {
        laws.random.shuffle(&mut laws.inputs);
        let pieces = laws.three_pieces();
        laws.fresh_changes_nothing(&pieces);
        laws.merging_commutes(&pieces);
        laws.merging_associates(&pieces);
        laws.any_split_gives_the_same();
    }
}

struct Laws<'a, In, C, E> {
    combine: &'a C,
    equal: E,
    inputs: Vec<In>,
    random: SplitMix64,
}

impl<In, C, E> Laws<'_, In, C, E>
where
    In: Clone,
    C: CombineFn<In, Output: Debug>,
    E: Fn(&C::Output, &C::Output) -> bool,
{
    #[track_caller]
    fn accumulators_survive_their_encoding(&self) {
        let mut decoded = self.combine.create();
        for (position, input) in self.inputs.iter().enumerate() {
            self.combine.add(&mut decoded, input.clone());
            let bytes = postcard::to_allocvec(&decoded).unwrap_or_else(|error| {
                panic!("an accumulator cannot be encoded after input {position}: {error}")
            });
            decoded = postcard::from_bytes(&bytes).unwrap_or_else(|error| {
                panic!("an accumulator cannot be decoded after input {position}: {error}")
            });
            let kept = self.accumulate(&self.inputs[..=position]);
            self.same("an accumulator does not survive its encoding", kept, decoded.clone());
        }
    }

    #[track_caller]
    fn adding_by_reference_is_adding(&self) {
        let mut by_reference = self.combine.create();
        for input in &self.inputs {
            self.combine.add_ref(&mut by_reference, input);
        }
        self.same("`add_ref` does not do what `add` does", self.accumulate(&self.inputs), by_reference);
    }

    #[track_caller]
    fn fresh_changes_nothing(&self, pieces: &[C::Accumulator; 3]) {
        for piece in pieces {
            let before = self.merged(self.combine.create(), piece.clone());
            let after = self.merged(piece.clone(), self.combine.create());
            self.same("merging into a fresh accumulator changes the result", piece.clone(), before);
            self.same("merging a fresh accumulator changes the result", piece.clone(), after);
        }
    }

    #[track_caller]
    fn merging_commutes(&self, [a, b, _]: &[C::Accumulator; 3]) {
        let (ab, ba) = (self.merged(a.clone(), b.clone()), self.merged(b.clone(), a.clone()));
        self.same("merging is not commutative", ab, ba);
    }

    #[track_caller]
    fn merging_associates(&self, [a, b, c]: &[C::Accumulator; 3]) {
        let left = self.merged(self.merged(a.clone(), b.clone()), c.clone());
        let right = self.merged(a.clone(), self.merged(b.clone(), c.clone()));
        self.same("merging is not associative", left, right);
    }

    /// The inputs in any order, cut into any number of pieces, merged two at a time in any order.
    #[track_caller]
    fn any_split_gives_the_same(&mut self) {
        let whole = self.accumulate(&self.inputs);
        self.random.shuffle(&mut self.inputs);
        let size = 1 + self.random.below(self.inputs.len() as u64 + 1) as usize;
        let mut pieces: Vec<_> = self.inputs.chunks(size).map(|piece| self.accumulate(piece)).collect();
        while pieces.len() > 1 {
            self.random.shuffle(&mut pieces);
            if let (Some(a), Some(b)) = (pieces.pop(), pieces.pop()) {
                pieces.push(self.merged(a, b));
            }
        }
        let split = pieces.pop().unwrap_or_else(|| self.combine.create());
        self.same("another order or split of the inputs gives another result", whole, split);
    }

    /// The inputs in three accumulators, some of which may be empty.
    fn three_pieces(&mut self) -> [C::Accumulator; 3] {
        let mut cuts = [0; 2].map(|_: u64| self.random.below(self.inputs.len() as u64 + 1) as usize);
        cuts.sort_unstable();
        let [first, second] = cuts;
        [&self.inputs[..first], &self.inputs[first..second], &self.inputs[second..]]
            .map(|piece| self.accumulate(piece))
    }

    fn accumulate(&self, inputs: &[In]) -> C::Accumulator {
        let mut accumulator = self.combine.create();
        for input in inputs {
            self.combine.add(&mut accumulator, input.clone());
        }
        accumulator
    }

    fn merged(&self, mut into: C::Accumulator, other: C::Accumulator) -> C::Accumulator {
        self.combine.merge(&mut into, other);
        into
    }

    #[track_caller]
    fn same(&self, law: &str, one: C::Accumulator, other: C::Accumulator) {
        let (one, other) = (self.combine.finish(one), self.combine.finish(other));
        let unequal_to_itself = |output| !(self.equal)(output, output);
        let both_are_nan = unequal_to_itself(&one) && unequal_to_itself(&other);
        assert!(
            both_are_nan || (self.equal)(&one, &other),
            "{law}:\n  one way: {one:?}\n  another: {other:?}"
        );
    }
}
