//! The JSON API, but for uploads.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};

use super::Gcs;
use super::condition::{Condition, Unmet};
use super::download;
use super::list::Listing;
use super::objects::{Problem, bucket_json};
use crate::refused;
use crate::rest::{Params, object, page};

pub(crate) fn routes() -> Router<Gcs> {
    Router::new()
        .route("/storage/v1/b", get(list_buckets).post(insert_bucket))
        .route("/storage/v1/b/{bucket}", get(get_bucket).delete(delete_bucket))
        .route("/storage/v1/b/{bucket}/o", get(list_objects))
        .route("/storage/v1/b/{bucket}/o/{object}", get(get_object).delete(delete_object))
        .route(
            "/storage/v1/b/{bucket}/notificationConfigs",
            get(list_notifications).post(insert_notification),
        )
        .route("/storage/v1/b/{bucket}/notificationConfigs/{id}", axum::routing::delete(delete_notification))
}

async fn list_buckets(State(gcs): State<Gcs>, mut params: Params) -> Json<Value> {
    let prefix = params.get("prefix").cloned().unwrap_or_default();
    if let Some(size) = params.get("maxResults").cloned() {
        params.insert("pageSize".to_owned(), size);
    }
    let state = gcs.objects.state();
    let buckets = state.buckets.iter().filter(|(name, _)| name.starts_with(&prefix));
    Json(page("items", buckets.map(|(name, bucket)| bucket_json(name, bucket)).collect(), &params))
}

async fn insert_bucket(State(gcs): State<Gcs>, params: Params, body: Bytes) -> Result<Json<Value>, Problem> {
    let resource = object(&body)?;
    let name = resource.get("name").and_then(Value::as_str).unwrap_or_default();
    let project = params.get("project").map(String::as_str).unwrap_or_default();
    let bucket = gcs.objects.insert_bucket(name, project)?;
    Ok(Json(bucket_json(name, &bucket)))
}

async fn get_bucket(State(gcs): State<Gcs>, Path(bucket): Path<String>) -> Result<Json<Value>, Problem> {
    let mut state = gcs.objects.state();
    Ok(Json(bucket_json(&bucket, state.bucket(&bucket)?)))
}

async fn delete_bucket(State(gcs): State<Gcs>, Path(bucket): Path<String>) -> Response {
    match gcs.objects.remove_bucket(&bucket) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refused) if refused.code() == tonic::Code::FailedPrecondition => {
            refused::json(409, &refused.to_string(), "conflict")
        }
        Err(refused) => refused.into_response(),
    }
}

async fn list_objects(
    State(gcs): State<Gcs>,
    Path(bucket): Path<String>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    let text = |name| params.get(name).cloned().unwrap_or_default();
    let listing = Listing {
        prefix: text("prefix"),
        delimiter: text("delimiter"),
        start: text("startOffset"),
        end: text("endOffset"),
        page_size: text("maxResults").parse().unwrap_or(0),
        page_token: text("pageToken"),
    };
    let page = gcs.objects.page(&bucket, &listing)?;
    let items: Vec<_> = page.objects.iter().map(|object| object.json(&bucket)).collect();
    let mut json = json!({ "kind": "storage#objects", "items": items });
    if !page.prefixes.is_empty() {
        json["prefixes"] = json!(page.prefixes);
    }
    if !page.next.is_empty() {
        json["nextPageToken"] = json!(page.next);
    }
    Ok(Json(json))
}

async fn get_object(
    State(gcs): State<Gcs>,
    Path((bucket, name)): Path<(String, String)>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let object = gcs.objects.find(&bucket, &name, generation(&params), Condition::of(&params))?;
    if params.get("alt").is_some_and(|alt| alt == "media") {
        return Ok(download::media(&object, &headers));
    }
    Ok(Json(object.json(&bucket)).into_response())
}

async fn delete_object(
    State(gcs): State<Gcs>,
    Path((bucket, name)): Path<(String, String)>,
    params: Params,
) -> Result<StatusCode, Problem> {
    gcs.objects.remove(&bucket, &name, generation(&params), Condition::of(&params))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list_notifications(
    State(gcs): State<Gcs>,
    Path(bucket): Path<String>,
) -> Result<Json<Value>, Problem> {
    let mut state = gcs.objects.state();
    let all = &state.bucket(&bucket)?.notifications;
    let items: Vec<_> = all.iter().map(|n| notification(n.id, &n.topic, &n.prefix)).collect();
    Ok(Json(json!({ "kind": "storage#notifications", "items": items })))
}

async fn insert_notification(
    State(gcs): State<Gcs>,
    Path(bucket): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let resource = object(&body)?;
    let text = |name| resource.get(name).and_then(Value::as_str).unwrap_or_default();
    let n = gcs.objects.insert_notification(&bucket, text("topic"), text("object_name_prefix"))?;
    Ok(Json(notification(n.id, &n.topic, &n.prefix)))
}

async fn delete_notification(
    State(gcs): State<Gcs>,
    Path((bucket, id)): Path<(String, u64)>,
) -> Result<StatusCode, Problem> {
    gcs.objects.remove_notification(&bucket, id)?;
    Ok(StatusCode::NO_CONTENT)
}

fn notification(id: u64, topic: &str, prefix: &str) -> Value {
    json!({
        "kind": "storage#notification",
        "id": id.to_string(),
        "topic": format!("//pubsub.googleapis.com/{topic}"),
        "object_name_prefix": prefix,
        "event_types": ["OBJECT_FINALIZE"],
        "payload_format": "JSON_API_V1",
    })
}

fn generation(params: &Params) -> Option<i64> {
    params.get("generation").and_then(|generation| generation.parse().ok())
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        match self {
            Problem::Refused(refused) => refused.into_response(),
            Problem::Unmet(Unmet::NotModified) => StatusCode::NOT_MODIFIED.into_response(),
            Problem::Unmet(Unmet::Differs) => refused::json(412, UNMET, "conditionNotMet"),
        }
    }
}

pub(crate) const UNMET: &str = "At least one of the pre-conditions you specified did not hold.";
