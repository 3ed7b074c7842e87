//! Connectors of flow: where pipelines read from and write to.
//!
//! | system | read | write | feature |
//! | --- | --- | --- | --- |
//! | Parquet | | `ParquetFiles::under` | `parquet` |
//! | made-up data | [`Generator`] | | |

mod generator;

pub use generator::{Generator, GeneratorReader, GeneratorSplit};
