//! Dead letters: as objects, and as rows of a table.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use flow_core::prelude::*;
use flow_io::files::{JsonFiles, ParquetFiles};

use super::event::{DeadLetter, UNKNOWN};
use super::landing::minute_path;
use super::object::{LetterObject, UnknownObject};
use super::paths;
use super::pipeline::Settings;
use super::row::LetterRow;
use super::tables::Day;

/// Writes every dead letter to an object of its type and to the error table; messages of no known type also as they
/// were sent.
pub(super) fn dead_letters(letters: &PCollection<DeadLetter>, settings: &Settings) {
    let root = JsonFiles::under(&settings.output);
    letters.map(LetterObject).named("object").write_by(
        |letter| letter.0.kind.clone(),
        move |kind| {
            let kind = kind.clone();
            root.clone().named(move |name| minute_path(&[paths::DEAD_LETTER], &kind, name))
        },
    );

    let unknown = letters.filter(DeadLetter::is_unknown).map(UnknownObject).named("unknown");
    unknown.write(JsonFiles::under(&settings.output).named(|name| minute_path(&[], UNKNOWN, name)));

    let table = ParquetFiles::under(settings.output.join(paths::TABLES).join("dead_letters"), schema());
    letters.window(Global::windows()).map(LetterRow).named("row").write_by(
        |row| Day::of(row.0.at),
        move |day| table.clone().within(paths::partition("day", day.start())),
    );
}

/// The schema of the error table. What does not say when it happened has no timestamp.
fn schema() -> SchemaRef {
    let error = Field::new("element", DataType::Utf8, false);
    Arc::new(Schema::new(vec![
        Field::new("event_type", DataType::Utf8, false),
        Field::new("timestamp", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
        Field::new("errors", DataType::List(Arc::new(error)), false),
        Field::new("event", DataType::Utf8, false),
    ]))
}
