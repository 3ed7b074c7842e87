//! Publishing to a topic.

mod encode;
mod limits;
mod publish;
mod sink;
mod writer;

pub use encode::{Encode, Encoded, Json, Plain, WithId};
pub use sink::WritePubSub;
pub use writer::PubSubWriter;
