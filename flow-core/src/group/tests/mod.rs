//! The written cases of event time, as scripts for [`Groups`](super::Groups) alone.

mod properties;
mod script;
mod sessions;
mod timestamps;
mod triggers;
mod volume;
mod windows;
