//! `tabledata.insertAll`.

mod body;
mod ids;
mod request;

use flow_core::{Element, Error, ErrorKind, Result};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;

pub(super) use ids::Ids;

use self::request::{Asked, Request};
use super::batch::{Batch, Outcome};
use super::name::TableName;
use super::service::{Known, Service};
use crate::gcp::Retrying;

/// Rows on their way by `insertAll`: several requests at a time, each a task.
pub(super) struct Inserts<T> {
    request: Request,
    ids: Ids<T>,
    tasks: JoinSet<Result<Outcome<T>>>,
}

impl<T: Element> Inserts<T> {
    pub(super) fn new(
        service: &Service,
        retrying: &Retrying,
        table: TableName,
        known: Known,
        ids: Ids<T>,
    ) -> Self {
        let request = Request::new(service.clone(), retrying.clone(), table, known);
        Inserts { request, ids, tasks: JoinSet::new() }
    }

    /// Sends rows; what comes of them is told later.
    pub(super) fn send(&mut self, batch: Batch<T>, credit: OwnedSemaphorePermit) {
        let rows = batch.rows.into_iter().map(|row| Asked { id: self.ids.of(&row), row }).collect();
        let request = self.request.clone();
        self.tasks.spawn(async move {
            let outcome = request.insert(rows).await;
            drop(credit);
            outcome
        });
    }

    /// What has come back.
    pub(super) fn so_far(&mut self) -> Result<Outcome<T>> {
        let mut all = Outcome::default();
        while let Some(done) = self.tasks.try_join_next() {
            all.add(done.map_err(lost)??);
        }
        Ok(all)
    }

    /// What comes back of all that was sent.
    pub(super) async fn finish(&mut self) -> Result<Outcome<T>> {
        let mut all = Outcome::default();
        while let Some(done) = self.tasks.join_next().await {
            all.add(done.map_err(lost)??);
        }
        Ok(all)
    }
}

fn lost(cause: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Internal, "a request of a BigQuery sink was lost").caused_by(cause)
}
