use std::fmt;
use std::sync::Arc;

use flow_core::sink::{Rejects, Writer, WriterContext};
use flow_core::{Bundle, Element, Error, ErrorKind, Meta, Result, Timestamp};
use serde::Serialize;
use tokio::task::JoinHandle;

use super::open::Open;
use super::run::{Asking, Run};
use super::service::{Service, Trouble};
use super::sink::{Prepared, Shared};

/// Writes one worker's share to a [`WriteTable`](super::WriteTable).
pub struct TableWriter<T> {
    shared: Arc<Shared<T>>,
    run: Arc<Run>,
    asking: Asking,
    context: WriterContext,
    destination: String,
    /// Elements that came before the table was ready.
    early: Vec<(T, Meta)>,
    state: State<T>,
}

impl<T> fmt::Debug for TableWriter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableWriter").field("table", &self.destination).finish_non_exhaustive()
    }
}

enum State<T> {
    /// Nothing has come.
    New,
    /// The table is asked for; meanwhile others are served.
    Opening(Task<Result<Open<T>, Trouble>>),
    Open(Box<Open<T>>),
    /// The table cannot be written to.
    Refusing(String),
}

/// How many elements wait for their table before the worker does.
const MOST_EARLY: usize = 1_000;

impl<T: Element + Serialize> TableWriter<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, run: Arc<Run>, asking: Asking, cx: &WriterContext) -> Self {
        let destination = shared.settings.named.to_string();
        TableWriter {
            shared,
            run,
            asking,
            context: cx.clone(),
            destination,
            early: Vec::new(),
            state: State::New,
        }
    }

    /// Begins to ask for the table, once.
    fn begin(&mut self) {
        if matches!(self.state, State::New) {
            let (shared, run) = (Arc::clone(&self.shared), Arc::clone(&self.run));
            let opening = open(shared, run, self.asking.clone(), self.context.clone());
            self.state = State::Opening(Task(tokio::spawn(opening)));
        }
    }

    /// Waits for the table.
    async fn opened(&mut self) -> Result<()> {
        if let State::Opening(task) = &mut self.state {
            self.state = match task.join().await? {
                Ok(open) => State::Open(Box::new(open)),
                Err(Trouble::Refuse(reason)) => State::Refusing(reason),
                Err(Trouble::Fail(error)) => return Err(error),
            };
        }
        Ok(())
    }

    /// Writes what waited for the table.
    async fn take_early(&mut self, rejects: &mut Rejects<T>) -> Result<()> {
        self.opened().await?;
        match &mut self.state {
            State::Open(open) => {
                for (value, meta) in self.early.drain(..) {
                    open.take(value, meta, rejects).await?;
                }
            }
            State::Refusing(reason) => {
                for (value, meta) in self.early.drain(..) {
                    rejects.reject(value, meta, &self.destination, reason.as_str());
                }
            }
            State::New | State::Opening(_) => {}
        }
        Ok(())
    }
}

async fn open<T: Element + Serialize>(
    shared: Arc<Shared<T>>,
    run: Arc<Run>,
    asking: Asking,
    context: WriterContext,
) -> Result<Open<T>, Trouble> {
    // A name that is wrong is the data's fault where it comes of data.
    let target = shared.settings.target().map_err(|wrong| Trouble::Refuse(wrong.to_string()))?;
    let service = Service::of(&shared.settings.cloud).await.map_err(Trouble::Fail)?;
    let known = service.tables().ready(&service, &asking.retrying, &target).await?;
    run.check_empty(shared.settings.disposition, &service, &asking.retrying, &target.name).await?;
    Open::new(&shared, asking, service, target, known, &context).await
}

impl<T: Element + Serialize> Writer<T> for TableWriter<T> {
    type Token = Prepared;

    async fn write(&mut self, bundle: &mut Bundle<T>, rejects: &mut Rejects<T>) -> Result<()> {
        self.begin();
        self.early.extend(bundle.drain());
        let waits = matches!(&self.state, State::Opening(task) if !task.0.is_finished());
        if waits && self.early.len() < MOST_EARLY {
            return Ok(());
        }
        self.take_early(rejects).await?;
        match &mut self.state {
            State::Open(open) => open.pause(rejects).await,
            _ => Ok(()),
        }
    }

    async fn prepare(&mut self, _: u64, _: Timestamp, rejects: &mut Rejects<T>) -> Result<Vec<Prepared>> {
        self.take_early(rejects).await?;
        match &mut self.state {
            State::Open(open) => open.prepare(rejects).await,
            _ => Ok(Vec::new()),
        }
    }
}

/// Work on the runtime that ends with whoever waits for it.
pub(super) struct Task<R>(pub(super) JoinHandle<R>);

impl<R> Drop for Task<R> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<R> Task<R> {
    pub(super) async fn join(&mut self) -> Result<R> {
        let lost =
            |cause| Error::new(ErrorKind::Internal, "a task of a BigQuery sink was lost").caused_by(cause);
        (&mut self.0).await.map_err(lost)
    }
}
