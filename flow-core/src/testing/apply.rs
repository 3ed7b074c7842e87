use super::collect;
use crate::{Element, PCollection, Pipeline, ReferenceRunner, Runner};

/// Runs a transform on values and returns its results: a unit test in one line.
///
/// Groups come in the order in which their keys were first seen. Text is converted, so that a transform
/// of `String` takes `"text"`.
///
/// ```
/// use flow_core::prelude::*;
/// assert_eq!(apply(["a", "bc"], |words: &PCollection<String>| words.map(|w| w.len())), [1, 2]);
/// ```
///
/// # Panics
/// When the pipeline fails, with its error: that is the test's failure.
#[track_caller]
pub fn apply<A, T, O>(
    values: impl IntoIterator<Item = A>,
    transform: impl FnOnce(&PCollection<T>) -> PCollection<O>,
) -> Vec<O>
where
    A: Given<T>,
    T: Element,
    O: Element,
{
    apply_on(&ReferenceRunner::new(), values, transform)
}

/// As [`apply`], on a runner of your choice: on one with several workers results come in any order.
///
/// ```
/// use flow_core::prelude::*;
/// use flow_core::testing::apply_on;
/// let doubled = apply_on(&ReferenceRunner::new(), [1, 2], |n: &PCollection<u32>| n.map(|n| n * 2));
/// assert_eq!(doubled, [2, 4]);
/// ```
///
/// # Panics
/// When the pipeline fails, with its error: that is the test's failure.
#[track_caller]
pub fn apply_on<R, A, T, O>(
    runner: &R,
    values: impl IntoIterator<Item = A>,
    transform: impl FnOnce(&PCollection<T>) -> PCollection<O>,
) -> Vec<O>
where
    R: Runner,
    A: Given<T>,
    T: Element,
    O: Element,
{
    let p = Pipeline::new();
    let input = p.create(values.into_iter().map(Given::given));
    let output = collect(&transform(&input));
    run_on(runner, p);
    output.values()
}

/// A value as a test writes it: the element itself, or `"text"` for a `String`.
pub trait Given<T> {
    /// The element.
    fn given(self) -> T;
}

impl<T> Given<T> for T {
    fn given(self) -> T {
        self
    }
}

impl Given<String> for &str {
    fn given(self) -> String {
        self.to_owned()
    }
}

/// Runs a test's pipeline with the reference runner: for transforms of several inputs or outputs.
///
/// ```
/// use flow_core::prelude::*;
/// use flow_core::testing::{collect, run};
/// let p = Pipeline::new();
/// let (numbers, errors) = p.create(["1", "x"]).map(|s| s.parse::<u32>().map_err(|e| e.to_string())).split();
/// let (numbers, errors) = (collect(&numbers), collect(&errors));
/// run(p);
/// assert_eq!(numbers.values(), [1]);
/// assert_eq!(errors.values().len(), 1);
/// ```
///
/// # Panics
/// When the pipeline fails, with its error: that is the test's failure.
#[track_caller]
pub fn run(pipeline: Pipeline) {
    run_on(&ReferenceRunner::new(), pipeline);
}

/// As [`run`], on a runner of your choice; its report.
///
/// ```
/// use flow_core::prelude::*;
/// use flow_core::testing::{assert_that, run_on};
/// let p = Pipeline::new();
/// assert_that(&p.create([1, 2]).combine(Sum)).contains_only(3);
/// let report = run_on(&ReferenceRunner::new(), p);
/// assert_eq!(report.step("create").unwrap().elements_out, 2);
/// ```
///
/// # Panics
/// When the pipeline fails, with its error: that is the test's failure.
#[track_caller]
pub fn run_on<R: Runner>(runner: &R, pipeline: Pipeline) -> R::Report {
    runner.run(pipeline).unwrap_or_else(|error| panic!("{}", error.report()))
}
