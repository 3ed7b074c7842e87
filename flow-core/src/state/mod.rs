//! State with a shape: what a [`StatefulFn`](crate::StatefulFn) remembers beside plain values.
//!
//! The state of a stateful step is a struct, kept for each key and window. Its plain fields are values; fields of these
//! kinds have a behaviour of their own:
//!
//! | kind | remembers | read in the order of |
//! | --- | --- | --- |
//! | [`Bag`] | values | arrival |
//! | [`Combining`] | an aggregation of values, as [`Sum`](crate::combine::Sum) | |
//! | [`Map`] | a value for each key | keys |
//! | [`Set`] | distinct values | values |
//! | [`Multimap`] | several values for each key | keys, then arrival |
//! | [`OrderedList`] | values at timestamps, read and cleared by ranges | timestamps, then arrival |
//!
//! All of them start empty. A clone is a snapshot: it shares what it holds until one of the two is changed, and goes on
//! seeing what was there.
//!
//! [`Merge`] says how the states of two windows become one, which it takes to keep state in windows that merge, as
//! sessions do. All kinds have it, and `#[derive(Merge)]` gives it to a struct of them.
//!
//! ```
//! use flow_core::prelude::*;
//! use flow_core::state;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Default, Serialize, Deserialize, Merge)]
//! struct Visit {
//!     pages: state::Set<String>,
//!     spent: Combining<u64, Sum>,
//! }
//!
//! let mut visit = Visit::default();
//! visit.pages.add("home".into());
//! visit.spent.add(250);
//! let mut later = Visit::default();
//! later.pages.add("basket".into());
//! later.spent.add(990);
//! visit.merge(later);
//! assert_eq!((visit.pages.len(), visit.spent.read()), (2, 1240));
//! ```

mod merge;
mod shared;

mod bag;
mod combining;
mod map;
mod multimap;
mod ordered_list;
mod set;

pub use merge::Merge;

pub use bag::{Bag, Snapshot};
pub use combining::Combining;
pub use map::Map;
pub use multimap::Multimap;
pub use ordered_list::OrderedList;
pub use set::Set;

pub use flow_macros::Merge;
