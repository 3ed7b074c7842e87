//! The steps behind an exchange: elements move to the worker that owns their key, and are worked on there.

mod ahead;
mod broadcast;
mod cells;
mod combine;
mod context;
mod exchange;
mod grouped;
mod hash;
mod inbox;
mod kernel;
mod lift;
mod lookup;
mod merging;
mod part;
#[cfg(test)]
mod restored;
mod scatter;
mod setting;
mod splittable;
mod splitting;
mod spread;
mod stateful;
mod store;
mod tables;
mod tags;
mod timers;

pub(crate) use broadcast::{Broadcast, Restored};
#[cfg(any(test, fuzzing))]
pub(crate) use cells::cells;
pub(crate) use cells::stateful;
pub(crate) use combine::{combine, group};
pub use context::StatefulCx;
pub(crate) use hash::key_hash;
pub use hash::{hash_probe, owner};
#[cfg(any(test, fuzzing))]
pub(crate) use kernel::{Kernel, Keyed};
pub(crate) use lookup::{can_sort, lookup};
pub use setting::TimerSetting;
pub(crate) use splittable::{parts, splittable};
pub(crate) use spread::spread;
pub(crate) use stateful::ByClosure;
pub use stateful::StatefulFn;
