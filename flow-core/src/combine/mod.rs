//! Aggregations: the [`CombineFn`] trait and the standard ones.
//!
//! | wanted | exact | approximate, in bounded memory |
//! | --- | --- | --- |
//! | totals | [`Sum`], [`Count`], [`Mean`], [`All`], [`Any`] | |
//! | extremes | [`Min`], [`Max`], [`TopN`], [`Latest`] | |
//! | distributions | | [`Quantiles`], [`Sample`] |
//! | distinct values | | [`ApproxDistinct`] |
//!
//! A tuple of aggregations computes all of them in one pass, and [`of`] feeds one of them from a field:
//!
//! ```
//! use flow_core::combine::{Count, Max, Sum, fold, of};
//!
//! #[derive(Clone)]
//! struct Order { quantity: u32, cents: u64 }
//!
//! let summary = (of(|o: &Order| o.quantity, Sum), of(|o: &Order| o.cents, Max), Count);
//! let orders = [Order { quantity: 2, cents: 250 }, Order { quantity: 3, cents: 990 }];
//! assert_eq!(fold(&summary, orders), (5, Some(990), 2));
//! ```

mod compensated;
mod digest;
mod number;
mod order;
pub(crate) mod random;
mod wide;

mod function;

mod count;
mod mean;
mod sum;

mod latest;
mod max;
mod min;
mod top;

mod approx_distinct;
mod quantiles;
mod sample;

mod logic;

mod of;
mod tuple;

pub(crate) use digest::encoding;
pub use function::{CombineFn, fold};

pub use count::Count;
pub use mean::Mean;
pub use sum::Sum;

pub use latest::Latest;
pub use max::{Max, MaxBy};
pub use min::{Min, MinBy};
pub use top::TopN;

pub use approx_distinct::ApproxDistinct;
pub use quantiles::Quantiles;
pub use sample::Sample;

pub use logic::{All, Any};

pub use of::{Of, of};

pub use number::Number;
pub use order::{By, Natural};
