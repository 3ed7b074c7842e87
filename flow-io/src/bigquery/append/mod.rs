//! The Storage Write API: a connection for each writer and table, on a task of its own.
//!
//! What a request's answer means is decided in `answer`, without I/O. `line` is one connection, `task` keeps it up and
//! sends again what was lost with it, and `spool` keeps the rows of an epoch until it is prepared.

mod answer;
mod line;
mod spool;
mod task;

use flow_core::{Element, Error, ErrorKind, Result};
use prost_types::DescriptorProto;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use self::task::{Appender, Job, Sent};
use super::batch::{Batch, Outcome};
use super::name::TableName;
use super::service::{Known, Service};
use super::sink::Token;
use super::writer::Task;
use crate::gcp::Retrying;

/// Kinds of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The table's own: rows are visible when they are acknowledged, and a row that is sent twice is there twice.
    Default,
    /// Rows have offsets, and are visible when they are flushed.
    Buffered,
    /// Rows have offsets, and are visible when the stream is committed.
    Pending,
}

impl Kind {
    pub(super) fn has_offsets(self) -> bool {
        self != Kind::Default
    }
}

/// One writer's rows on their way into a table.
pub(super) struct Appends<T> {
    jobs: mpsc::Sender<Job<T>>,
    outcomes: mpsc::UnboundedReceiver<Outcome<T>>,
    task: Task<Result<()>>,
}

/// How many batches wait for the task; those that it has are bounded by credit.
const QUEUE: usize = 4;

impl<T: Element> Appends<T> {
    pub(super) fn start(
        service: &Service,
        retrying: &Retrying,
        table: TableName,
        known: Known,
        kind: Kind,
        descriptor: DescriptorProto,
    ) -> Self {
        let (jobs, wanted) = mpsc::channel(QUEUE);
        let (told, outcomes) = mpsc::unbounded_channel();
        let appender = Appender::new(service.clone(), retrying.clone(), table, known, kind, descriptor, told);
        let task = Task(tokio::spawn(appender.run(wanted)));
        Appends { jobs, outcomes, task }
    }

    pub(super) async fn send(&mut self, batch: Batch<T>, credit: OwnedSemaphorePermit) -> Result<Outcome<T>> {
        let sent = Sent::new(batch, Some(credit));
        if self.jobs.send(Job::Append(sent)).await.is_err() {
            return Err(self.failure().await);
        }
        self.so_far().await
    }

    /// What has come back.
    pub(super) async fn so_far(&mut self) -> Result<Outcome<T>> {
        let outcome = self.received();
        if self.task.0.is_finished() {
            return Err(self.failure().await);
        }
        Ok(outcome)
    }

    /// What comes back of all that was sent, and what there is to commit.
    pub(super) async fn finish(&mut self) -> Result<(Outcome<T>, Vec<Token>)> {
        let (reply, prepared) = oneshot::channel();
        if self.jobs.send(Job::Prepare(reply)).await.is_err() {
            return Err(self.failure().await);
        }
        match prepared.await {
            Ok(tokens) => Ok((self.received(), tokens)),
            Err(_) => Err(self.failure().await),
        }
    }

    fn received(&mut self) -> Outcome<T> {
        let mut all = Outcome::default();
        while let Ok(outcome) = self.outcomes.try_recv() {
            all.add(outcome);
        }
        all
    }

    /// Why the task has ended.
    async fn failure(&mut self) -> Error {
        match self.task.join().await {
            Ok(Err(error)) | Err(error) => error,
            Ok(Ok(())) => {
                Error::new(ErrorKind::Internal, "the connection of a BigQuery sink ended too early")
            }
        }
    }
}
