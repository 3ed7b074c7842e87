//! Reading records from files and from standard input, whatever their format.

mod bad_record;
mod decode;
mod gunzip;
mod pattern;
mod reader;
mod records;
mod scanner;
mod source;
mod split;
mod stdin;

pub use bad_record::BadRecord;
pub use decode::{Decode, Record};
pub use reader::LineReader;
pub use records::LinePosition;
pub use source::ReadFiles;
pub use split::FileSplit;
pub use stdin::{Stdin, StdinReader, StdinSplit};
