//! The steps behind an exchange: elements move to the worker that owns their key, and are worked on there.

mod broadcast;
mod cells;
mod combine;
mod exchange;
mod grouped;
mod hash;
mod inbox;
mod kernel;
mod lift;
mod scatter;
mod splittable;
mod spread;
mod stateful;
mod tables;
mod timers;

pub(crate) use broadcast::Broadcast;
pub(crate) use cells::stateful;
pub(crate) use combine::combine;
pub(crate) use splittable::{parts, splittable};
pub(crate) use spread::spread;
pub(crate) use stateful::ByClosure;
pub use stateful::{StatefulCx, StatefulFn};
