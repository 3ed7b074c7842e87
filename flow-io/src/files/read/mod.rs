//! Reading records from files and from standard input, whatever their format.

mod bad_record;
mod decode;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
mod gunzip;
mod origin;
mod pattern;
mod reader;
mod records;
mod scanner;
mod seen;
mod source;
mod split;
mod stdin;
mod watch;

pub use bad_record::BadRecord;
pub use decode::{Decode, Record};
#[cfg(feature = "gcs")]
pub(crate) use gunzip::is_gzip;
pub(super) use origin::Local;
pub(crate) use origin::Origin;
#[cfg(feature = "gcs")]
pub(crate) use origin::{Input, Listed};
#[cfg(feature = "gcs")]
pub(crate) use pattern::{SHELL, is_passed_over, no_pattern};
pub use reader::LineReader;
pub use records::LinePosition;
pub use source::ReadFiles;
pub use split::{FileSplit, ObjectVersion};
pub use stdin::{Stdin, StdinReader, StdinSplit};
pub use watch::{WatchFiles, WatchPosition, WatchReader, WatchSplit};
