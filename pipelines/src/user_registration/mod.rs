//! A shop's new users, from the topic to the warehouse.
//!
//! A message is one answer of the API that registers users, as it came: [`decode`](fn@decode) makes of it a [`User`] for each of
//! its results, and a [`DeadLetter`] of whatever is none. [`pipeline`] wires it: read, decode, to row, save. What the
//! topic is filled with is in [`producer`], and [`generate`] makes up answers of the same shape.
pub mod decode;
pub mod freshness;
pub mod generate;
pub mod pipeline;
pub mod producer;
pub mod segment;

mod fields;
mod input;
mod letter;
mod output;
mod people;
mod received;
mod row;
mod user;

pub use decode::decode;
pub use freshness::{Freshness, Histogram};
pub use input::{Input, Subscription};
pub use letter::{DeadLetter, Kind, LetterRow};
pub use output::{BigTables, Output};
pub use pipeline::{Settings, Tables};
pub use received::{Lines, Received};
pub use row::UserRow;
pub use segment::{AgeBand, Segment, SegmentRow};
pub use user::{Postcode, User};
