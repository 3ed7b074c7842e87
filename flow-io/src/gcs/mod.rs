//! Google Cloud Storage: `gs://bucket/name` wherever [`files`](crate::files) are read and written.
//!
//! [`TextFiles`](crate::files::TextFiles), [`JsonFiles`](crate::files::JsonFiles) and `ParquetFiles` take `gs://` as
//! they take paths of this machine; what is here beside them serves pipelines that are told of objects, as by the
//! notifications that a bucket sends to Pub/Sub.

mod access;
mod bucket;
mod download;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod name;
mod object_ref;
mod objects;
mod patience;
mod settings;
mod staging;
mod step;
mod upload;

pub(crate) use bucket::Bucket;
pub use object_ref::ObjectRef;
pub(crate) use objects::Objects;
pub(crate) use settings::Settings;
pub use step::{ReadObjects, read_objects};
