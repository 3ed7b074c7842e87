//! What the connectors of Google Cloud share: where the services are, who we are, and how requests are repeated.
//!
//! Every connector takes a [`GoogleCloud`] by its method `on`; without it, [`GoogleCloud::from_env`] holds: the real
//! services with the application default credentials, or emulators where the usual variables say so.

mod clients;
mod cloud;
mod fault;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod name;
mod official;
mod plain;
mod retry;
mod traffic;

#[cfg(feature = "pubsub")]
pub(crate) use clients::Once;
#[cfg(any(feature = "pubsub", feature = "gcs"))]
pub(crate) use clients::configured;
pub use cloud::{GoogleCloud, Service};
pub(crate) use fault::Fault;
pub(crate) use name::check_id;
#[cfg(any(feature = "gcs", feature = "bigquery"))]
pub(crate) use name::unique;
pub(crate) use plain::{Plain, plain};
pub use retry::Retry;
pub(crate) use retry::{Retrying, Tries};
pub(crate) use traffic::Traffic;
