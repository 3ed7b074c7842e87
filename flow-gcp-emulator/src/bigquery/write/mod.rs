//! The Storage Write API: rows in protocol buffers, by streams that show them at once, when flushed or when committed.

mod append;
mod change;
mod proto;
mod schema;
mod stream;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use futures::stream as futures_stream;
use googleapis_tonic_google_cloud_bigquery_storage_v1::google::cloud::bigquery::storage::v1 as api;
use tonic::Status;

pub(crate) use stream::Stream;

use super::Service;
use super::error::Error;
use crate::grpc;

pub(super) fn routes(service: Service) -> Router {
    let path = |method: &str| format!("/google.cloud.bigquery.storage.v1.BigQueryWrite/{method}");
    Router::new()
        .route(&path("CreateWriteStream"), post(create))
        .route(&path("GetWriteStream"), post(get))
        .route(&path("AppendRows"), post(append_rows))
        .route(&path("FlushRows"), post(flush))
        .route(&path("FinalizeWriteStream"), post(finalize))
        .route(&path("BatchCommitWriteStreams"), post(commit))
        .with_state(service)
}

/// The same error in gRPC's codes.
pub(super) fn status_of(error: Error) -> Status {
    match error.code() {
        404 => Status::not_found(error.message),
        409 => Status::already_exists(error.message),
        500 => Status::internal(error.message),
        _ => Status::invalid_argument(error.message),
    }
}

async fn create(State(service): State<Service>, request: Request) -> Response {
    grpc::unary(request, |message: api::CreateWriteStreamRequest| {
        let created = service.lock().create_stream(&message, service.now());
        async move { created.map_err(status_of) }
    })
    .await
}

async fn get(State(service): State<Service>, request: Request) -> Response {
    grpc::unary(request, |message: api::GetWriteStreamRequest| {
        let found = service.lock().get_stream(&message.name);
        async move { found.map_err(status_of) }
    })
    .await
}

async fn flush(State(service): State<Service>, request: Request) -> Response {
    grpc::unary(request, |message: api::FlushRowsRequest| {
        let flushed = service.lock().flush_stream(&message);
        async move { flushed.map_err(status_of) }
    })
    .await
}

async fn finalize(State(service): State<Service>, request: Request) -> Response {
    grpc::unary(request, |message: api::FinalizeWriteStreamRequest| {
        let finalized = service.lock().finalize_stream(&message.name);
        async move { finalized.map_err(status_of) }
    })
    .await
}

async fn commit(State(service): State<Service>, request: Request) -> Response {
    grpc::unary(request, |message: api::BatchCommitWriteStreamsRequest| {
        let committed = service.lock().commit_streams(&message, service.now());
        async move { committed.map_err(status_of) }
    })
    .await
}

async fn append_rows(State(service): State<Service>, request: Request) -> Response {
    grpc::streaming(request, |incoming: tonic::Streaming<api::AppendRowsRequest>| {
        let start = (incoming, append::Appender::new(service.clone()));
        let answers = futures_stream::try_unfold(start, |(mut incoming, mut appender)| async move {
            let Some(request) = incoming.message().await? else { return Ok(None) };
            let answer = appender.answer(request).await?;
            Ok::<_, Status>(answer.map(|answer| (answer, (incoming, appender))))
        });
        async move { Ok(answers) }
    })
    .await
}

/// Reads bytes as a row, by a description that fits the schema; and as a description.
#[cfg(any(test, fuzzing))]
pub(super) fn check_row(data: &[u8], schema: &super::schema::Schema) {
    proto::check(data, schema);
}
