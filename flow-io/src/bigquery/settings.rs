use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use flow_core::{Error, Result};

use super::name::{Named, TableName, check_project};
use super::target::{Create, Disposition, Partitioning, Target};
use super::{Schema, SchemaError};
use crate::gcp::GoogleCloud;

/// What a row does to the row with its primary key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Takes its place, or is added.
    Upsert,
    /// Removes it.
    Delete,
}

/// How rows get into a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// `tabledata.insertAll`.
    Inserts,
    /// The default stream of the Storage Write API.
    Storage,
    /// Streams with offsets, of the kind that fits the collection.
    ExactlyOnce,
    /// Objects in Cloud Storage, and jobs that load them.
    Loads,
}

/// How rows get into a table, now that it is known whether the collection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Inserts,
    Default,
    Buffered,
    Pending,
    Loads,
}

/// How many rows go together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batching {
    pub(super) rows: Option<usize>,
    pub(super) bytes: usize,
    pub(super) age: Duration,
}

/// What a request may hold: the service takes 10 MB, and some of it is not rows.
pub(super) const LARGEST: usize = 9 << 20;

/// How many rows `insertAll` takes.
pub(super) const MOST_ROWS: usize = 50_000;

/// A sink as the program describes it.
pub(super) struct Settings<T> {
    pub(super) cloud: GoogleCloud,
    pub(super) named: Named,
    pub(super) project: Option<String>,
    pub(super) schema: Option<Result<Schema, SchemaError>>,
    pub(super) partitioning: Option<Partitioning>,
    pub(super) expiration: Option<Duration>,
    pub(super) require_filter: bool,
    pub(super) clustering: Vec<String>,
    pub(super) key: Vec<String>,
    pub(super) create: Create,
    pub(super) disposition: Disposition,
    pub(super) add_fields: bool,
    pub(super) ignore_unknown: bool,
    pub(super) max_new_tables: usize,
    pub(super) method: Option<Method>,
    pub(super) staging: Option<String>,
    pub(super) batching: Batching,
    pub(super) insert_id: Option<Arc<dyn Fn(&T) -> String + Send + Sync>>,
    pub(super) change: Option<Arc<dyn Fn(&T) -> Change + Send + Sync>>,
}

impl<T> Clone for Settings<T> {
    fn clone(&self) -> Self {
        Settings {
            cloud: self.cloud.clone(),
            named: self.named.clone(),
            project: self.project.clone(),
            schema: self.schema.clone(),
            partitioning: self.partitioning.clone(),
            clustering: self.clustering.clone(),
            key: self.key.clone(),
            staging: self.staging.clone(),
            insert_id: self.insert_id.clone(),
            change: self.change.clone(),
            ..*self
        }
    }
}

impl<T> fmt::Debug for Settings<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("table", &self.named)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

impl<T> Settings<T> {
    pub(super) fn new(named: Named) -> Self {
        Settings {
            cloud: GoogleCloud::from_env(),
            named,
            project: None,
            schema: None,
            partitioning: None,
            expiration: None,
            require_filter: false,
            clustering: Vec::new(),
            key: Vec::new(),
            create: Create::default(),
            disposition: Disposition::default(),
            add_fields: false,
            ignore_unknown: false,
            max_new_tables: 100,
            method: None,
            staging: None,
            batching: Batching { rows: None, bytes: 2 << 20, age: Duration::from_secs(1) },
            insert_id: None,
            change: None,
        }
    }

    /// The table with everything checked that needs no server.
    pub(super) fn target(&self) -> Result<Target> {
        if let Some(project) = &self.project {
            check_project(project, project)?;
        }
        let name: TableName = self.named.resolve(self.project.as_deref())?;
        let schema = match &self.schema {
            Some(Err(wrong)) => {
                return Err(Error::config(format!("the schema of the table {name}: {wrong}")));
            }
            Some(Ok(schema)) => Some(schema.clone()),
            None => None,
        };
        let partitioning =
            self.partitioning.clone().map(|p| Partitioning { expiration: self.expiration, ..p });
        if partitioning.is_none() && (self.expiration.is_some() || self.require_filter) {
            return Err(Error::config(format!("the table {name} has no partitions to expire or filter")));
        }
        let target = Target {
            name,
            schema,
            partitioning,
            require_filter: self.require_filter,
            clustering: self.clustering.clone(),
            key: self.key.clone(),
            create: self.create,
            add_fields: self.add_fields,
            max_new_tables: self.max_new_tables,
        };
        target.check()?;
        Ok(target)
    }

    pub(super) fn way(&self, bounded: bool) -> Way {
        match self.method {
            Some(Method::Inserts) => Way::Inserts,
            Some(Method::Loads) => Way::Loads,
            Some(Method::Storage) => Way::Default,
            Some(Method::ExactlyOnce) if bounded => Way::Pending,
            Some(Method::ExactlyOnce) => Way::Buffered,
            None if self.change.is_some() || !bounded => Way::Default,
            None if self.staging.is_some() => Way::Loads,
            None => Way::Pending,
        }
    }

    /// What does not go together, for a collection that ends or does not.
    pub(super) fn check(&self, bounded: bool) -> Result<()> {
        let way = self.way(bounded);
        let wrong = match self.disposition {
            Disposition::Truncate | Disposition::Empty if !bounded => {
                Some("a collection that does not end is appended: leave out `write`")
            }
            Disposition::Truncate if way != Way::Loads => {
                Some("rows are replaced by file loads alone: name a place for them with `staging`")
            }
            _ if way == Way::Loads && self.staging.is_none() => {
                Some("file loads need a place: name one with `staging(\"gs://bucket/prefix\")`")
            }
            _ if way == Way::Loads && !bounded => {
                Some("file loads are for collections that end: use `storage_write` or `exactly_once`")
            }
            _ if self.change.is_some() && way != Way::Default => {
                Some("changes by key are written by `storage_write` alone")
            }
            _ if self.insert_id.is_some() && way != Way::Inserts => {
                Some("insert ids are of `streaming_inserts` alone")
            }
            _ => None,
        };
        match wrong {
            Some(wrong) => Err(Error::config(format!("writing to the table {}: {wrong}", self.named))),
            None => Ok(()),
        }
    }

    /// How many rows and bytes a request holds at most.
    pub(super) fn limits(&self, way: Way) -> (usize, usize) {
        let (usual, most) = match way {
            Way::Inserts => (500, MOST_ROWS),
            _ => (10_000, usize::MAX),
        };
        let rows = self.batching.rows.unwrap_or(usual).clamp(1, most);
        (rows, self.batching.bytes.clamp(1, LARGEST))
    }
}
