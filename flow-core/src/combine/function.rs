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
pub trait CombineFn<In>: Clone + Send + Sync + 'static {
    /// The state between inputs.
    type Accumulator: Wire;
    /// The result.
    type Output: Element;

    /// The state before any input.
    fn create(&self) -> Self::Accumulator;

    /// Adds an input.
    fn add(&self, accumulator: &mut Self::Accumulator, input: In);

    /// Adds the inputs that another accumulator has seen.
    fn merge(&self, into: &mut Self::Accumulator, other: Self::Accumulator);

    /// The result of everything seen.
    fn finish(&self, accumulator: Self::Accumulator) -> Self::Output;
}
