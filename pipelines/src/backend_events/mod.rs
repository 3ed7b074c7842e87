//! One topic of a shop's events: kept as JSON objects, and appended to one table per event type.
//!
//! What an event type is stands in a [`Catalog`], which is data: a new type is an entry of `catalog.json`, not a
//! line of code. A message becomes an [`Event`] or a [`DeadLetter`] in [`Message::check`]; behind it events are
//! trusted. The [`paths`] of objects, the [`schema`] of tables and the [`curated`] rows are functions of events and
//! catalog entries alone, and [`generate`] makes events to try it all with.
pub mod backfill;
pub mod curated;
pub mod decode;
pub mod generate;
pub mod paths;
pub mod pipeline;
pub mod schema;

mod catalog;
mod dead_letters;
mod event;
mod field;
mod identity;
mod input;
mod json_text;
mod landing;
mod message;
mod money;
mod normalise;
mod object;
mod output;
mod python;
mod received;
mod row;
mod tables;
mod utc;
mod validate;
mod warning;

pub use catalog::{Catalog, CatalogError, EventType, SumRule};
pub use event::{DeadLetter, Event, UNKNOWN};
pub use field::{Field, FieldError, FieldType, Mode, StringRule};
pub use input::{Generated, Input, Subscription};
pub use landing::Objects;
pub use message::{Checked, Message};
pub use object::{EventObject, LetterObject, UnknownObject};
pub use output::{Datasets, Output, Tables};
pub use pipeline::Settings;
pub use received::{Lines, Received};
pub use row::{EventRow, LetterRow};
pub use warning::Warning;
