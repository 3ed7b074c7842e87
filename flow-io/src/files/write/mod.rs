//! Writing elements to files that become visible whole, whatever their format.

mod commit;
mod each;
mod format;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
mod line;
mod name;
mod place;
mod ranges;
mod registry;
mod resume;
mod settings;
mod shared;
mod sink;
mod target;
mod temp;
mod writer;

pub use each::{EachWriter, WriteEach};
pub use format::{Body, Encode, Encoder, Format, Refused};
pub use line::{Line, LineBody, LineEncoder};
pub use name::{FileName, FilePath};
pub use sink::WriteFiles;
pub(crate) use target::Target;
pub(super) use target::{Directory, Nowhere};
#[cfg(feature = "gcs")]
pub(crate) use target::{Named, Spot};
pub use temp::TempFile;
pub use writer::{FilesWriter, Prepared};
#[cfg(feature = "gcs")]
pub(crate) use {
    place::{Leftovers, temporary_name},
    registry::lock,
    target::sync_directory,
};
