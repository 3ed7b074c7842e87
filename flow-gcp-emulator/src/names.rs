//! The names of calls, for counters and faults.

use std::borrow::Cow;

use axum::http::{Method, Uri};

/// What a request asks for: `pubsub.Publish`, `storage.insert`, or `other`.
pub(crate) fn of(method: &Method, uri: &Uri) -> Cow<'static, str> {
    let path = uri.path();
    grpc(path)
        .or_else(|| crate::pubsub::call_name(method, path))
        .or_else(|| crate::gcs::call_name(method, path, uri.query().unwrap_or_default()))
        .or_else(|| crate::bigquery::call_name(method, path))
        .unwrap_or(Cow::Borrowed("other"))
}

fn grpc(path: &str) -> Option<Cow<'static, str>> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    let prefix = match service {
        "google.pubsub.v1.Publisher" | "google.pubsub.v1.Subscriber" => "pubsub",
        "google.storage.v2.Storage" => "storage",
        "google.cloud.bigquery.storage.v1.BigQueryWrite" => "bigquery",
        _ => return None,
    };
    Some(Cow::Owned(format!("{prefix}.{method}")))
}
