//! Grouping: what turns elements of a key and window into panes.

mod values;

pub use values::Group;
