use std::time::Duration;

use gcp_bigquery_client::google::cloud::bigquery::storage::v1 as api;
use prost_types::DescriptorProto;
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use crate::bigquery::service::Storage;

/// One connection, on which requests are answered in order.
pub(super) struct Line {
    requests: mpsc::Sender<api::AppendRowsRequest>,
    answers: Streaming<api::AppendRowsResponse>,
}

/// How many appends may be unanswered.
pub(super) const PIPELINE: usize = 16;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(1);

impl Line {
    /// Connects with the first request, for the service says nothing before it has one.
    pub(super) async fn open(
        storage: &Storage,
        stream: &str,
        first: api::AppendRowsRequest,
    ) -> Result<Self, Status> {
        let (requests, wanted) = mpsc::channel(PIPELINE);
        requests.try_send(first).expect("a new channel has room");
        let wanted = futures::stream::unfold(wanted, |mut wanted| async {
            let request = wanted.recv().await?;
            Some((request, wanted))
        });
        let request = storage.request(wanted, &format!("write_stream={stream}")).await?;
        let mut client = storage.client();
        let answers = within(client.append_rows(request)).await?.into_inner();
        Ok(Line { requests, answers })
    }

    /// Sends a request; one that gets lost is noticed by its missing answer.
    pub(super) async fn send(&self, request: api::AppendRowsRequest) {
        let _ = self.requests.send(request).await;
    }

    /// The next answer; none when the service has ended the stream.
    pub(super) async fn answer(&mut self) -> Result<Option<api::AppendRowsResponse>, Status> {
        within(self.answers.message()).await
    }
}

async fn within<R>(answer: impl Future<Output = Result<R, Status>>) -> Result<R, Status> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(Status::deadline_exceeded("no answer came")),
    }
}

/// The request that appends rows. The first on a line says what the rows look like.
pub(super) fn request(
    stream: &str,
    offset: Option<i64>,
    rows: Vec<Vec<u8>>,
    descriptor: Option<&DescriptorProto>,
) -> api::AppendRowsRequest {
    let writer_schema = descriptor.map(|d| api::ProtoSchema { proto_descriptor: Some(d.clone()) });
    let rows = api::ProtoRows { serialized_rows: rows };
    let data = api::append_rows_request::ProtoData { writer_schema, rows: Some(rows) };
    api::AppendRowsRequest {
        write_stream: stream.to_owned(),
        offset,
        trace_id: "flow".to_owned(),
        rows: Some(api::append_rows_request::Rows::ProtoRows(data)),
        ..Default::default()
    }
}
