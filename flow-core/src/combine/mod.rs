//! Aggregations: the [`CombineFn`] trait and the standard ones.

mod function;

pub use function::CombineFn;
