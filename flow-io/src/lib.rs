//! Connectors of flow: where pipelines read from and write to.
//!
//! | system | read | write | feature |
//! | --- | --- | --- | --- |
//! | text files | [`TextFiles::matching`](files::TextFiles::matching), [`stdin`](files::TextFiles::stdin) | [`TextFiles::under`](files::TextFiles::under) | `files` |
//! | JSON lines | [`JsonFiles::matching`](files::JsonFiles::matching), [`stdin`](files::JsonFiles::stdin) | [`JsonFiles::under`](files::JsonFiles::under) | `files` |
//! | Parquet | | `ParquetFiles::under` | `parquet` |
//! | Cloud Storage | `gs://bucket/pattern` as a pattern of the above | `gs://bucket/prefix` as their root | `gcs` |
//! | Google Pub/Sub | `PubSub::subscription`, `topic` | `PubSub::publish_to` | `pubsub` |
//! | BigQuery | `BigQuery::read`, `query` | `BigQuery::table` | `bigquery` |
//! | made-up data | [`Generator`] | | |
//!
//! What reads is a [`Source`](flow_core::source::Source), for [`Pipeline::read`](flow_core::Pipeline::read); what
//! writes is a [`Sink`](flow_core::sink::Sink), for [`PCollection::write`](flow_core::PCollection::write) and its kin.
//! Both are values without open files: nothing is touched before the pipeline runs.
//!
//! ```
//! use flow_core::prelude::*;
//! use flow_io::Generator;
//!
//! let p = Pipeline::new();
//! let evens = p.read(Generator::of(|i, _| i).count(1_000)).filter(|n| n % 2 == 0);
//! evens.combine(Count).for_each(|count| assert_eq!(*count, 500));
//! # ReferenceRunner::new().run(p)?;
//! # Ok::<(), flow_core::Error>(())
//! ```

#[cfg(feature = "bigquery")]
pub mod bigquery;
#[cfg(feature = "files")]
pub mod files;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "gcp")]
pub mod gcp;
#[cfg(feature = "gcs")]
pub mod gcs;
mod generator;
#[cfg(feature = "pubsub")]
pub mod pubsub;

pub use generator::{Generator, GeneratorReader, GeneratorSplit};
