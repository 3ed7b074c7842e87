use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flow_core::{Error, ErrorKind};
use gcp_bigquery_client::model::table::Table;
use tokio::time::Instant;

use super::{Failure, Service};
use crate::bigquery::Schema;
use crate::bigquery::name::TableName;
use crate::bigquery::target::{Create, Target};
use crate::gcp::{Fault, Retrying};

/// What is known of a table.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) schema: Schema,
    /// When it was made, if nobody knows that everybody knows it.
    made: Option<Instant>,
}

/// How long a new table may be missing for those who write to it.
const SPREADING: Duration = Duration::from_mins(10);

impl Known {
    /// Whether the table was made so lately that a server may not have heard of it.
    pub(crate) fn is_new(&self) -> bool {
        self.made.is_some_and(|made| made.elapsed() < SPREADING)
    }
}

/// Why a table cannot be written to.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It cannot take elements; others may.
    Refuse(String),
    /// Something that concerns all tables.
    Fail(Error),
}

impl Trouble {
    /// As a run's error before it begins.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Trouble::Refuse(reason) => Error::config(reason),
            Trouble::Fail(error) => error,
        }
    }
}

type Slot = Arc<tokio::sync::Mutex<Option<Known>>>;

/// The tables that were looked for, each asked for and made once however many writers want it.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    slots: Mutex<HashMap<TableName, Slot, foldhash::fast::FixedState>>,
    made: Mutex<VecDeque<Instant>>,
}

impl Tables {
    /// The table as it is when it can take rows of the target's schema: made or widened if that is allowed.
    pub(crate) async fn ready(
        &self,
        service: &Service,
        retrying: &Retrying,
        target: &Target,
    ) -> Result<Known, Trouble> {
        let slot = Arc::clone(self.slots().entry(target.name.clone()).or_default());
        let mut slot = slot.lock().await;
        let at = Asking { service, retrying, target };
        let known = match slot.take() {
            Some(known) => known,
            None => match at.get().await? {
                Some(known) => known,
                None => at.create(self).await?,
            },
        };
        *slot = Some(known.clone()); // what does not fit this target may fit another
        let known = at.widen(known).await?;
        *slot = Some(known.clone());
        Ok(known)
    }

    /// The table is not as it was known.
    pub(crate) fn forget(&self, name: &TableName) {
        self.slots().remove(name);
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<TableName, Slot, foldhash::fast::FixedState>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one of the tables that may be made within an hour.
    fn may_make(&self, most: usize) -> bool {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        while made.front().is_some_and(|at| now - *at >= Duration::from_hours(1)) {
            made.pop_front();
        }
        let may = made.len() < most;
        if may {
            made.push_back(now);
        }
        may
    }
}

struct Asking<'a> {
    service: &'a Service,
    retrying: &'a Retrying,
    target: &'a Target,
}

impl Asking<'_> {
    async fn run<R, F: Future<Output = Result<R, Failure>>>(
        &self,
        what: &str,
        request: impl FnMut() -> F,
    ) -> Result<R, Failure> {
        self.retrying.run(what, Failure::fault, request).await
    }

    async fn get(&self) -> Result<Option<Known>, Trouble> {
        let name = &self.target.name;
        let tables = self.service.client().table();
        let get = || async {
            match tables.get(&name.project, &name.dataset, &name.table, None).await.map_err(Failure::from) {
                Err(failure) => Err(self.service.explained(failure, name).await),
                found => found,
            }
        };
        match self.run("looking up a table of BigQuery", get).await {
            Ok(table) => {
                let schema = self.read_schema(&table)?;
                Ok(Some(Known { schema, made: None }))
            }
            Err(failure) if failure.is_missing() => Ok(None),
            Err(failure) => Err(self.trouble(failure, "cannot be looked up")),
        }
    }

    fn read_schema(&self, table: &Table) -> Result<Schema, Trouble> {
        Schema::from_client(&table.schema)
            .map_err(|why| Trouble::Refuse(format!("the table {}: {why}", self.target.name)))
    }

    async fn create(&self, tables: &Tables) -> Result<Known, Trouble> {
        let target = self.target;
        let name = &target.name;
        if target.create == Create::Never {
            return Err(Trouble::Refuse(format!(
                "the table {name} does not exist: create it, or write with Create::IfNeeded"
            )));
        }
        let Some(schema) = &target.schema else {
            return Err(Trouble::Refuse(format!(
                "the table {name} does not exist: create it, or give a schema to create it with"
            )));
        };
        if !tables.may_make(target.max_new_tables) {
            return Err(Trouble::Refuse(format!(
                "it would be the table beyond {} made within an hour: raise `max_new_tables`",
                target.max_new_tables
            )));
        }
        let table = target.resource(schema);
        let create = || async {
            let created = if target.key.is_empty() {
                let created = self.service.client().table().create(table.clone()).await;
                created.map(drop).map_err(Failure::from)
            } else {
                self.service.create_with_key(&table, &target.key).await
            };
            match created {
                // Another was quicker, or the answer of our own attempt was lost.
                Err(failure) if failure.is_there_already() => Ok(false),
                Err(failure) => Err(failure),
                Ok(()) => Ok(true),
            }
        };
        let made = Some(Instant::now());
        match self.run("creating a table of BigQuery", create).await {
            Ok(true) => Ok(Known { schema: schema.clone(), made }),
            Ok(false) => match self.get().await? {
                Some(known) => Ok(Known { made, ..known }),
                None => Ok(Known { schema: schema.clone(), made }),
            },
            Err(failure) if failure.is_missing() => {
                let dataset = name.dataset_id();
                Err(Trouble::Refuse(format!(
                    "the dataset {dataset} does not exist: create it with `bq mk --dataset {dataset}`"
                )))
            }
            Err(failure) => Err(self.trouble(failure, "cannot be created")),
        }
    }

    /// Adds the fields that the table lacks, if that is allowed.
    async fn widen(&self, known: Known) -> Result<Known, Trouble> {
        let name = &self.target.name;
        let Some(wanted) = &self.target.schema else { return Ok(known) };
        let found = wanted.additions(&known.schema);
        if let Some(conflict) = found.conflicts.first() {
            return Err(Trouble::Refuse(format!("the table {name} does not take these rows: {conflict}")));
        }
        if found.fits() {
            return Ok(known);
        }
        if !self.target.add_fields {
            let lacking = found.added.join(", ");
            return Err(Trouble::Refuse(format!(
                "the table {name} lacks {lacking}: add it, or allow it to be added with `add_fields`"
            )));
        }
        let widened = Schema::new(found.fields)
            .map_err(|why| Trouble::Refuse(format!("the table {name} cannot be widened: {why}")))?;
        let table = Table::new(&name.project, &name.dataset, &name.table, widened.to_client());
        let patch = || async {
            let patched =
                self.service.client().table().patch(&name.project, &name.dataset, &name.table, table.clone());
            patched.await.map(drop).map_err(Failure::from)
        };
        match self.run("adding fields to a table of BigQuery", patch).await {
            Ok(()) => Ok(Known { schema: widened, made: Some(Instant::now()) }),
            Err(failure) => Err(self.trouble(failure, "takes no more fields")),
        }
    }

    fn trouble(&self, failure: Failure, what: &str) -> Trouble {
        let text = format!("the table {} {what}", self.target.name);
        match failure.fault() {
            Fault::Lasting => Trouble::Refuse(format!("{text}: {failure}")),
            Fault::Denied | Fault::Passing(_) => Trouble::Fail(failure.into_error(ErrorKind::Sink, text)),
        }
    }
}
