//! The names of calls of the JSON API.

use std::borrow::Cow;

use axum::http::Method;

pub(crate) fn call_name(method: &Method, path: &str, query: &str) -> Option<Cow<'static, str>> {
    if path.starts_with("/upload/storage/v1/") {
        return Some(Cow::Borrowed(match method.as_str() {
            "POST" if query.contains("uploadType=resumable") => "storage.resumable.start",
            "POST" => "storage.insert",
            "DELETE" => "storage.resumable.cancel",
            _ => "storage.resumable.put",
        }));
    }
    let mut parts = path.strip_prefix("/storage/v1/b")?.split('/').skip(1);
    let name = match (method.as_str(), parts.next(), parts.next(), parts.next()) {
        ("GET", None, ..) => "storage.buckets.list",
        ("POST", None, ..) => "storage.buckets.insert",
        ("GET", Some(_), None, _) => "storage.buckets.get",
        ("DELETE", Some(_), None, _) => "storage.buckets.delete",
        (_, _, Some("notificationConfigs"), _) => "storage.notifications",
        ("GET", _, Some("o"), None) => "storage.objects.list",
        ("GET", _, Some("o"), _) if query.contains("alt=media") => "storage.get",
        ("GET", _, Some("o"), _) => "storage.objects.get",
        ("DELETE", _, Some("o"), _) => "storage.objects.delete",
        _ => "storage.other",
    };
    Some(Cow::Borrowed(name))
}
