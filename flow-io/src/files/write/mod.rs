//! Writing elements to files that become visible whole, whatever their format.

mod format;
mod line;
mod name;
mod place;
mod registry;
mod settings;
mod sink;
mod temp;
mod writer;

pub use format::{Body, Encode, Encoder, Format, Refused};
pub use line::{Line, LineBody, LineEncoder};
pub use name::{FileName, FilePath};
pub use sink::WriteFiles;
pub use temp::TempFile;
pub use writer::{FilesWriter, Prepared};
