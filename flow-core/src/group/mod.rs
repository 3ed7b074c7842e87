//! Grouping: what turns elements of a key and window into panes.
//!
//! [`Groups`] is the one place where windows' contents become panes. It is pure: a runner tells it of bundles,
//! watermarks and the time, and takes panes out of it. What it knows is kept in cells, one for each key and window:
//!
//! - `add` puts elements into their cells, after merging the windows that they bring together, and notes which
//!   cells to look at;
//! - `fire` looks at a cell because of elements, the watermark or the clock, and emits a pane if its trigger says
//!   so or the window has expired;
//! - `saved` writes down what has changed, for runs that outlive their process;
//! - `panes` has the rules for what a pane says of itself, `holds` those for how far the watermark may go.

mod add;
mod cell;
mod collect;
mod fire;
mod groups;
mod holds;
mod inspect;
mod keys;
mod merge;
mod multiset;
mod panes;
mod saved;
mod scratched;
#[cfg(test)]
pub(crate) mod tests;
mod timers;
mod values;

pub(crate) use collect::Collect;
pub(crate) use groups::{Dropped, Groups};
pub(crate) use multiset::Multiset;
pub(crate) use scratched::{SMALL, parted};
pub use values::{Group, GroupIntoIter};
