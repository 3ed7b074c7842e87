//! The service as tests in Rust see it.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use serde_json::{Value, json};

use super::error::Result;
use super::output::Form;
use super::state::{DatasetName, State, TableName};
use super::tabledata::Page;
use super::{Objects, rest, write};
use crate::clock::Clock;
use crate::faults::Faults;

/// BigQuery's datasets, tables, rows and jobs. Clones are one service.
#[derive(Clone, Debug)]
pub struct Service(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    clock: Clock,
    faults: Faults,
    objects: Objects,
}

impl Service {
    /// In memory, or in the file `bigquery.sqlite` of a folder; load jobs read `objects`.
    pub(crate) fn new(folder: Option<&Path>, clock: Clock, faults: Faults, objects: Objects) -> Result<Self> {
        let state = Mutex::new(State::open(folder)?);
        Ok(Self(Arc::new(Inner { state, clock, faults, objects })))
    }

    /// The REST API, with and without the prefix `/bigquery/v2`, and the Storage Write API.
    pub(crate) fn routes(&self) -> Router {
        rest::routes(self.clone()).merge(write::routes(self.clone()))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> i64 {
        self.0.clock.micros()
    }

    pub(super) fn faults(&self) -> &Faults {
        &self.0.faults
    }

    pub(super) fn objects(&self) -> &Objects {
        &self.0.objects
    }

    /// Creates a dataset. Fails if it is there or its name is none.
    pub fn create_dataset(&self, project: &str, dataset: &str) -> Result<()> {
        let name = DatasetName::new(project, dataset);
        self.lock().create_dataset(&name, json!({}), self.now()).map(drop)
    }

    /// Creates a table with these fields: `[{"name": "n", "type": "INT64", "mode": "REQUIRED"}]`.
    pub fn create_table(&self, project: &str, dataset: &str, table: &str, fields: Value) -> Result<()> {
        let name = TableName::new(project, dataset, table);
        let resource = json!({"schema": {"fields": fields}});
        self.lock().create_table(&name, resource, self.now()).map(drop)
    }

    /// The table's resource as the REST API shows it: schema, partitioning, clustering, number of rows.
    pub fn table(&self, project: &str, dataset: &str, table: &str) -> Option<Value> {
        self.lock().table_resource(&TableName::new(project, dataset, table)).ok()
    }

    /// All tables by name, as `project:dataset.table`.
    pub fn tables(&self) -> Vec<String> {
        self.lock().tables.keys().map(ToString::to_string).collect()
    }

    /// All rows that a query would see, in the order in which they came; none if there is no such table.
    ///
    /// INT64 and FLOAT64 are numbers, BOOL is a boolean, JSON is itself, TIMESTAMP is RFC 3339 in UTC, BYTES is base64; records are objects,
    /// repeated fields are arrays, everything else is a string.
    pub fn rows(&self, project: &str, dataset: &str, table: &str) -> Vec<Value> {
        let state = self.lock();
        let Ok(table) = state.table(&TableName::new(project, dataset, table)) else { return Vec::new() };
        let rows = state.stored_rows(table, Page { start: 0, most: u64::MAX }).unwrap_or_default();
        rows.iter().map(|row| Form::Plain.row(&table.schema, row)).collect()
    }

    /// Answers a query in GoogleSQL; tables are named in full, `project.dataset.table`. Rows are as in [`Service::rows`].
    pub fn query(&self, sql: &str) -> Result<Vec<Value>> {
        let settings =
            super::sql::Settings { project: "", dataset: None, parameters: &Value::Null, now: self.now() };
        let results = super::sql::run(&self.lock(), sql, &settings)?;
        Ok(results.rows.iter().map(|row| Form::Plain.row(&results.schema, row)).collect())
    }

    /// Makes each table that is created from now on be missing for so many writing calls, as the real service's are
    /// for a while.
    pub fn hide_new_tables(&self, calls: u64) {
        self.lock().new_absent_for = calls;
    }
}
