//! The REST API: paths, parameters and bodies.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;

use super::Service;
use super::error::{Error, Result};
use super::insert_all;
use super::output::Form;
use super::state::{DatasetName, State, TableName};
use super::tabledata::Page;
use crate::faults::Fault;
use crate::rest::Params;

const LARGEST_BODY: usize = 10 << 20;

pub(super) fn routes(service: Service) -> Router {
    let project = "/projects/{p}";
    let dataset = format!("{project}/datasets/{{d}}");
    let table = format!("{dataset}/tables/{{t}}");
    let api = Router::new()
        .route(&format!("{project}/datasets"), post(create_dataset).get(list_datasets))
        .route(&dataset, get(get_dataset).patch(update_dataset).put(update_dataset).delete(delete_dataset))
        .route(&format!("{dataset}/tables"), post(create_table).get(list_tables))
        .route(&table, get(get_table).patch(update_table).put(update_table).delete(delete_table))
        .route(&format!("{table}/insertAll"), post(insert_all))
        .route(&format!("{table}/data"), get(list_rows))
        .route(&format!("{project}/queries"), post(query))
        .route(&format!("{project}/queries/{{j}}"), get(query_results))
        .route(&format!("{project}/jobs"), post(insert_job))
        .route(&format!("{project}/jobs/{{j}}"), get(get_job))
        .with_state(service);
    Router::new().nest("/bigquery/v2", api.clone()).merge(api)
}

/// The name of a call for counters and faults: `bigquery.insertAll`, `bigquery.tables.get`, ...
pub(crate) fn call_name(method: &Method, path: &str) -> Option<Cow<'static, str>> {
    let path = path.strip_prefix("/bigquery/v2").unwrap_or(path);
    let parts: Vec<_> = path.strip_prefix("/projects/")?.split('/').skip(1).collect();
    let (resource, one) = match parts[..] {
        ["datasets"] => ("datasets", false),
        ["datasets", _] => ("datasets", true),
        ["datasets", _, "tables"] => ("tables", false),
        ["datasets", _, "tables", _] => ("tables", true),
        ["datasets", _, "tables", _, "insertAll"] => return Some("bigquery.insertAll".into()),
        ["datasets", _, "tables", _, "data"] => return Some("bigquery.tabledata.list".into()),
        ["queries"] => return Some("bigquery.jobs.query".into()),
        ["queries", _] => return Some("bigquery.jobs.getQueryResults".into()),
        ["jobs"] => ("jobs", false),
        ["jobs", _] => ("jobs", true),
        _ => return None,
    };
    let verb = match *method {
        Method::GET if one => "get",
        Method::GET => "list",
        Method::POST => "insert",
        Method::PATCH => "patch",
        Method::PUT => "update",
        Method::DELETE => "delete",
        _ => return None,
    };
    Some(format!("bigquery.{resource}.{verb}").into())
}

/// The body as JSON, out of gzip if it says so.
async fn json(headers: &HeaderMap, body: Body) -> Result<Value> {
    let too_large = || {
        let text = format!("Request payload size exceeds the limit: {LARGEST_BODY} bytes.");
        Error::new(413, "uploadTooLarge", text)
    };
    let raw = to_bytes(body, LARGEST_BODY).await.map_err(|_| too_large())?;
    let zipped = headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip");
    let raw = if zipped { unzip(&raw)? } else { raw };
    if raw.len() > LARGEST_BODY {
        return Err(too_large());
    }
    if raw.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&raw)
        .map_err(|error| Error::new(400, "parseError", format!("Parse Error: {error}")))
}

/// Stops one byte behind the limit, so that a small body cannot fill the memory.
fn unzip(raw: &[u8]) -> Result<Bytes> {
    let mut plain = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(raw).take(LARGEST_BODY as u64 + 1);
    reader
        .read_to_end(&mut plain)
        .map_err(|error| Error::new(400, "badRequest", format!("broken gzip: {error}")))?;
    Ok(plain.into())
}

fn answer(result: Result<Value>) -> Response {
    match result {
        Ok(json) => Json(json).into_response(),
        Err(error) => error.into_response(),
    }
}

fn deleted(result: Result<()>) -> Response {
    match result {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => error.into_response(),
    }
}

impl Service {
    /// Reads the body and does something with it under the lock.
    async fn with_body(
        &self,
        headers: &HeaderMap,
        body: Body,
        act: impl FnOnce(&mut State, Value) -> Result<Value>,
    ) -> Response {
        match json(headers, body).await {
            Ok(json) => answer(act(&mut self.lock(), json)),
            Err(error) => error.into_response(),
        }
    }
}

async fn create_dataset(
    Shared(service): Shared<Service>,
    Path(p): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let now = service.now();
    service
        .with_body(&headers, body, |state, json| {
            let id = json["datasetReference"]["datasetId"].as_str().unwrap_or_default();
            state.create_dataset(&DatasetName::new(&p, id), json.clone(), now)
        })
        .await
}

async fn list_datasets(
    Shared(service): Shared<Service>,
    Path(p): Path<String>,
    Query(q): Params,
) -> Response {
    let all = service.lock().list_datasets(&p);
    let mut list = listed("bigquery#datasetList", "datasets", all, &q);
    list["etag"] = "\"1\"".into();
    Json(list).into_response()
}

async fn get_dataset(Shared(service): Shared<Service>, Path((p, d)): Path<(String, String)>) -> Response {
    answer(service.lock().dataset(&DatasetName::new(&p, &d)).cloned())
}

async fn update_dataset(
    Shared(service): Shared<Service>,
    Path((p, d)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    service
        .with_body(&headers, body, |state, json| state.update_dataset(&DatasetName::new(&p, &d), &json))
        .await
}

async fn delete_dataset(
    Shared(service): Shared<Service>,
    Path((p, d)): Path<(String, String)>,
    Query(q): Params,
) -> Response {
    let contents = q.get("deleteContents").is_some_and(|value| value == "true");
    deleted(service.lock().delete_dataset(&DatasetName::new(&p, &d), contents))
}

async fn create_table(
    Shared(service): Shared<Service>,
    Path((p, d)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let now = service.now();
    service
        .with_body(&headers, body, |state, json| {
            let id = json["tableReference"]["tableId"].as_str().unwrap_or_default();
            state.create_table(&TableName::new(&p, &d, id), json.clone(), now)
        })
        .await
}

async fn list_tables(
    Shared(service): Shared<Service>,
    Path((p, d)): Path<(String, String)>,
    Query(q): Params,
) -> Response {
    let all = service.lock().list_tables(&DatasetName::new(&p, &d));
    answer(all.map(|all| {
        let total = all.len();
        let mut list = listed("bigquery#tableList", "tables", all, &q);
        list["totalItems"] = total.into();
        list
    }))
}

/// A page of a list.
fn listed(kind: &str, name: &str, all: Vec<Value>, q: &HashMap<String, String>) -> Value {
    let page = page(q);
    let total = all.len() as u64;
    let shown: Vec<Value> = all
        .into_iter()
        .skip(page.start as usize)
        .take(usize::try_from(page.most).unwrap_or(usize::MAX))
        .collect();
    let end = page.start + shown.len() as u64;
    let mut list = serde_json::json!({"kind": kind, name: shown});
    if end < total {
        list["nextPageToken"] = end.to_string().into();
    }
    list
}

async fn get_table(
    Shared(service): Shared<Service>,
    Path((p, d, t)): Path<(String, String, String)>,
) -> Response {
    answer(service.lock().table_resource(&TableName::new(&p, &d, &t)))
}

/// Changes a table: PATCH the fields that are there, PUT all.
async fn update_table(
    Shared(service): Shared<Service>,
    Path((p, d, t)): Path<(String, String, String)>,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let (now, whole) = (service.now(), method == Method::PUT);
    let name = TableName::new(&p, &d, &t);
    service.with_body(&headers, body, |state, json| state.update_table(&name, &json, whole, now)).await
}

async fn delete_table(
    Shared(service): Shared<Service>,
    Path((p, d, t)): Path<(String, String, String)>,
) -> Response {
    deleted(service.lock().delete_table(&TableName::new(&p, &d, &t)))
}

async fn insert_all(
    Shared(service): Shared<Service>,
    Path((p, d, t)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let now = service.now();
    let spoilt = service.faults().next("bigquery.insertAll.rows") == Some(Fault::RowErrors);
    let name = TableName::new(&p, &d, &t);
    service
        .with_body(&headers, body, |state, body| {
            state.insert_all(&name, &insert_all::Request { body, spoilt }, now)
        })
        .await
}

async fn list_rows(
    Shared(service): Shared<Service>,
    Path((p, d, t)): Path<(String, String, String)>,
    Query(q): Params,
) -> Response {
    let fields = q.get("selectedFields").map(String::as_str);
    answer(service.lock().list_rows(&TableName::new(&p, &d, &t), page(&q), form(&q), fields))
}

async fn query(
    Shared(service): Shared<Service>,
    Path(p): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let now = service.now();
    service.with_body(&headers, body, |state, json| state.query(&p, &json, now)).await
}

async fn query_results(
    Shared(service): Shared<Service>,
    Path(key): Path<(String, String)>,
    Query(q): Params,
) -> Response {
    answer(service.lock().query_results(&key, page(&q), form(&q)))
}

async fn insert_job(
    Shared(service): Shared<Service>,
    Path(p): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let now = service.now();
    let objects = service.objects().clone();
    service.with_body(&headers, body, |state, json| state.insert_job(&p, json, &objects, now)).await
}

async fn get_job(Shared(service): Shared<Service>, Path(key): Path<(String, String)>) -> Response {
    answer(service.lock().job(&key).map(|job| job.resource.clone()))
}

fn page(q: &HashMap<String, String>) -> Page {
    let number = |key: &str| q.get(key).and_then(|value| value.parse().ok());
    Page {
        start: number("pageToken").or(number("startIndex")).unwrap_or(0),
        most: number("maxResults").unwrap_or(u64::MAX),
    }
}

fn form(q: &HashMap<String, String>) -> Form {
    Form::Wire {
        int64_timestamp: q.get("formatOptions.useInt64Timestamp").is_some_and(|value| value == "true"),
    }
}
