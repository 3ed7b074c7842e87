//! Windows: how event time is cut into pieces that can be finished.
//!
//! A [`WindowFn`] assigns elements to [`Window`]s. The standard ones are [`Global`], [`Fixed`], [`Calendar`],
//! [`Sliding`] and [`Sessions`]; write your own for anything else. Each constructor returns a [`WindowInto`], which also
//! says when a window's content is emitted and how long late data is waited for.

mod calendar;
mod fixed;
mod function;
mod global;
mod session;
mod slices;
mod sliding;
mod span;
mod spec;

pub use calendar::Calendar;
pub use fixed::Fixed;
pub use function::{Merged, WindowFn, merge_overlapping};
pub use global::Global;
pub use session::Sessions;
pub use slices::Slices;
pub use sliding::Sliding;
pub use span::Window;
pub use spec::{Accumulation, Closing, Existing, OnTime, TimestampCombiner, WindowInto, Windowing};
