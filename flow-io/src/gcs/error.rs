//! What the service's errors mean to a user.

use flow_core::{Error, ErrorKind};
use google_cloud_gax::error::rpc::Code;
use google_cloud_storage::Error as GcsError;

use crate::gcp::Plain;

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Missing,
    Denied,
    /// The object is not as the request wants it.
    Unmet,
    Other,
}

pub(super) fn answer(error: &GcsError) -> Answer {
    if error.is_authentication() {
        return Answer::Denied;
    }
    match (error.http_status_code(), error.status().map(|status| status.code)) {
        (Some(404), _) | (None, Some(Code::NotFound)) => Answer::Missing,
        (Some(401 | 403), _) | (None, Some(Code::Unauthenticated | Code::PermissionDenied)) => Answer::Denied,
        (Some(412), _) | (None, Some(Code::FailedPrecondition)) => Answer::Unmet,
        _ => Answer::Other,
    }
}

/// The error of a request that concerns a bucket as a whole, with what to do.
pub(super) fn of_bucket(kind: ErrorKind, doing: &str, bucket: &str, error: GcsError) -> Error {
    let role =
        if kind == ErrorKind::Sink { "roles/storage.objectAdmin" } else { "roles/storage.objectViewer" };
    match answer(&error) {
        Answer::Missing => Error::config(format!(
            "bucket `{bucket}` does not exist: create it, as with `gcloud storage buckets create gs://{bucket}`"
        )),
        Answer::Denied => Error::config(format!(
            "bucket `{bucket}` does not let us in: give the account of the credentials the role {role} on it"
        )),
        _ => Error::new(kind, doing.to_owned()),
    }
    .caused_by(Plain::of(&error))
}
