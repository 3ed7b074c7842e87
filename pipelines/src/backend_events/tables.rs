//! Tables, each partitioned by day: the raw layer has one for each type of event.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use flow_core::prelude::*;
use flow_core::sink::Rejected;
use flow_io::bigquery::{BigQuery, Schema, WriteTable};
use flow_io::files::{Parquet, ParquetFiles, WriteFiles};
use serde::{Deserialize, Serialize};

use super::catalog::EventType;
use super::event::{DeadLetter, Event};
use super::output::{Output, Tables};
use super::pipeline::Settings;
use super::row::EventRow;
use super::{paths, schema, utc};

/// Appends every event to the table of its type; those that do not fit it come back.
///
/// A table waits for no window to end: it takes the rows of each epoch.
pub(super) fn tables(events: &PCollection<Event>, settings: &Settings) -> PCollection<DeadLetter> {
    let catalog = Arc::clone(&settings.catalog);
    let rows = events.window(Global::windows()).filter_map(move |event| {
        let event_type = Arc::clone(catalog.get(&event.kind)?);
        Some(EventRow { event, event_type })
    });
    let (rows, output) = (rows.named("row"), &settings.output);
    let tables = settings.catalog.types().map(|event_type| (event_type.name(), Table::of(event_type)));
    let refused = match &output.tables {
        Tables::Files(root) => {
            let root = root.join(schema::DATASET);
            let files = tables.map(|(kind, table)| (Arc::clone(kind), table.files(&root)));
            let files: BTreeMap<_, _> = files.collect();
            rows.try_write_by(Partition::of, move |partition| files[&partition.kind].on(partition.day))
        }
        Tables::BigQuery(datasets) => {
            let dataset = datasets.dataset(&datasets.raw);
            let sinks = tables.map(|(kind, table)| (Arc::clone(kind), table.big_query(&dataset, output)));
            let sinks: BTreeMap<_, _> = sinks.collect();
            rows.try_write_by(|row| Arc::clone(&row.event.kind), move |kind| sinks[kind].clone())
        }
    };
    let letter = |Rejected { value, destination, reason }: Rejected<EventRow>| {
        DeadLetter::refused(value.event, &destination, &reason)
    };
    refused.map(letter).named("refused")
}

/// A table: its columns, and how its rows lie.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) schema: Schema,
    /// The column whose day is the row's partition.
    pub(super) partitioned_by: String,
    pub(super) clustered_by: Vec<String>,
}

impl Table {
    /// The table of a type of event.
    fn of(event_type: &EventType) -> Self {
        Table {
            name: event_type.table().to_owned(),
            schema: schema::table_schema(event_type),
            partitioned_by: event_type.partition_by().to_owned(),
            clustered_by: event_type.cluster_by().to_vec(),
        }
    }

    /// As files of Parquet in a folder of the dataset's.
    pub(super) fn files(&self, dataset: &Path) -> Files {
        let files = ParquetFiles::under(dataset.join(&self.name), schema::arrow_schema(&self.schema));
        Files { files, partitioned_by: self.partitioned_by.clone() }
    }

    /// In a dataset of BigQuery.
    pub(super) fn big_query<T>(&self, dataset: &str, output: &Output) -> WriteTable<T> {
        let table = BigQuery::table(format!("{dataset}.{}", self.name))
            .on(&output.cloud)
            .schema(self.schema.clone())
            .partitioned_by_day(&self.partitioned_by)
            .clustered_by(&self.clustered_by);
        if output.exactly_once { table.exactly_once() } else { table }
    }
}

/// A table as files of Parquet, in a folder for each day.
pub(super) struct Files {
    files: WriteFiles<Parquet>,
    partitioned_by: String,
}

impl Files {
    pub(super) fn on(&self, day: Day) -> WriteFiles<Parquet> {
        self.files.clone().within(paths::partition(&self.partitioned_by, day.start()))
    }
}

/// The partition of a type's table that a row belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Partition {
    kind: Arc<str>,
    day: Day,
}

impl Partition {
    fn of(row: &EventRow) -> Self {
        let EventRow { event, event_type } = row;
        let at = if event_type.partition_by() == event_type.event_time() {
            event.at
        } else {
            let text = event.body.get(event_type.partition_by()).and_then(|at| at.as_str());
            text.and_then(utc::parse).unwrap_or(event.at)
        };
        Partition { kind: Arc::clone(&event.kind), day: Day::of(at) }
    }
}

/// A day in UTC, as the number of days since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Day(i64);

const DAY: i64 = 86_400_000_000;

impl Day {
    pub(super) fn of(at: Timestamp) -> Self {
        Day(at.micros().div_euclid(DAY))
    }

    pub(super) fn start(self) -> Timestamp {
        Timestamp::from_micros(self.0.saturating_mul(DAY))
    }
}
