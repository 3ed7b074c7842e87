//! The steps that work in place: what verbs put into the graph.

mod async_map;
mod emit;
mod held;
mod kept;
mod late;
mod link;
mod map;
mod pardo;
mod partition;
mod process;
mod publish;
mod side;
mod split;
mod time;
mod view;
mod write;

pub(crate) use async_map::Order;
pub(crate) use async_map::async_map;
pub use emit::{BundleEmit, Emit};
pub(crate) use kept::{Build, ByElements, ByPairs, Keep, Origin, Published};
pub(crate) use late::{drop_late, trailing};
pub(crate) use link::{Transform, Typed, each, link, one};
pub(crate) use map::{filter, filter_map, inspect, map};
pub use pardo::{DoFn, DoFnWith};
pub(crate) use pardo::{par_do, side_par_do};
pub(crate) use partition::partition;
pub use process::Outcome;
pub(crate) use process::process;
pub(crate) use publish::{build_view, publish};
pub(crate) use side::{gate, side_process};
pub(crate) use split::split;
pub(crate) use time::{late_split, reify, rewindow, timestamps};
pub(crate) use view::{IsThere, ViewReader, ViewTable};
pub(crate) use write::WriteStep;
