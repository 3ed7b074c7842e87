//! All that the service holds, under one lock: names and schemas in memory, rows and a copy of all names in SQLite.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, params, params_from_iter};
use serde_json::{Value, json};

use super::dedup::Seen;
use super::error::{Error, Result};
use super::jobs::{Job, Results};
use super::schema::Schema;
use super::value::Row;
use super::write::Stream;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DatasetName {
    pub(crate) project: String,
    pub(crate) dataset: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TableName {
    pub(crate) of: DatasetName,
    pub(crate) table: String,
}

impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.project, self.dataset)
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.of, self.table)
    }
}

impl DatasetName {
    pub(crate) fn new(project: &str, dataset: &str) -> Self {
        Self { project: project.into(), dataset: dataset.into() }
    }
}

impl TableName {
    pub(crate) fn new(project: &str, dataset: &str, table: &str) -> Self {
        Self { of: DatasetName::new(project, dataset), table: table.into() }
    }

    /// From `{"projectId", "datasetId", "tableId"}`; the project may be left out.
    pub(crate) fn of_reference(reference: &Value, project: &str) -> Self {
        let part = |key: &str| reference[key].as_str().unwrap_or_default();
        let project = reference["projectId"].as_str().unwrap_or(project);
        Self::new(project, part("datasetId"), part("tableId"))
    }

    pub(crate) fn reference(&self) -> Value {
        json!({"projectId": self.of.project, "datasetId": self.of.dataset, "tableId": self.table})
    }

    /// `projects/p/datasets/d/tables/t`.
    pub(crate) fn of_path(path: &str) -> Result<Self> {
        let parts: Vec<_> = path.split('/').collect();
        match parts[..] {
            ["projects", project, "datasets", dataset, "tables", table] => {
                Ok(Self::new(project, dataset, table))
            }
            _ => Err(Error::invalid(format!("\"{path}\" does not name a table"))),
        }
    }

    pub(crate) fn path(&self) -> String {
        format!("projects/{}/datasets/{}/tables/{}", self.of.project, self.of.dataset, self.table)
    }
}

#[derive(Debug)]
pub(crate) struct Table {
    /// Its rows are in SQLite's table of this number: `t7`, with the columns `c0`, `c1`, ...
    pub(crate) number: u64,
    pub(crate) resource: Value,
    pub(crate) schema: Arc<Schema>,
    /// The columns of its primary key.
    pub(crate) key: Vec<usize>,
    pub(crate) seen: Seen,
    /// How many calls will still be told that it is not there.
    pub(crate) absent_for: u64,
}

impl Table {
    pub(crate) fn new(number: u64, resource: Value) -> Result<Self> {
        let schema = Arc::new(Schema::parse(&resource["schema"])?);
        let columns = resource["tableConstraints"]["primaryKey"]["columns"].as_array();
        let key =
            columns.into_iter().flatten().filter_map(|name| schema.find(name.as_str()?)).map(|(at, _)| at);
        let key = key.collect();
        Ok(Self { number, resource, schema, key, seen: Seen::default(), absent_for: 0 })
    }

    pub(crate) fn physical(&self) -> String {
        format!("t{}", self.number)
    }

    pub(crate) fn insert(&self) -> String {
        insert_into(&self.physical(), self.schema.fields.len())
    }
}

pub(crate) fn insert_into(physical: &str, columns: usize) -> String {
    let places = vec!["?"; columns].join(",");
    format!("INSERT INTO {physical}({}) VALUES ({places})", columns_of(columns))
}

/// `c0,c1,c2`.
pub(crate) fn columns_of(count: usize) -> String {
    (0..count).map(|at| format!("c{at}")).collect::<Vec<_>>().join(",")
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) db: Connection,
    pub(crate) datasets: BTreeMap<DatasetName, Value>,
    pub(crate) tables: BTreeMap<TableName, Table>,
    pub(crate) streams: BTreeMap<String, Stream>,
    pub(crate) jobs: BTreeMap<(String, String), Job>,
    /// The newest queries' rows; older ones are forgotten.
    pub(crate) results: VecDeque<((String, String), Arc<Results>)>,
    /// For how many calls a table that is new is not found.
    pub(crate) new_absent_for: u64,
    last: u64,
}

impl State {
    /// In memory, or in the file `bigquery.sqlite` of a folder.
    pub(crate) fn open(folder: Option<&Path>) -> Result<Self> {
        let db = match folder {
            Some(folder) => {
                let db = Connection::open(folder.join("bigquery.sqlite"))?;
                db.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;")?;
                db
            }
            None => Connection::open_in_memory()?,
        };
        db.set_prepared_statement_cache_capacity(256);
        super::sql::register(&db)?;
        db.execute_batch(
            "CREATE TABLE IF NOT EXISTS meta(kind TEXT, key TEXT, json TEXT, PRIMARY KEY(kind, key)) WITHOUT ROWID",
        )?;
        let mut state = Self {
            db,
            datasets: BTreeMap::new(),
            tables: BTreeMap::new(),
            streams: BTreeMap::new(),
            jobs: BTreeMap::new(),
            results: VecDeque::new(),
            new_absent_for: 0,
            last: 0,
        };
        state.restore()?;
        Ok(state)
    }

    fn restore(&mut self) -> Result<()> {
        let entries: Vec<(String, String, String)> = {
            let mut entries = self.db.prepare("SELECT kind, key, json FROM meta")?;
            let rows = entries.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect::<rusqlite::Result<_>>()?
        };
        for (kind, key, text) in entries {
            let json: Value = serde_json::from_str(&text).map_err(|error| {
                Error::new(500, "internalError", format!("broken entry of {kind} {key}: {error}"))
            })?;
            self.last = self.last.max(json["number"].as_u64().unwrap_or(0));
            match kind.as_str() {
                "dataset" => {
                    let reference = &json["datasetReference"];
                    let part = |key: &str| reference[key].as_str().unwrap_or_default();
                    self.datasets.insert(DatasetName::new(part("projectId"), part("datasetId")), json);
                }
                "table" => {
                    let name = TableName::of_reference(&json["resource"]["tableReference"], "");
                    let number = json["number"].as_u64().unwrap_or_default();
                    self.tables.insert(name, Table::new(number, json["resource"].clone())?);
                }
                "stream" => {
                    self.streams.insert(key, Stream::restore(&json)?);
                }
                _ => {
                    let job = Job::restore(json);
                    self.jobs.insert(job.key(), job);
                }
            }
        }
        Ok(())
    }

    /// A number that was not given before.
    pub(crate) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(crate) fn table(&self, name: &TableName) -> Result<&Table> {
        self.tables.get(name).ok_or_else(|| Error::not_found(format!("Table {name}")))
    }

    /// The table, for those who write rows: one that is new may not be there yet.
    pub(crate) fn table_for_rows(&mut self, name: &TableName) -> Result<&mut Table> {
        let missing = || Error::not_found(format!("Table {name}"));
        let table = self.tables.get_mut(name).ok_or_else(missing)?;
        if table.absent_for > 0 {
            table.absent_for -= 1;
            return Err(missing());
        }
        Ok(table)
    }

    pub(crate) fn dataset(&self, name: &DatasetName) -> Result<&Value> {
        self.datasets.get(name).ok_or_else(|| Error::not_found(format!("Dataset {name}")))
    }

    /// How many rows are in the table.
    pub(crate) fn count(&self, table: &Table) -> Result<u64> {
        let sql = format!("SELECT count(*) FROM {}", table.physical());
        Ok(self.db.prepare_cached(&sql)?.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())
    }
}

/// Writes an entry of the names that are kept beside the rows.
pub(crate) fn keep(db: &Connection, kind: &str, key: &str, json: &Value) -> Result<()> {
    let mut put = db.prepare_cached("INSERT OR REPLACE INTO meta VALUES (?, ?, ?)")?;
    put.execute(params![kind, key, json.to_string()])?;
    Ok(())
}

pub(crate) fn forget(db: &Connection, kind: &str, key: &str) -> Result<()> {
    db.prepare_cached("DELETE FROM meta WHERE kind = ? AND key = ?")?.execute(params![kind, key])?;
    Ok(())
}

/// Adds rows by a statement of [`insert_into`]; a transaction around it makes it quick and whole.
pub(crate) fn add_rows(db: &Connection, insert: &str, rows: impl IntoIterator<Item = Row>) -> Result<()> {
    let mut statement = db.prepare_cached(insert)?;
    for row in rows {
        statement.execute(params_from_iter(row))?;
    }
    Ok(())
}
