//! What the programs share to run on Google Cloud, or on an emulator of it.

mod home;
mod look;
mod runtime;
mod setup;
mod tell;

pub use home::Home;
pub use look::{objects, query, text_table};
pub use runtime::runtime;
pub use setup::{bucket, dataset, subscription, topic};
pub use tell::tell_on_stderr;
