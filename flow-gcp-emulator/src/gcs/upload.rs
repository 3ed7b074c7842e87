//! Uploads: whole with multipart bodies, or in chunks.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};

use super::Gcs;
use super::condition::Condition;
use super::multipart;
use super::object::Object;
use super::objects::Problem;
use super::resumable::{ContentRange, Progress, Session};
use crate::rest::{Params, object};
use crate::{Refused, refused};

pub(crate) fn routes() -> Router<Gcs> {
    Router::new().route("/upload/storage/v1/b/{bucket}/o", post(insert).put(put_chunk).delete(cancel))
}

async fn insert(
    State(gcs): State<Gcs>,
    Path(bucket): Path<String>,
    params: Params,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    match params.get("uploadType").map(String::as_str) {
        Some("multipart") => gcs.insert_multipart(&bucket, &params, &headers, &body),
        Some("resumable") => gcs.start(bucket, &params, &body),
        Some("media") => {
            let mut resource = Map::new();
            if let Some(kind) = text(&headers, "content-type") {
                resource.insert("contentType".into(), kind.into());
            }
            gcs.insert_whole(&bucket, &params, resource, body)
        }
        _ => Err(Refused::invalid("uploadType is one of media, multipart and resumable").into()),
    }
}

async fn put_chunk(State(gcs): State<Gcs>, params: Params, headers: HeaderMap, body: Bytes) -> Response {
    let id = params.get("upload_id").map(String::as_str).unwrap_or_default();
    let size = body.len() as u64;
    let whole = ContentRange { bytes: (size > 0).then_some((0, size)), total: Some(size) };
    let range = match text(&headers, "content-range").map(ContentRange::parse) {
        None => whole,
        Some(Some(range)) => range,
        Some(None) => return Refused::invalid("Content-Range cannot be read").into_response(),
    };
    match gcs.sessions.put(id, range, body) {
        Progress::Unknown => refused::json(404, "there is no such upload", "notFound"),
        Progress::Wrong(what) => Refused::invalid(what).into_response(),
        Progress::Done(bucket, object) => Json(object.json(&bucket)).into_response(),
        Progress::Kept(bytes) => resume_incomplete(bytes),
        Progress::Complete(session) => gcs.finish(id, session, &headers),
    }
}

async fn cancel(State(gcs): State<Gcs>, params: Params) -> StatusCode {
    let id = params.get("upload_id").map(String::as_str).unwrap_or_default();
    let cancelled = StatusCode::from_u16(499).unwrap_or(StatusCode::NO_CONTENT);
    if gcs.sessions.cancel(id) { cancelled } else { StatusCode::NOT_FOUND }
}

impl Gcs {
    fn insert_multipart(
        &self,
        bucket: &str,
        params: &Params,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Response, Problem> {
        let malformed = || Refused::invalid("the body is not multipart/related with metadata and media");
        let parts = text(headers, "content-type").and_then(|kind| multipart::parts(body, kind));
        let parts = parts.ok_or_else(malformed)?;
        let [metadata, media, rest @ ..] = &parts[..] else { return Err(malformed().into()) };
        let mut resource = object(metadata)?;
        for checksums in rest {
            resource.extend(object(checksums)?);
        }
        self.insert_whole(bucket, params, resource, media.clone())
    }

    fn insert_whole(
        &self,
        bucket: &str,
        params: &Params,
        resource: Map<String, Value>,
        bytes: Bytes,
    ) -> Result<Response, Problem> {
        let object = Object::of(&name(params, &resource), bytes, &resource);
        check_sum(&object, resource.get("crc32c").and_then(Value::as_str))?;
        let object = self.objects.store(bucket, object, Condition::of(params))?;
        Ok(Json(object.json(bucket)).into_response())
    }

    fn start(&self, bucket: String, params: &Params, body: &Bytes) -> Result<Response, Problem> {
        self.objects.state().bucket(&bucket)?;
        let resource = object(body)?;
        let (name, condition) = (name(params, &resource), Condition::of(params));
        let path = format!("/upload/storage/v1/b/{bucket}/o?uploadType=resumable");
        let session = Session { bucket, name, resource, condition, bytes: BytesMut::new(), done: None };
        let id = self.sessions.start(session);
        Ok([(header::LOCATION, format!("{}{path}&upload_id={id}", self.base))].into_response())
    }

    fn finish(&self, id: &str, session: Session, headers: &HeaderMap) -> Response {
        let Session { bucket, name, resource, condition, bytes, .. } = session;
        let object = Object::of(&name, bytes.freeze(), &resource);
        let said = text(headers, "x-goog-hash").and_then(|hash| {
            let mut sums = hash.split(',').map(str::trim);
            sums.find_map(|sum| sum.strip_prefix("crc32c="))
        });
        let sum = said.or_else(|| resource.get("crc32c").and_then(Value::as_str));
        let stored = check_sum(&object, sum)
            .map_err(Problem::from)
            .and_then(|()| self.objects.store(&bucket, object, condition));
        match stored {
            Ok(object) => {
                self.sessions.done(id, &object);
                Json(object.json(&bucket)).into_response()
            }
            Err(problem) => problem.into_response(),
        }
    }
}

/// The answer to a chunk that is not the last.
fn resume_incomplete(kept: u64) -> Response {
    let mut response = StatusCode::PERMANENT_REDIRECT.into_response();
    if let Some(last) = kept.checked_sub(1)
        && let Ok(range) = format!("bytes=0-{last}").parse()
    {
        response.headers_mut().insert(header::RANGE, range);
    }
    response
}

fn check_sum(object: &Object, said: Option<&str>) -> Result<(), Refused> {
    let is = object.checksum();
    match said {
        Some(said) if said != is => {
            let what = format!("Provided CRC32C \"{said}\" doesn't match calculated CRC32C \"{is}\".");
            Err(Refused::invalid(what))
        }
        _ => Ok(()),
    }
}

/// The name of an object is a parameter, or in its metadata.
fn name(params: &Params, resource: &Map<String, Value>) -> String {
    let named = || resource.get("name").and_then(Value::as_str).map(str::to_owned);
    params.get("name").cloned().or_else(named).unwrap_or_default()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
