//! Connectors of flow: where pipelines read from and write to.
//!
//! | system | read | write | feature |
//! | --- | --- | --- | --- |
//! | text files | [`TextFiles::matching`](files::TextFiles::matching), [`stdin`](files::TextFiles::stdin) | [`TextFiles::under`](files::TextFiles::under) | `files` |
//! | JSON lines | [`JsonFiles::matching`](files::JsonFiles::matching), [`stdin`](files::JsonFiles::stdin) | [`JsonFiles::under`](files::JsonFiles::under) | `files` |
//! | Parquet | | `ParquetFiles::under` | `parquet` |
//! | made-up data | [`Generator`] | | |

#[cfg(feature = "files")]
pub mod files;
mod generator;

pub use generator::{Generator, GeneratorReader, GeneratorSplit};
