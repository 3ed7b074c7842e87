//! The pipeline: from messages to objects and tables.
//!
//! ```text
//! messages -> check -> events    -> in time  -> landing objects, raw tables, curated tables
//!                  |             `> too late -> dead letters
//!                  `-> rejected  -> dead letters: objects and an error table; those of no known type once more
//! ```

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flow_core::prelude::*;

use super::catalog::Catalog;
use super::curated;
use super::dead_letters::dead_letters;
use super::decode::Dialect;
use super::event::{DeadLetter, Event, UNKNOWN};
use super::input::Input;
use super::landing::{Objects, landing};
use super::output::Output;
use super::received::Received;
use super::tables::tables;
use super::warning::Warning;
use crate::tally::Tally;

/// What the pipeline is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The event types.
    pub catalog: Arc<Catalog>,
    /// What publishers send.
    pub dialect: Dialect,
    /// Where everything is written.
    pub output: Output,
    /// How many events an object holds.
    pub objects: Objects,
    /// How long after its end a minute still takes events.
    pub allowed_lateness: Duration,
    /// Whether the curated tables are written too.
    pub curated: bool,
}

impl Settings {
    /// The shop's catalog, JSON, a minute's events an object, ten minutes of lateness, and the curated tables.
    pub fn under(output: impl Into<PathBuf>) -> Self {
        Settings {
            catalog: Arc::new(Catalog::builtin()),
            dialect: Dialect::Json,
            output: Output::under(output),
            objects: Objects::Minute,
            allowed_lateness: Duration::from_mins(10),
            curated: true,
        }
    }
}

/// The pipeline from an input on.
pub fn backend_events(p: &Pipeline, input: &Input, settings: &Settings) {
    store(p, &input.read(p), settings);
}

/// The pipeline behind its source.
pub fn store(p: &Pipeline, messages: &PCollection<Result<Received, DeadLetter>>, settings: &Settings) {
    let lateness = settings.allowed_lateness;
    let (events, rejected) = check(p, messages, settings).split();
    let (events, too_late) = per_minute(&events, |event| event.at, lateness).split_late();
    let events = count(p, &events, &settings.catalog);

    let not_landed = events.apply("landing", |events| landing(events, settings));
    let not_in_table = events.apply("tables", |events| tables(events, settings));
    if settings.curated {
        events.apply("curated", |events| curated::tables(events, settings));
    }

    let too_late = too_late.map(move |event| DeadLetter::late(event, lateness)).named("too late");
    let letters = [
        ("invalid", rejected),
        ("late", too_late),
        ("not landed", not_landed),
        ("not in a table", not_in_table),
    ];
    let letters = letters.map(|(reason, letters)| {
        letters.apply(reason, |letters| per_minute(&count_letters(p, letters, reason), |l| l.at, lateness))
    });
    letters[0].flatten(&letters[1..]).apply("dead letters", |letters| dead_letters(letters, settings));
}

/// Decodes every message and compares it with its type's entry in the catalog; counts what is odd.
pub(super) fn check(
    p: &Pipeline,
    messages: &PCollection<Result<Received, DeadLetter>>,
    settings: &Settings,
) -> PCollection<Result<Event, DeadLetter>> {
    let (catalog, dialect) = (Arc::clone(&settings.catalog), settings.dialect);
    let warnings = Tally::new(p, "warnings", Warning::NAMES);
    let check = move |message: Result<Received, DeadLetter>| {
        let checked = message?.check(&catalog, dialect);
        checked.warnings.iter().for_each(|warning| warnings.inc(warning.name()));
        checked.outcome
    };
    messages.map(check).named("check")
}

/// Counts the events of each type.
pub(super) fn count(p: &Pipeline, events: &PCollection<Event>, catalog: &Catalog) -> PCollection<Event> {
    let kinds = Tally::new(p, "events", catalog.types().map(|event_type| &**event_type.name()));
    events.inspect(move |event| kinds.inc(&event.kind)).named("count events")
}

/// Counts dead letters by the reason, which for messages of no known type is that.
pub(super) fn count_letters(
    p: &Pipeline,
    letters: &PCollection<DeadLetter>,
    reason: &'static str,
) -> PCollection<DeadLetter> {
    let reasons = Tally::new(p, "dead_letters", [UNKNOWN, reason]);
    letters.inspect(move |letter| reasons.inc(if letter.is_unknown() { UNKNOWN } else { reason }))
}

/// Puts things into the minute in which they happened.
fn per_minute<T: Element>(
    things: &PCollection<T>,
    at: fn(&T) -> Timestamp,
    allowed_lateness: Duration,
) -> PCollection<T> {
    let minutes = Fixed::of(Duration::from_mins(1)).allowed_lateness(allowed_lateness).discarding();
    // Messages carry the time at which they were published, if any: events happened before.
    things.with_timestamps_skewed(Duration::MAX, at).window(minutes)
}
