//! What the REST services share.

use std::collections::HashMap;

use axum::extract::Query;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::Refused;

/// The parameters of a URL.
pub(crate) type Params = Query<HashMap<String, String>>;

/// A moment as text, `2024-05-01T12:00:00.5Z`.
pub(crate) fn time(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).unwrap_or_default().to_string()
}

/// An object of JSON; no body is an empty one.
pub(crate) fn object(body: &Bytes) -> Result<Map<String, Value>, Refused> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(body)
        .map_err(|e| Refused::invalid(format!("the body is not an object of JSON: {e}")))
}

/// A page of a list, and the token of the next; tokens are the number of the first item.
pub(crate) fn page(field: &str, items: Vec<Value>, params: &HashMap<String, String>) -> Value {
    let number = |name| params.get(name).and_then(|n: &String| n.parse::<usize>().ok());
    let first = number("pageToken").unwrap_or(0);
    let size = number("pageSize").filter(|size| *size > 0).unwrap_or(1_000);
    let all = items.len();
    let mut page = json!({ field: items.into_iter().skip(first).take(size).collect::<Vec<_>>() });
    if first + size < all {
        page["nextPageToken"] = json!((first + size).to_string());
    }
    page
}
