use std::collections::BTreeMap;

use flow_core::{Element, ErrorKind, Result};
use gcp_bigquery_client::model::error_proto::ErrorProto;
use gcp_bigquery_client::model::table_data_insert_all_request::TableDataInsertAllRequestGzipped;
use gcp_bigquery_client::model::table_data_insert_all_response::TableDataInsertAllResponse;

use super::body::body;
use crate::bigquery::batch::{Outcome, Row};
use crate::bigquery::name::TableName;
use crate::bigquery::service::{Failure, Known, Service, one_line};
use crate::gcp::Retrying;

/// A row that is asked to be inserted.
pub(super) struct Asked<T> {
    pub(super) id: String,
    pub(super) row: Row<T>,
}

/// Inserts rows into one table.
#[derive(Clone)]
pub(super) struct Request {
    service: Service,
    retrying: Retrying,
    table: TableName,
    known: Known,
}

impl Request {
    pub(super) fn new(service: Service, retrying: Retrying, table: TableName, known: Known) -> Self {
        Request { service, retrying, table, known }
    }

    /// Inserts rows until each is in the table or refused. Repeating is harmless as far as the service remembers insert
    /// ids.
    pub(super) async fn insert<T: Element>(&self, rows: Vec<Asked<T>>) -> Result<Outcome<T>> {
        let mut outcome = Outcome::default();
        let mut waiting = vec![rows];
        while let Some(rows) = waiting.pop() {
            match self.ask(&rows).await {
                Ok(answer) => {
                    let again = sort(rows, answer, &mut outcome);
                    if !again.is_empty() {
                        waiting.push(again);
                    }
                }
                Err(failure) if failure.is_too_large() => waiting.extend(halve(rows, &mut outcome)),
                Err(failure) => {
                    if failure.is_missing() {
                        self.service.tables().forget(&self.table);
                    }
                    let context = format!("rows cannot be inserted into the table {}", self.table);
                    return Err(failure.into_error(ErrorKind::Sink, context));
                }
            }
        }
        Ok(outcome)
    }

    /// Sends rows until there is an answer of which something can be kept.
    async fn ask<T>(&self, rows: &[Asked<T>]) -> Result<TableDataInsertAllResponse, Failure> {
        let body = body(rows.iter().map(|asked| (asked.id.as_str(), asked.row.bytes.as_slice())));
        let body = body.map_err(|error| Failure::lasting(error.to_string()))?;
        let TableName { project, dataset, table } = &self.table;
        let ask = || async {
            self.retrying.traffic().bytes.add(body.len() as u64);
            let request = TableDataInsertAllRequestGzipped::new(body.clone());
            let answer =
                self.service.client().tabledata().insert_all_gzipped(project, dataset, table, request).await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => return Err(self.soon(self.service.explained(error.into(), &self.table).await)),
            };
            if is_in_vain(&answer, rows.len()) { Err(passing_rows(&answer)) } else { Ok(answer) }
        };
        self.retrying.run("inserting rows into BigQuery", Failure::fault, ask).await
    }

    /// A table that was just made is not found everywhere at once.
    fn soon(&self, failure: Failure) -> Failure {
        if failure.is_missing() && self.known.is_new() { failure.passing() } else { failure }
    }
}

/// Whether what the service says of a row holds for the row itself, and not for the moment.
fn is_lasting(errors: &[ErrorProto]) -> bool {
    let reason = |error: &ErrorProto| error.reason.as_deref().unwrap_or_default().to_owned();
    errors.iter().any(|error| {
        !matches!(reason(error).as_str(), "stopped" | "timeout" | "backendError" | "internalError")
    })
}

/// Whether all rows failed, and for the moment only: then it is the service that is to be waited for.
fn is_in_vain(answer: &TableDataInsertAllResponse, rows: usize) -> bool {
    let errors = answer.insert_errors.as_deref().unwrap_or_default();
    errors.len() >= rows && errors.iter().all(|row| !is_lasting(row.errors.as_deref().unwrap_or_default()))
}

fn passing_rows(answer: &TableDataInsertAllResponse) -> Failure {
    let first = answer.insert_errors.iter().flatten().flat_map(|row| row.errors.iter().flatten()).next();
    let message = first.and_then(|error| error.message.as_deref()).unwrap_or("all rows were stopped");
    Failure::of_answer(200, "backendError", message)
}

/// Puts those rows that are in the table or refused into the outcome; the others are to be sent again.
fn sort<T>(
    rows: Vec<Asked<T>>,
    answer: TableDataInsertAllResponse,
    outcome: &mut Outcome<T>,
) -> Vec<Asked<T>> {
    let mut failed = BTreeMap::new();
    for error in answer.insert_errors.unwrap_or_default() {
        let index = error.index.and_then(|index| usize::try_from(index).ok()).unwrap_or_default();
        failed.insert(index, error.errors.unwrap_or_default());
    }
    let mut again = Vec::new();
    for (at, asked) in rows.into_iter().enumerate() {
        match failed.get(&at) {
            None => outcome.written += 1,
            Some(errors) if is_lasting(errors) => outcome.refuse(asked.row, &reason(errors)),
            Some(_) => again.push(asked),
        }
    }
    again
}

/// What is wrong with a row, in one line.
fn reason(errors: &[ErrorProto]) -> String {
    let told = errors.iter().map(|error| {
        let message = error.message.as_deref().unwrap_or_default();
        let reason = error.reason.as_deref().unwrap_or("unknown");
        match error.location.as_deref() {
            Some(location) if !location.is_empty() => format!("`{location}`: {message} ({reason})"),
            _ => format!("{message} ({reason})"),
        }
    });
    one_line(&told.collect::<Vec<_>>().join("; "))
}

/// Half of the rows at a time; a single one that is too large is refused.
fn halve<T>(mut rows: Vec<Asked<T>>, outcome: &mut Outcome<T>) -> Vec<Vec<Asked<T>>> {
    if rows.len() > 1 {
        let second = rows.split_off(rows.len() / 2);
        return vec![second, rows];
    }
    for asked in rows {
        outcome.refuse(asked.row, "the row is too large for a request");
    }
    Vec::new()
}
