//! Reading a subscription.

mod acks;
mod closing;
mod load;
mod options;
mod pull;
mod reader;
mod remembered;
mod seen;
mod shared;
mod source;
mod tide;
mod time;
mod watch;

pub use reader::PubSubReader;
pub(super) use source::Origin;
pub use source::{PubSubSplit, ReadPubSub};
