//! AppendRows: one connection, each of its requests answered in order.

use std::future;
use std::sync::Arc;

use googleapis_tonic_google_cloud_bigquery_storage_v1::google::rpc;
use prost::Message;
use prost_types::{Any, DescriptorProto};
use tonic::{Code, Status};

use super::super::Service;
use super::super::error::Error;
use super::super::schema::Schema;
use super::super::state::{State, TableName, add_rows, insert_into};
use super::super::value::{Problem, Row};
use super::api::append_rows_request::Rows;
use super::api::append_rows_response::{AppendResult, Response};
use super::api::row_error::RowErrorCode;
use super::api::storage_error::StorageErrorCode;
use super::api::{AppendRowsRequest, AppendRowsResponse, RowError, StorageError};
use super::change::{Change, apply};
use super::proto::{Decoder, Mismatch};
use super::status_of;
use super::stream::parse_name;
use crate::faults::Fault;

const LARGEST_REQUEST: usize = 10 << 20;

/// What a connection remembers of its earlier requests.
#[derive(Debug)]
pub(super) struct Appender {
    service: Service,
    stream: String,
    descriptor: Option<DescriptorProto>,
    decoder: Option<Decoder>,
}

/// How a request ends: the stream goes on after an answer, also after an error in one.
enum Refusal {
    /// Told in the answer.
    Told(Box<AppendRowsResponse>),
    /// Ends the stream.
    Fatal(Status),
}

impl Refusal {
    fn told(answer: AppendRowsResponse) -> Self {
        Refusal::Told(Box::new(answer))
    }
}

type Outcome<T> = Result<T, Refusal>;

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::Fatal(status_of(error))
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Error::from(error).into()
    }
}

impl Appender {
    pub(super) fn new(service: Service) -> Self {
        Self { service, stream: String::new(), descriptor: None, decoder: None }
    }

    /// The answer to a request; none ends the stream in peace.
    pub(super) async fn answer(
        &mut self,
        request: AppendRowsRequest,
    ) -> Result<Option<AppendRowsResponse>, Status> {
        match self.service.faults().next("bigquery.AppendRows.append") {
            Some(Fault::LostAnswer) => {
                self.append(request, false)?;
                Err(Status::unavailable("planned fault: the connection broke"))
            }
            Some(Fault::LateAnswer) => {
                self.append(request, false)?;
                future::pending().await
            }
            Some(Fault::Hang) => future::pending().await,
            Some(Fault::Reset | Fault::Html | Fault::Status { .. }) => {
                Err(Status::unavailable("planned fault: the connection broke"))
            }
            Some(Fault::EndStream) => Ok(None),
            Some(Fault::Grpc(code)) => Ok(Some(told(&self.stream, code, "planned fault", None))),
            Some(Fault::Delay(by)) => {
                tokio::time::sleep(by).await;
                self.append(request, false).map(Some)
            }
            Some(Fault::RowErrors) => self.append(request, true).map(Some),
            _ => self.append(request, false).map(Some),
        }
    }

    fn append(&mut self, request: AppendRowsRequest, spoilt: bool) -> Result<AppendRowsResponse, Status> {
        match self.try_append(request, spoilt) {
            Ok(answer) => Ok(answer),
            Err(Refusal::Told(answer)) => Ok(*answer),
            Err(Refusal::Fatal(status)) => Err(status),
        }
    }

    fn try_append(&mut self, request: AppendRowsRequest, spoilt: bool) -> Outcome<AppendRowsResponse> {
        if request.encoded_len() > LARGEST_REQUEST {
            let text =
                format!("AppendRows request too large: {} limit {LARGEST_REQUEST}", request.encoded_len());
            return Err(Refusal::Fatal(Status::invalid_argument(text)));
        }
        self.meet(&request)?;
        let (table, default) = parse_name(&self.stream)?;
        let rows = match request.rows {
            Some(Rows::ProtoRows(data)) => {
                if let Some(schema) = data.writer_schema {
                    self.descriptor = schema.proto_descriptor;
                    self.decoder = None;
                }
                data.rows.map(|rows| rows.serialized_rows).unwrap_or_default()
            }
            _ => {
                return Err(Refusal::Fatal(Status::invalid_argument(
                    "the emulator takes rows as protocol buffers only",
                )));
            }
        };
        let service = self.service.clone();
        let mut state = service.lock();
        let schema = state.table_for_rows(&table)?.schema.clone();
        let (start, key) = if default {
            if request.offset.is_some() {
                return Err(Refusal::told(told(
                    &self.stream,
                    Code::InvalidArgument,
                    "the default stream takes no offsets",
                    None,
                )));
            }
            (None, state.table(&table)?.key.clone())
        } else {
            (Some(place(&state, &self.stream, request.offset)?), Vec::new())
        };
        let decoder = self.decoder(&schema)?;
        let mut good: Vec<(Change, Row)> = Vec::with_capacity(rows.len());
        let mut errors = Vec::new();
        for (index, bytes) in rows.iter().enumerate() {
            let row = if spoilt && index == 0 {
                Err(Problem::at("", "planned fault"))
            } else {
                decoder.row(bytes, &key)
            };
            match row {
                Ok(row) => good.push(row),
                Err(problem) => errors.push(row_error(index, &problem)),
            }
        }
        if !errors.is_empty() {
            let mut answer = told(
                &self.stream,
                Code::InvalidArgument,
                "Errors found while processing rows. Please refer to the row_errors field for details. The list may not be complete because of the size limitations.",
                None,
            );
            answer.row_errors = errors;
            return Err(Refusal::told(answer));
        }
        write(&mut state, &table, start.map(|_| self.stream.as_str()), good)?;
        let result = AppendResult { offset: start };
        Ok(AppendRowsResponse {
            write_stream: self.stream.clone(),
            response: Some(Response::AppendResult(result)),
            ..AppendRowsResponse::default()
        })
    }

    /// The first request names the stream; later ones may leave it out, or go on with another.
    fn meet(&mut self, request: &AppendRowsRequest) -> Outcome<()> {
        if request.write_stream.is_empty() && self.stream.is_empty() {
            return Err(Refusal::Fatal(Status::invalid_argument(
                "the first request must name a write stream",
            )));
        }
        if !request.write_stream.is_empty() && request.write_stream != self.stream {
            self.stream.clone_from(&request.write_stream);
            self.decoder = None;
        }
        Ok(())
    }

    /// The decoder for the schema as it is now.
    fn decoder(&mut self, schema: &Arc<Schema>) -> Outcome<&Decoder> {
        if self.decoder.as_ref().is_none_or(|decoder| !Arc::ptr_eq(&decoder.schema, schema)) {
            let missing =
                || Refusal::Fatal(Status::invalid_argument("the first request must carry a writer schema"));
            let descriptor = self.descriptor.as_ref().ok_or_else(missing)?;
            let decoder = Decoder::new(descriptor, schema).map_err(|mismatch| match mismatch {
                Mismatch::Other(text) => Refusal::Fatal(Status::invalid_argument(text)),
                Mismatch::Extra(field) => {
                    let text = format!("The proto field {field} does not match any column of the table");
                    let code = StorageErrorCode::SchemaMismatchExtraFields;
                    Refusal::told(told(&self.stream, Code::InvalidArgument, &text, Some(code)))
                }
            })?;
            self.decoder = Some(decoder);
        }
        Ok(self.decoder.as_ref().expect("it was made above"))
    }
}

/// Where the rows go in their stream, if that is where they are meant to go.
fn place(state: &State, name: &str, offset: Option<i64>) -> Outcome<i64> {
    let stream = state.stream(name)?;
    let refused = |code, text: &str, storage| Refusal::told(told(name, code, text, Some(storage)));
    if let Some(text) = stream.closed() {
        return Err(refused(Code::InvalidArgument, text, StorageErrorCode::StreamFinalized));
    }
    let next = stream.count;
    match offset.unwrap_or(next) {
        offset if offset == next => Ok(next),
        offset if offset < next => {
            let text = format!("The offset is within stream, expected offset {next}, received {offset}");
            Err(refused(Code::AlreadyExists, &text, StorageErrorCode::OffsetAlreadyExists))
        }
        offset => {
            let text = format!("The offset is beyond stream, expected offset {next}, received {offset}");
            Err(refused(Code::OutOfRange, &text, StorageErrorCode::OffsetOutOfRange))
        }
    }
}

/// Writes rows and the stream's new end, both or neither.
fn write(state: &mut State, name: &TableName, stream: Option<&str>, rows: Vec<(Change, Row)>) -> Outcome<()> {
    let count = rows.len() as i64;
    let Some(path) = stream else {
        let table = state.table(name)?;
        let transaction = state.db.unchecked_transaction()?;
        apply(&transaction, table, rows)?;
        return Ok(transaction.commit()?);
    };
    let columns = state.table(name)?.schema.fields.len();
    let mut stream = state.stream(path)?.clone();
    let transaction = state.db.unchecked_transaction()?;
    if stream.stages() {
        for at in stream.columns..columns {
            transaction.execute_batch(&format!("ALTER TABLE {} ADD COLUMN c{at}", stream.physical()))?;
        }
        stream.columns = columns;
        let insert = insert_into(&stream.physical(), columns);
        add_rows(&transaction, &insert, rows.into_iter().map(|(_, row)| row))?;
    } else {
        apply(&transaction, state.table(name)?, rows)?;
    }
    stream.count += count;
    stream.keep(&transaction, path)?;
    transaction.commit()?;
    state.streams.insert(path.into(), stream);
    Ok(())
}

fn told(stream: &str, code: Code, text: &str, storage: Option<StorageErrorCode>) -> AppendRowsResponse {
    let detail = |code: StorageErrorCode| Any {
        type_url: "type.googleapis.com/google.cloud.bigquery.storage.v1.StorageError".into(),
        value: StorageError { code: code as i32, entity: stream.into(), error_message: text.into() }
            .encode_to_vec(),
    };
    let status = rpc::Status {
        code: code as i32,
        message: text.into(),
        details: storage.map(detail).into_iter().collect(),
    };
    AppendRowsResponse {
        write_stream: stream.into(),
        response: Some(Response::Error(status)),
        ..AppendRowsResponse::default()
    }
}

fn row_error(index: usize, problem: &Problem) -> RowError {
    let place =
        if problem.location.is_empty() { String::new() } else { format!(" Field: {}", problem.location) };
    RowError {
        index: index as i64,
        code: RowErrorCode::FieldsError as i32,
        message: format!("{}{place}", problem.message),
    }
}
