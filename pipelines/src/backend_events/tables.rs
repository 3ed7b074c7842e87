//! Tables, each partitioned by day: the raw layer has one for each type of event.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_core::prelude::*;
use flow_core::sink::Rejected;
use flow_io::files::{Parquet, ParquetFiles, WriteFiles};
use serde::{Deserialize, Serialize};

use super::catalog::EventType;
use super::event::{DeadLetter, Event};
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
    let tables: BTreeMap<_, _> =
        settings.catalog.types().map(|t| (t.name().clone(), Table::of(t, settings))).collect();
    let refused = rows
        .named("row")
        .try_write_by(Partition::of, move |partition| tables[&partition.kind].on(partition.day));
    let letter = |Rejected { value, destination, reason }: Rejected<EventRow>| {
        DeadLetter::refused(value.event, &destination, &reason)
    };
    refused.map(letter).named("refused")
}

/// The table of a type: files of Parquet, in a folder for each day.
struct Table {
    files: WriteFiles<Parquet>,
    partitioned_by: String,
}

impl Table {
    fn of(event_type: &EventType, settings: &Settings) -> Self {
        let root = settings.output.join(paths::TABLES).join(schema::DATASET).join(event_type.table());
        let files = ParquetFiles::under(root, schema::arrow_schema(event_type));
        Table { files, partitioned_by: event_type.partition_by().to_owned() }
    }

    fn on(&self, day: Day) -> WriteFiles<Parquet> {
        self.files.clone().within(paths::partition(&self.partitioned_by, day.start()))
    }
}

/// The day of a table that a row belongs to.
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
