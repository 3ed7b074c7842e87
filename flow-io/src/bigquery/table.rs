use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::name::Named;
use super::settings::{Change, Method, Settings};
use super::sink::Shared;
use super::target::{Create, Disposition, Partitioning};
use super::{Schema, SchemaError};
use crate::gcp::GoogleCloud;

/// Writes elements as rows of a table: made by [`BigQuery::table`](super::BigQuery::table).
///
/// | method | delivery | for |
/// | --- | --- | --- |
/// | [`storage_write`](WriteTable::storage_write) | at least once | streams, unless another is chosen |
/// | [`exactly_once`](WriteTable::exactly_once) | effectively once | streams that must not write twice; collections that end, unless another is chosen |
/// | [`file_loads`](WriteTable::file_loads) | effectively once | big collections that end: loading costs nothing |
/// | [`streaming_inserts`](WriteTable::streaming_inserts) | at least once, duplicates mostly removed | servers without the Storage Write API |
///
/// Effectively once is across processes in a durable run: the tokens of streams, and the names of objects and jobs, are in
/// its manifests, and a later process commits again what the last one may not have. Rows that no manifest has are never visible.
/// What is at least once is sent before there is a manifest, and comes again after a crash.
///
/// A table that is not there is made with the sink's schema. Rows that do not fit the table's schema, or that the service
/// refuses, are refused one by one ([`try_write`](flow_core::PCollection::try_write)); the others are written.
///
/// For dynamic destinations, put all sinks on one [`GoogleCloud`]: they then share connections and what is known of
/// tables, and each table is made once.
///
/// ```
/// use flow_core::prelude::*;
/// use flow_io::bigquery::{BigQuery, Schema, TableRow};
/// use flow_io::gcp::GoogleCloud;
///
/// #[derive(Clone, serde::Serialize, TableRow)]
/// struct Order { id: String, at: Timestamp, total: f64, country: String }
///
/// let cloud = GoogleCloud::new();
/// let by_country = move |country: &String| {
///     BigQuery::table_in("shop.orders", country)
///         .on(&cloud)
///         .schema(Schema::of::<Order>())
///         .partitioned_by_day("at")
///         .clustered_by(["id"])
/// };
/// let p = Pipeline::new();
/// let orders = p.create(Vec::<Order>::new());
/// orders.write_by(|order| order.country.clone(), by_country);
/// ```
pub struct WriteTable<T> {
    pub(super) shared: Arc<Shared<T>>,
}

impl<T> fmt::Debug for WriteTable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WriteTable").field(&self.shared.settings).finish()
    }
}

/// A clone writes to the same table.
impl<T> Clone for WriteTable<T> {
    fn clone(&self) -> Self {
        WriteTable { shared: Arc::clone(&self.shared) }
    }
}

impl<T> WriteTable<T> {
    pub(super) fn new(named: Named) -> Self {
        WriteTable { shared: Arc::new(Shared::new(Settings::new(named))) }
    }

    /// The same with other settings: a sink of its own.
    fn with(self, change: impl FnOnce(&mut Settings<T>)) -> Self {
        let mut settings = self.shared.settings.clone();
        change(&mut settings);
        WriteTable { shared: Arc::new(Shared::new(settings)) }
    }

    /// Where BigQuery is, and who we are; [`GoogleCloud::from_env`] unless set.
    pub fn on(self, cloud: &GoogleCloud) -> Self {
        self.with(|settings| settings.cloud = cloud.clone())
    }

    /// The project of a table that was named without one.
    pub fn project(self, project: impl Into<String>) -> Self {
        self.with(|settings| settings.project = Some(project.into()))
    }

    /// What rows look like: of a type, as text (`"id:STRING:REQUIRED, total:FLOAT64"`), or as JSON. A table that is made
    /// gets it; one that is there must have its columns. Without it the table's own schema holds.
    ///
    /// ```
    /// use flow_io::bigquery::{BigQuery, Schema, WriteTable};
    /// let by_text: WriteTable<()> = BigQuery::table("shop.sales.orders").schema("id:STRING, n:INT64");
    /// let by_json: WriteTable<()> =
    ///     BigQuery::table("shop.sales.orders").schema(Schema::from_json(r#"[{"name": "id", "type": "STRING"}]"#));
    /// ```
    pub fn schema(self, schema: impl TryInto<Schema, Error: Into<SchemaError>>) -> Self {
        self.with(|settings| settings.schema = Some(schema.try_into().map_err(Into::into)))
    }

    /// A table that is made has a partition for each day of a column: TIMESTAMP, DATE or DATETIME.
    pub fn partitioned_by_day(self, column: impl Into<String>) -> Self {
        self.partitioned("DAY", column.into())
    }

    /// As [`partitioned_by_day`](WriteTable::partitioned_by_day), for each hour.
    pub fn partitioned_by_hour(self, column: impl Into<String>) -> Self {
        self.partitioned("HOUR", column.into())
    }

    /// As [`partitioned_by_day`](WriteTable::partitioned_by_day), for each month.
    pub fn partitioned_by_month(self, column: impl Into<String>) -> Self {
        self.partitioned("MONTH", column.into())
    }

    /// As [`partitioned_by_day`](WriteTable::partitioned_by_day), for each year.
    pub fn partitioned_by_year(self, column: impl Into<String>) -> Self {
        self.partitioned("YEAR", column.into())
    }

    fn partitioned(self, by: &'static str, column: String) -> Self {
        self.with(|settings| settings.partitioning = Some(Partitioning { by, column, expiration: None }))
    }

    /// Partitions of a table that is made are deleted when they are this old.
    pub fn partitions_expire_after(self, age: Duration) -> Self {
        self.with(|settings| settings.expiration = Some(age))
    }

    /// Queries of a table that is made must say which partitions they want.
    pub fn require_partition_filter(self) -> Self {
        self.with(|settings| settings.require_filter = true)
    }

    /// A table that is made is sorted by up to four columns.
    pub fn clustered_by<C: Into<String>>(self, columns: impl IntoIterator<Item = C>) -> Self {
        self.with(|settings| settings.clustering = columns.into_iter().map(Into::into).collect())
    }

    /// A table that is made has this primary key, which [`changes`](WriteTable::changes) go by.
    pub fn primary_key<C: Into<String>>(self, columns: impl IntoIterator<Item = C>) -> Self {
        self.with(|settings| settings.key = columns.into_iter().map(Into::into).collect())
    }

    /// Whether a table that is not there is made; it is unless set.
    pub fn create(self, create: Create) -> Self {
        self.with(|settings| settings.create = create)
    }

    /// What happens to rows that are in the table already; they stay unless set.
    pub fn write(self, disposition: Disposition) -> Self {
        self.with(|settings| settings.disposition = disposition)
    }

    /// Whether columns of the schema that the table lacks are added to it. Nothing else of a table is ever changed.
    pub fn add_fields(self, add: bool) -> Self {
        self.with(|settings| settings.add_fields = add)
    }

    /// Leaves out fields of elements that are no columns, instead of refusing such elements.
    pub fn ignore_unknown_fields(self) -> Self {
        self.with(|settings| settings.ignore_unknown = true)
    }

    /// How many tables the sinks of one [`GoogleCloud`] may make within an hour; 100 unless set. Elements of further ones
    /// are refused: tables named by data gone wild are not.
    pub fn max_new_tables(self, tables: usize) -> Self {
        self.with(|settings| settings.max_new_tables = tables)
    }

    /// Writes by `tabledata.insertAll`. Each row has an insert id, by which the service leaves out most rows that come
    /// twice within about a minute. After a crash elements come again in other requests: with ids of their own, unless
    /// [`insert_id`](WriteTable::insert_id) makes them of the elements.
    pub fn streaming_inserts(self) -> Self {
        self.with(|settings| settings.method = Some(Method::Inserts))
    }

    /// Writes by the default stream of the Storage Write API: rows are visible at once; after a failure some may be
    /// written twice.
    pub fn storage_write(self) -> Self {
        self.with(|settings| settings.method = Some(Method::Storage))
    }

    /// Writes by streams of the Storage Write API whose rows become visible when an epoch commits, once. The rows of an
    /// epoch are kept until it is prepared, beyond a megabyte in a temporary file.
    pub fn exactly_once(self) -> Self {
        self.with(|settings| settings.method = Some(Method::ExactlyOnce))
    }

    /// Writes JSON under [`staging`](WriteTable::staging), and loads the rows of each epoch with a job of their own. A
    /// pipeline of bounded collections alone has one epoch, and so one job when they have ended; beside a stream there
    /// are more. The staged objects are deleted afterwards.
    pub fn file_loads(self) -> Self {
        self.with(|settings| settings.method = Some(Method::Loads))
    }

    /// Where file loads put their objects: `gs://bucket/prefix`. A collection that ends is loaded from there unless
    /// another method is chosen.
    pub fn staging(self, place: impl Into<String>) -> Self {
        self.with(|settings| settings.staging = Some(place.into()))
    }

    /// The insert id of a row, for [`streaming_inserts`](WriteTable::streaming_inserts): rows of one id are one. Without
    /// it, ids tell apart all elements of a run.
    pub fn insert_id(self, id: impl Fn(&T) -> String + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.insert_id = Some(Arc::new(id)))
    }

    /// Each element takes the place of the row with its primary key.
    pub fn upsert_by_key(self) -> Self {
        self.changes(|_| Change::Upsert)
    }

    /// Each element takes the place of the row with its primary key, or removes it. The table must have a primary key.
    /// Changes of one key are applied in the order in which the service gets them: keep a key's changes on one worker,
    /// as behind a grouping by the same key.
    pub fn changes(self, change: impl Fn(&T) -> Change + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.change = Some(Arc::new(change)))
    }

    /// How many rows go into a request; 500 for streaming inserts and 10,000 else unless set. The service takes up to
    /// 50,000 of the former.
    pub fn batch_rows(self, rows: usize) -> Self {
        self.with(|settings| settings.batching.rows = Some(rows))
    }

    /// How many bytes of rows go into a request, at most 9 MiB; 2 MiB unless set.
    pub fn batch_bytes(self, bytes: usize) -> Self {
        self.with(|settings| settings.batching.bytes = bytes)
    }

    /// How long rows wait for more before they are sent, within an epoch; a second unless set.
    pub fn batch_age(self, age: Duration) -> Self {
        self.with(|settings| settings.batching.age = age)
    }
}

/// BigQuery, to write to and to read from.
///
/// ```
/// use flow_io::bigquery::{BigQuery, WriteTable};
/// let sink: WriteTable<serde_json::Value> = BigQuery::table("shop.sales.orders").schema("id:STRING, total:FLOAT64");
/// ```
#[derive(Debug)]
pub struct BigQuery(PhantomData<()>);

impl BigQuery {
    /// Writes elements to a table: `project.dataset.table`, `project:dataset.table`, or `dataset.table` with the
    /// [`project`](WriteTable::project) beside it. See [`WriteTable`].
    pub fn table<T>(name: impl Into<String>) -> WriteTable<T> {
        WriteTable::new(Named::Whole(name.into()))
    }

    /// As [`table`](BigQuery::table), of a dataset (`project.dataset`) and a table whose name may come from data: it stays
    /// in the dataset, whatever is in it. Elements of a table that cannot be named so are refused.
    pub fn table_in<T>(dataset: impl Into<String>, table: impl Into<String>) -> WriteTable<T> {
        WriteTable::new(Named::In(dataset.into(), table.into()))
    }
}
