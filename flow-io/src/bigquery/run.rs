use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flow_core::metrics::Counter;
use flow_core::sink::{Claims, WriterContext};
use tokio::sync::OnceCell;

use super::name::TableName;
use super::service::{Service, Trouble};
use super::target::Disposition;
use crate::gcp::{Retry, Retrying, Traffic};

/// What a sink has to remember of one run. Another run begins anew.
#[derive(Debug, Default)]
pub(super) struct Run {
    claims: Claims,
    /// How to ask, for each step that writes to the sink.
    steps: Mutex<BTreeMap<String, Asking>>,
    /// Whether there were rows when the run began.
    was_empty: OnceCell<bool>,
    /// Whether the run has loaded into the table: what is there from then on is its own. Held while a job loads.
    pub(super) loaded: tokio::sync::Mutex<bool>,
    /// What is prepared outlives the process.
    pub(super) durable: bool,
    /// Whether the run has made rows visible.
    pub(super) begun: AtomicBool,
    /// Streams of an earlier process, which nobody writes to any more. They are ended once no manifest has them: a stream
    /// that has ended cannot be flushed.
    pub(super) retired: Mutex<Vec<String>>,
    /// What has been made visible, so that a commit that is repeated does not count twice.
    visible: Mutex<HashMap<String, i64, foldhash::fast::FixedState>>,
}

/// What an earlier process of a durable run has left.
#[derive(Clone, Debug, Default)]
pub(super) struct Left {
    /// It has made rows visible.
    pub(super) begun: bool,
    pub(super) streams: Vec<String>,
}

/// What a step's requests and rows are counted by.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    pub(super) step: Arc<str>,
    pub(super) retrying: Retrying,
    pub(super) written: Counter,
}

impl Asking {
    /// Without a writer, as before a run, nothing is counted for anybody.
    pub(super) fn for_nobody(retry: &Retry) -> Self {
        Asking {
            step: Arc::default(),
            retrying: Retrying::new(retry, Traffic::default()),
            written: Counter::default(),
        }
    }

    fn of(retry: &Retry, cx: &WriterContext) -> Self {
        Asking {
            step: cx.step.as_str().into(),
            retrying: Retrying::new(retry, Traffic::new(&cx.metrics)),
            written: cx.metrics.counter("written"),
        }
    }
}

impl Run {
    /// A run that begins, or goes on.
    pub(super) fn new(cx: &WriterContext, left: Option<Left>) -> Self {
        let Left { begun, streams } = left.unwrap_or_default();
        Run {
            claims: cx.claims.clone(),
            durable: cx.durable.is_some(),
            was_empty: OnceCell::new_with(begun.then_some(true)),
            loaded: tokio::sync::Mutex::new(begun),
            begun: AtomicBool::new(begun),
            retired: Mutex::new(streams),
            ..Run::default()
        }
    }

    /// The run of a writer: the current one, unless that is another.
    pub(super) fn of(current: &Mutex<Arc<Run>>, cx: &WriterContext, left: &Mutex<Option<Left>>) -> Arc<Run> {
        let mut current = lock(current);
        if !current.claims.is_of_the_same_run(&cx.claims) {
            *current = Arc::new(Run::new(cx, lock(left).take()));
        }
        Arc::clone(&current)
    }

    pub(super) fn current(current: &Mutex<Arc<Run>>) -> Arc<Run> {
        Arc::clone(&lock(current))
    }

    /// How a step asks, from its first writer on.
    pub(super) fn begin(&self, retry: &Retry, cx: &WriterContext) -> Asking {
        lock(&self.steps).entry(cx.step.clone()).or_insert_with(|| Asking::of(retry, cx)).clone()
    }

    /// How a step asks that has begun.
    pub(super) fn asking(&self, step: &str) -> Option<Asking> {
        lock(&self.steps).get(step).cloned()
    }

    /// Counts what became visible under a name: of a stream that is flushed again and again, what is new.
    pub(super) fn became_visible(&self, asking: &Asking, name: &str, end: i64, rows: u64) {
        let mut visible = lock(&self.visible);
        let before = visible.insert(name.to_owned(), end);
        if before.is_none_or(|before| before < end) {
            asking.written.add(rows);
        } else if let Some(before) = before {
            visible.insert(name.to_owned(), before);
        }
    }

    /// Makes sure that the table was empty when the run began, if it is to be.
    pub(super) async fn check_empty(
        &self,
        disposition: Disposition,
        service: &Service,
        retrying: &Retrying,
        name: &TableName,
    ) -> Result<(), Trouble> {
        if disposition != Disposition::Empty {
            return Ok(());
        }
        let look = || super::read::is_empty(service, retrying, name);
        if *self.was_empty.get_or_try_init(look).await? {
            return Ok(());
        }
        Err(Trouble::Refuse(format!("the table {name} is to be empty and has rows: empty it, or append")))
    }
}

pub(super) fn lock<V>(mutex: &Mutex<V>) -> MutexGuard<'_, V> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
