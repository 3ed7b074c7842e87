//! Tables filled from the objects of the past.

use std::sync::Arc;
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::{Error, Result};
use flow_io::bigquery::BigQuery;
use flow_io::gcp::GoogleCloud;
use gcp_bigquery_client::error::BQError;
use serde_json::Value;

use super::catalog::{Catalog, EventType};
use super::curated;
use super::dead_letters::dead_letters;
use super::event::Event;
use super::identity;
use super::input::Input;
use super::message::Message;
use super::output::Datasets;
use super::pipeline::{Settings, check, count, count_letters};
use super::row::EventRow;
use super::tables::tables;

/// Adds events to BigQuery's tables that are not in them: an event is in a table if a row says the same, so that what a
/// live stream has written, or an earlier backfill, is not written again. Nothing is written to the landing tree, where
/// the events may come from. `there` are the types whose tables exist.
pub fn backfill(
    p: &Pipeline,
    input: &Input,
    settings: &Settings,
    datasets: &Datasets,
    there: &[Arc<EventType>],
) {
    let (events, letters) = check(p, &input.read(p), settings).split();
    let events = events.with_timestamps_skewed(Duration::MAX, |event| event.at);
    let known = there.iter().map(|event_type| known(p, settings, datasets, event_type));
    let known = known.reduce(|all, more| all.flatten(&[more]));
    let new = match known {
        Some(known) => not_in(&events, &known, &settings.catalog),
        None => not_in(&events, &p.create(Vec::new()).named("no table"), &settings.catalog),
    };
    let new = count(p, &new, &settings.catalog);
    let refused = new.apply("tables", |events| tables(events, settings));
    if settings.curated {
        new.apply("curated", |events| curated::tables(events, settings));
    }
    let letters = letters.flatten(&[refused]);
    letters.apply("dead letters", |letters| dead_letters(&count_letters(p, letters, "invalid"), settings));
}

/// The types whose tables exist.
///
/// # Errors
/// When BigQuery does not say.
pub async fn existing(
    cloud: &GoogleCloud,
    datasets: &Datasets,
    catalog: &Catalog,
) -> Result<Vec<Arc<EventType>>> {
    let client = cloud.bigquery().await?;
    let mut there = Vec::new();
    for event_type in catalog.types() {
        let found = client.table().get(&datasets.project, &datasets.raw, event_type.table(), None).await;
        match found {
            Ok(_) => there.push(Arc::clone(event_type)),
            Err(BQError::ResponseError { error }) if error.error.code == 404 => {}
            Err(cause) => {
                let message = format!("table {}.{} cannot be looked at", datasets.raw, event_type.table());
                return Err(Error::source_failed(message, cause));
            }
        }
    }
    Ok(there)
}

/// What the rows of a type's table say.
fn known(
    p: &Pipeline,
    settings: &Settings,
    datasets: &Datasets,
    event_type: &Arc<EventType>,
) -> PCollection<(u128, ())> {
    let table = format!("{}.{}", datasets.dataset(&datasets.raw), event_type.table());
    let rows = p.read(BigQuery::read::<Value>(table).on(&settings.output.cloud));
    let (catalog, dialect) = (Arc::clone(&settings.catalog), settings.dialect);
    let said = move |row: Result<Value, _>| -> Result<(u128, ())> {
        let row = row.map_err(|bad| Error::source_failed("a row of a raw table cannot be read", bad))?;
        let data = row.to_string();
        let message = Message { data: data.as_bytes(), attribute: None, published: Timestamp::MIN };
        let event = message.check(&catalog, dialect).outcome.map_err(|letter| {
            Error::config(format!("a row of a raw table is no event: {}", letter.errors.join("; ")))
        })?;
        Ok((said(&event, &catalog), ()))
    };
    let named = format!("known {}", event_type.name());
    rows.process(move |row, out: &mut Emit<'_, (u128, ())>| said(row).map(|key| out.emit(key))).named(&named)
}

/// The events whose rows are not known, each once.
fn not_in(
    events: &PCollection<Event>,
    known: &PCollection<(u128, ())>,
    catalog: &Arc<Catalog>,
) -> PCollection<Event> {
    let catalog = Arc::clone(catalog);
    let events = events.key_by(move |event| said(event, &catalog));
    let new = |(_, (here, there)): (u128, (Group<Event>, Group<()>)), out: &mut Emit<'_, Event>| {
        if there.is_empty() {
            here.iter().take(1).for_each(|event| out.emit(event.clone()));
        }
    };
    events.co_group(known).process(new).named("new")
}

/// A number for what an event's row says: fields that the table lacks do not count.
fn said(event: &Event, catalog: &Catalog) -> u128 {
    let Some(event_type) = catalog.get(&event.kind) else { return event.identity() };
    let row = EventRow { event: event.clone(), event_type: Arc::clone(event_type) };
    match serde_json::to_value(row) {
        Ok(Value::Object(row)) => identity::of(&row),
        _ => event.identity(),
    }
}
