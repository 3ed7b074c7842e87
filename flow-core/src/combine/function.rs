use crate::element::{Element, Wire};

/// An aggregation in four parts, so that it can be computed in pieces on many workers and merged.
///
/// For any split of the inputs into pieces and any order of merging, the result must be the same: `merge` is
/// associative and commutative, and merging with a fresh accumulator changes nothing. Check your own with
/// [`testing::conformance::combine_fn`](crate::testing::conformance::combine_fn).
///
/// ```
/// use flow_core::prelude::*;
///
/// #[derive(Clone, Debug)]
/// struct Longest;
///
/// impl CombineFn<String> for Longest {
///     type Accumulator = String;
///     type Output = String;
///     fn create(&self) -> String { String::new() }
///     fn add(&self, longest: &mut String, word: String) { if word.len() > longest.len() { *longest = word } }
///     fn merge(&self, into: &mut String, other: String) { self.add(into, other) }
///     fn finish(&self, longest: String) -> String { longest }
/// }
/// # assert_eq!(apply(["a", "abc", "ab"], |words: &PCollection<String>| words.combine(Longest)), ["abc"]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not combine inputs of type `{In}`",
    note = "to aggregate a field of the input, name it: `of(|order: &Order| order.total, Sum)`",
    note = "to order by something other than `Ord`, as floats need: `Max::by(f64::total_cmp)`"
)]
pub trait CombineFn<In>: Clone + Send + Sync + 'static {
    /// The state between inputs.
    type Accumulator: Wire;
    /// The result.
    type Output: Element;

    /// The state before any input.
    fn create(&self) -> Self::Accumulator;

    /// Adds an input.
    fn add(&self, accumulator: &mut Self::Accumulator, input: In);

    /// Adds an input that others look at too, as the parts of a tuple do. Override it where adding needs no
    /// copy of the whole input; it must do what [`add`](CombineFn::add) does.
    fn add_ref(&self, accumulator: &mut Self::Accumulator, input: &In)
    where
        In: Clone,
    {
        self.add(accumulator, input.clone());
    }

    /// Adds the inputs that another accumulator has seen.
    fn merge(&self, into: &mut Self::Accumulator, other: Self::Accumulator);

    /// The result of everything seen.
    fn finish(&self, accumulator: Self::Accumulator) -> Self::Output;
}

/// Combines values in memory, in one accumulator: for tests, and to see what an aggregation gives.
///
/// ```
/// use flow_core::combine::{Sum, fold};
/// assert_eq!(fold(&Sum, [1, 2, 3]), 6);
/// ```
pub fn fold<In, C: CombineFn<In>>(combine: &C, inputs: impl IntoIterator<Item = In>) -> C::Output {
    let mut accumulator = combine.create();
    for input in inputs {
        combine.add(&mut accumulator, input);
    }
    combine.finish(accumulator)
}
