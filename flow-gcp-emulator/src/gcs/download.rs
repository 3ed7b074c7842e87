//! Reading objects.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::object::Object;

/// Part of an object: the first byte, and the one after the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
}

/// The bytes of an object, or of the range that was asked for.
pub(crate) fn media(object: &Object, headers: &HeaderMap) -> Response {
    let size = object.bytes.len();
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let (status, span) = match range.and_then(|range| range.strip_prefix("bytes=")) {
        None => (StatusCode::OK, Span { start: 0, end: size }),
        Some(range) => match Span::parse(range, size) {
            None => return (StatusCode::RANGE_NOT_SATISFIABLE, "Range not satisfiable").into_response(),
            Some(span) => (StatusCode::PARTIAL_CONTENT, span),
        },
    };
    let mut response = Response::new(Body::from(object.bytes.slice(span.start..span.end)));
    *response.status_mut() = status;
    describe(object, response.headers_mut());
    if status == StatusCode::PARTIAL_CONTENT {
        let said = format!("bytes {}-{}/{size}", span.start, span.end - 1);
        set(response.headers_mut(), header::CONTENT_RANGE, &said);
    }
    response
}

fn describe(object: &Object, headers: &mut HeaderMap) {
    let size = object.bytes.len().to_string();
    let goog = |name: &str| HeaderName::try_from(format!("x-goog-{name}"));
    let said = [
        ("generation", object.generation.to_string()),
        ("metageneration", object.metageneration.to_string()),
        ("stored-content-length", size),
        ("stored-content-encoding", "identity".to_owned()),
        ("storage-class", "STANDARD".to_owned()),
        ("hash", format!("crc32c={}", object.checksum())),
    ];
    let metadata = object.metadata.iter().map(|(name, value)| (format!("meta-{name}"), value.clone()));
    for (name, value) in said.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(metadata) {
        if let Ok(name) = goog(&name) {
            set(headers, name, &value);
        }
    }
    set(headers, header::ETAG, &object.etag());
    let kind = object.content_type.as_deref().unwrap_or("application/octet-stream");
    set(headers, header::CONTENT_TYPE, kind);
}

/// What cannot be a header is left out.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

impl Span {
    /// `10-19`, `10-` or `-5`; none if nothing of it is within the object.
    fn parse(range: &str, size: usize) -> Option<Self> {
        let (from, to) = range.split_once('-')?;
        let span = match (from, to) {
            ("", last) => Span { start: size.saturating_sub(last.parse().ok()?), end: size },
            (first, "") => Span { start: first.parse().ok()?, end: size },
            (first, last) => Span {
                start: first.parse().ok()?,
                end: last.parse::<usize>().ok()?.saturating_add(1).min(size),
            },
        };
        (span.start < span.end).then_some(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_object() {
        let span = |range| Span::parse(range, 10).map(|span| (span.start, span.end));
        assert_eq!(span("2-4"), Some((2, 5)));
        assert_eq!(span("2-"), Some((2, 10)));
        assert_eq!(span("-3"), Some((7, 10)));
        assert_eq!(span("8-100"), Some((8, 10)));
        assert_eq!(span("-100"), Some((0, 10)));
        assert_eq!(span("10-"), None);
        assert_eq!(span("4-2"), None);
        assert_eq!(span("x-y"), None);
    }
}
