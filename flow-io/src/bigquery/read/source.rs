use std::fmt;
use std::marker::PhantomData;

use flow_core::source::{ReaderContext, Source};
use flow_core::{Element, Error, ErrorKind, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::pages::{Pages, Place};
use super::{BadRow, RowsReader};
use crate::bigquery::Schema;
use crate::bigquery::name::{Named, check_project};
use crate::bigquery::service::Service;
use crate::bigquery::table::BigQuery;
use crate::gcp::{GoogleCloud, Retrying, Traffic};

/// Reads the rows of a table or of a query's result: made by [`BigQuery::read`] and [`BigQuery::query`].
///
/// Rows become values by serde: columns are fields by name, TIMESTAMP is RFC 3339 text as
/// [`Timestamp`](flow_core::Timestamp) reads it, NUMERIC is decimal text. A row that is not such a value becomes a
/// [`BadRow`].
///
/// ```
/// use flow_core::prelude::*;
/// use flow_io::bigquery::BigQuery;
///
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// struct Order { id: String, total: f64 }
///
/// let all = BigQuery::read::<Order>("shop.sales.orders");
/// let big = BigQuery::query::<Order>("SELECT id, total FROM `shop.sales.orders` WHERE total > 1000").project("shop");
/// let p = Pipeline::new();
/// let orders = p.read(all);
/// ```
pub struct ReadRows<T> {
    cloud: GoogleCloud,
    what: What,
    project: Option<String>,
    location: Option<String>,
    columns: Vec<String>,
    page: u32,
    row: PhantomData<fn() -> T>,
}

#[derive(Clone, Debug)]
enum What {
    Table(Named),
    Query(String),
}

impl<T> Clone for ReadRows<T> {
    fn clone(&self) -> Self {
        ReadRows {
            cloud: self.cloud.clone(),
            what: self.what.clone(),
            project: self.project.clone(),
            location: self.location.clone(),
            columns: self.columns.clone(),
            ..*self
        }
    }
}

impl<T> fmt::Debug for ReadRows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadRows").field("what", &self.what).finish_non_exhaustive()
    }
}

/// A part of [`ReadRows`]: rows by their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsSplit {
    pub(super) place: Place,
    /// As JSON, which any encoding of splits can hold.
    pub(super) schema: String,
    pub(super) from: u64,
    pub(super) to: u64,
}

/// Splits are not made smaller than this to occupy more workers.
const SMALLEST_SPLIT: u64 = 10_000;

/// The largest split: a part that a worker takes at a time.
const LARGEST_SPLIT: u64 = 1_000_000;

impl BigQuery {
    /// Reads the rows of a table: `project.dataset.table`. See [`ReadRows`].
    ///
    /// Rows that are written while it is read may be missing.
    pub fn read<T>(table: impl Into<String>) -> ReadRows<T> {
        ReadRows::new(What::Table(Named::Whole(table.into())))
    }

    /// Runs a query in GoogleSQL, in a project that pays for it ([`project`](ReadRows::project)), and reads its result.
    /// See [`ReadRows`].
    pub fn query<T>(sql: impl Into<String>) -> ReadRows<T> {
        ReadRows::new(What::Query(sql.into()))
    }
}

impl<T> ReadRows<T> {
    fn new(what: What) -> Self {
        ReadRows {
            cloud: GoogleCloud::from_env(),
            what,
            project: None,
            location: None,
            columns: Vec::new(),
            page: 10_000,
            row: PhantomData,
        }
    }

    /// Where BigQuery is, and who we are; [`GoogleCloud::from_env`] unless set.
    pub fn on(self, cloud: &GoogleCloud) -> Self {
        ReadRows { cloud: cloud.clone(), ..self }
    }

    /// The project in which a query runs, or of a table that was named without one.
    pub fn project(self, project: impl Into<String>) -> Self {
        ReadRows { project: Some(project.into()), ..self }
    }

    /// Where a query runs, as `EU`; the service finds out by itself unless its tables are in a single region.
    pub fn location(self, location: impl Into<String>) -> Self {
        ReadRows { location: Some(location.into()), ..self }
    }

    /// Reads only these columns of a table.
    pub fn columns<C: Into<String>>(self, columns: impl IntoIterator<Item = C>) -> Self {
        ReadRows { columns: columns.into_iter().map(Into::into).collect(), ..self }
    }

    /// How many rows are asked for at a time; 10,000 unless set. The service gives fewer where they are big.
    pub fn page_rows(self, rows: u32) -> Self {
        ReadRows { page: rows.max(1), ..self }
    }

    /// Asks the server what there is to read.
    async fn find(&self) -> Result<(Place, Schema, u64)> {
        let service = Service::of(&self.cloud).await?;
        let pages = Pages { service, retrying: Retrying::new(self.cloud.retry(), Traffic::default()) };
        match &self.what {
            What::Table(named) => {
                let name = named.resolve(self.project.as_deref())?;
                let (schema, rows) = pages.of_table(&name, &self.columns).await?;
                Ok((Place::Table(name, self.columns.clone()), schema, rows))
            }
            What::Query(sql) => {
                let Some(project) = self.project.as_deref() else {
                    return Err(Error::config("a query needs a project that pays for it: set `project`"));
                };
                check_project(project, &project)?;
                pages.of_query(project, self.location.as_deref(), sql).await
            }
        }
    }
}

impl<T: Element + DeserializeOwned> Source for ReadRows<T> {
    type Item = Result<T, BadRow>;
    type Split = RowsSplit;
    type Position = u64;
    type Reader = RowsReader<T>;

    fn is_bounded(&self) -> bool {
        true
    }

    fn splits(&self, desired: usize) -> Result<Vec<RowsSplit>> {
        let runtime = Handle::try_current().map_err(|cause| {
            Error::new(ErrorKind::Internal, "BigQuery is read within a runtime").caused_by(cause)
        })?;
        let (place, schema, rows) = runtime.block_on(self.find())?;
        let schema = serde_json::to_string(&schema).map_err(|cause| {
            Error::new(ErrorKind::Internal, "a schema has no form in JSON").caused_by(cause)
        })?;
        let size =
            (rows / desired.max(1) as u64).clamp(SMALLEST_SPLIT.min(u64::from(self.page)), LARGEST_SPLIT);
        let starts = (0..rows).step_by(usize::try_from(size).unwrap_or(usize::MAX));
        let split = |from| RowsSplit {
            place: place.clone(),
            schema: schema.clone(),
            from,
            to: (from + size).min(rows),
        };
        Ok(starts.map(split).collect())
    }

    fn reader(&self, split: &RowsSplit, from: Option<u64>, cx: &ReaderContext) -> Result<RowsReader<T>> {
        RowsReader::open(&self.cloud, split, from.unwrap_or(split.from), self.page, cx)
    }

    fn describe(&self) -> String {
        match &self.what {
            What::Table(named) => format!("BigQuery table {named}"),
            What::Query(_) => "BigQuery query".to_owned(),
        }
    }
}
