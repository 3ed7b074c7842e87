use std::future::Future;
use std::sync::{Arc, Mutex};

use flow_core::sink::{Commit, Committed, Delivery, Sink, WriterContext};
use flow_core::{Element, Error, Result};
use serde::{Deserialize, Serialize};

use super::commit;
use super::run::{Asking, Left, Run, lock};
use super::service::{Service, Trouble};
use super::settings::{Settings, Way};
use super::table::WriteTable;
use super::target::Disposition;
use super::writer::TableWriter;

/// Says what a writer of [`WriteTable`] prepared.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prepared {
    /// The step that its rows are counted for.
    pub(super) step: String,
    pub(super) token: Token,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Token {
    /// Rows of a buffered stream before an end are to be flushed.
    Flush { stream: String, end: i64, rows: u64 },
    /// A pending stream is to be committed.
    Stream { stream: String, rows: u64 },
    /// A staged object is to be loaded.
    Object { bucket: String, name: String, rows: u64 },
    /// The run has written: what is in the table may be its own.
    Begun,
}

/// What all clones of a sink share.
pub(super) struct Shared<T> {
    pub(super) settings: Settings<T>,
    /// The run that writers were opened for last.
    run: Mutex<Arc<Run>>,
    /// What an earlier process has left to the run that begins.
    pub(super) left: Mutex<Option<Left>>,
}

impl<T> Shared<T> {
    pub(super) fn new(settings: Settings<T>) -> Self {
        Shared { settings, run: Mutex::default(), left: Mutex::default() }
    }

    /// The run whose rows are committed.
    pub(super) fn run(&self) -> Arc<Run> {
        Run::current(&self.run)
    }

    /// Makes sure that no other sink of the run writes to a table that this one replaces or wants empty.
    fn claim(self: &Arc<Self>, cx: &WriterContext) -> Result<()> {
        let wants = match self.settings.disposition {
            Disposition::Append => return Ok(()),
            Disposition::Truncate => "would replace the rows of the other",
            Disposition::Empty => "would not find it empty",
        };
        // A name that is wrong is told where the table is opened.
        let Ok(target) = self.settings.target() else { return Ok(()) };
        let number = Arc::as_ptr(self).addr();
        let (table, ours) = (&target.name, &cx.step);
        cx.claims.claim(&format!("BigQuery table {table}"), number, ours).map_err(|theirs| {
            Error::config(if theirs == *ours {
                format!(
                    "two destinations of the step `{ours}` both write to the table {table}, so that one {wants}: \
                     name a table for each"
                )
            } else {
                format!(
                    "steps `{theirs}` and `{ours}` both write to the table {table}, so that one {wants}: write to \
                     two tables, or flatten the collections and write them once"
                )
            })
        })
    }
}

impl<T: Element + Serialize> Sink<T> for WriteTable<T> {
    type Writer = TableWriter<T>;
    type Token = Prepared;

    fn delivery(&self, bounded: bool) -> Delivery {
        match self.shared.settings.way(bounded) {
            Way::Inserts | Way::Default => Delivery::AtLeastOnce,
            Way::Buffered | Way::Pending | Way::Loads => Delivery::EffectivelyOnce,
        }
    }

    fn check(&self) -> impl Future<Output = Result<()>> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        async move {
            let target = shared.settings.target()?;
            let service = Service::of(&shared.settings.cloud).await?;
            let retrying = Asking::for_nobody(shared.settings.cloud.retry()).retrying;
            let ready = service.tables().ready(&service, &retrying, &target).await;
            ready.map_err(Trouble::into_error)?;
            // What is found here is not kept: this is no run's yet.
            let disposition = shared.settings.disposition;
            let run = Run::new(&WriterContext::default(), lock(&shared.left).clone());
            let empty = run.check_empty(disposition, &service, &retrying, &target.name).await;
            empty.map_err(Trouble::into_error)
        }
    }

    fn open(&self, cx: &WriterContext) -> Result<TableWriter<T>> {
        self.shared.settings.check(cx.bounded)?;
        self.shared.claim(cx)?;
        let run = Run::of(&self.shared.run, cx, &self.shared.left);
        let asking = run.begin(self.shared.settings.cloud.retry(), cx);
        Ok(TableWriter::new(Arc::clone(&self.shared), run, asking, cx))
    }

    fn commit(
        &self,
        commit: Commit<Prepared>,
    ) -> impl Future<Output = Result<Committed<Prepared>>> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        async move { commit::commit(&shared, commit).await }
    }

    fn resume(
        &self,
        commit: Commit<Prepared>,
    ) -> impl Future<Output = Result<Committed<Prepared>>> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        async move { commit::resume(&shared, commit).await }
    }

    fn describe(&self) -> String {
        format!("BigQuery table {}", self.shared.settings.named)
    }
}
