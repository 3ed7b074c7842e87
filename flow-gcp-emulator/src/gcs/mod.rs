//! Google Cloud Storage: objects over JSON, control over JSON and gRPC.

mod buckets;
mod condition;
mod control;
mod download;
mod folder;
mod json;
mod list;
mod multipart;
mod names;
mod object;
mod objects;
mod resumable;
mod upload;

use axum::Router;
use axum::extract::DefaultBodyLimit;

pub(crate) use self::names::call_name;
pub use self::object::Object;
pub use self::objects::Objects;
use self::resumable::Sessions;

/// The service: the objects, and the uploads that have begun.
#[derive(Clone, Debug)]
pub(crate) struct Gcs {
    objects: Objects,
    sessions: Sessions,
    /// Where this server is. Uploads are sent there, since clients leave the port out of the `Host` header.
    base: String,
}

impl Gcs {
    pub(crate) fn new(objects: Objects, faults: crate::Faults, base: String) -> Self {
        Gcs { objects, sessions: Sessions::new(faults), base }
    }

    pub(crate) fn routes(&self) -> Router {
        json::routes()
            .merge(upload::routes())
            .merge(control::routes())
            .layer(DefaultBodyLimit::disable())
            .with_state(self.clone())
    }
}
