use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use flow_core::metrics::Counter;
use flow_core::sink::{Commit, Committed, Delivery, Sink, WriterContext};
use flow_core::{Element, Result};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use super::commit;
use super::name::TableName;
use super::service::{Service, Trouble};
use super::settings::{Settings, Way};
use super::table::WriteTable;
use super::target::Disposition;
use super::writer::TableWriter;
use crate::gcp::{Retrying, Traffic};

/// Says what a writer of [`WriteTable`] prepared.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prepared(pub(super) Token);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Token {
    /// Rows of a buffered stream before an end are to be flushed.
    Flush { stream: String, end: i64, rows: u64 },
    /// A pending stream is to be committed.
    Stream { stream: String, rows: u64 },
    /// A staged object is to be loaded.
    Object { bucket: String, name: String, rows: u64 },
}

/// What all clones of a sink share.
pub(super) struct Shared<T> {
    pub(super) settings: Settings<T>,
    /// How to ask, once a writer has been opened.
    asking: OnceLock<Asking>,
    /// Whether there were rows when the run began.
    was_empty: OnceCell<bool>,
    /// What has been made visible, so that a commit that is repeated does not count twice.
    visible: Mutex<HashMap<String, i64, foldhash::fast::FixedState>>,
}

/// What a step's requests and rows are counted by.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    pub(super) retrying: Retrying,
    pub(super) written: Counter,
}

impl<T> Shared<T> {
    pub(super) fn new(settings: Settings<T>) -> Self {
        Shared { settings, asking: OnceLock::new(), was_empty: OnceCell::new(), visible: Mutex::default() }
    }

    /// How the sink asks; without a writer, as before a run, nothing is counted for anybody.
    pub(super) fn asking(&self) -> Asking {
        self.asking.get().cloned().unwrap_or_else(|| Asking {
            retrying: Retrying::new(self.settings.cloud.retry(), Traffic::default()),
            written: Counter::default(),
        })
    }

    fn begin(&self, cx: &WriterContext) -> Asking {
        let asking = || Asking {
            retrying: Retrying::new(self.settings.cloud.retry(), Traffic::new(&cx.metrics)),
            written: cx.metrics.counter("written"),
        };
        self.asking.get_or_init(asking).clone()
    }

    /// Counts what became visible under a name: of a stream that is flushed again and again, what is new.
    pub(super) fn became_visible(&self, name: &str, end: i64, rows: u64) {
        let mut visible = self.visible.lock().unwrap_or_else(PoisonError::into_inner);
        let before = visible.insert(name.to_owned(), end);
        if before.is_none_or(|before| before < end) {
            self.asking().written.add(rows);
        } else if let Some(before) = before {
            visible.insert(name.to_owned(), before);
        }
    }

    /// Makes sure that the table is empty, if it is to be.
    pub(super) async fn check_empty(&self, service: &Service, name: &TableName) -> Result<(), Trouble> {
        if self.settings.disposition != Disposition::Empty {
            return Ok(());
        }
        let retrying = self.asking().retrying;
        let look = || super::read::is_empty(service, &retrying, name);
        if *self.was_empty.get_or_try_init(look).await? {
            return Ok(());
        }
        Err(Trouble::Refuse(format!("the table {name} is to be empty and has rows: empty it, or append")))
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
            let retrying = shared.asking().retrying;
            let ready = service.tables().ready(&service, &retrying, &target).await;
            ready.map_err(Trouble::into_error)?;
            shared.check_empty(&service, &target.name).await.map_err(Trouble::into_error)
        }
    }

    fn open(&self, cx: &WriterContext) -> Result<TableWriter<T>> {
        self.shared.settings.check(cx.bounded)?;
        let asking = self.shared.begin(cx);
        Ok(TableWriter::new(Arc::clone(&self.shared), asking, cx))
    }

    fn commit(&self, commit: Commit<Prepared>) -> impl Future<Output = Result<Committed>> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        async move { commit::commit(&shared, commit).await }
    }

    fn describe(&self) -> String {
        format!("BigQuery table {}", self.shared.settings.named)
    }
}
