//! Dead letters: as objects, and as rows of a table.

use flow_core::prelude::*;
use flow_io::bigquery::{Field, FieldType, Schema};
use flow_io::files::JsonFiles;

use super::event::{DeadLetter, UNKNOWN};
use super::landing::minute_path;
use super::object::{LetterObject, UnknownObject};
use super::output::Tables;
use super::paths;
use super::pipeline::Settings;
use super::row::LetterRow;
use super::tables::{Day, Table};

/// Writes every dead letter to an object of its type and to the error table; messages of no known type also as they
/// were sent.
pub(super) fn dead_letters(letters: &PCollection<DeadLetter>, settings: &Settings) {
    let output = &settings.output;
    let root = JsonFiles::under(&output.objects).on(&output.cloud);
    let unknowns = root.clone().named(|name| minute_path(&[], UNKNOWN, name));
    letters.map(LetterObject).named("object").write_by(
        |letter| letter.0.kind.clone(),
        move |kind| {
            let kind = kind.clone();
            root.clone().named(move |name| minute_path(&[paths::DEAD_LETTER], &kind, name))
        },
    );

    let unknown = letters.filter(DeadLetter::is_unknown).map(UnknownObject).named("unknown");
    unknown.write(unknowns);

    let rows = letters.window(Global::windows()).map(LetterRow).named("row");
    match &output.tables {
        Tables::Files(root) => {
            let files = table().files(root);
            rows.write_by(|row| Day::of(row.0.at), move |day| files.on(*day));
        }
        Tables::BigQuery(datasets) => rows.write(table().big_query(&datasets.dataset(&datasets.raw), output)),
    }
}

/// The error table. What does not say when it happened has no timestamp.
fn table() -> Table {
    let schema = Schema::new(vec![
        Field::required("event_type", FieldType::String),
        Field::nullable("timestamp", FieldType::Timestamp),
        Field::repeated("errors", FieldType::String),
        Field::required("event", FieldType::String),
    ]);
    Table {
        name: "dead_letters".to_owned(),
        schema: schema.expect("these are columns"),
        partitioned_by: "timestamp".to_owned(),
        clustered_by: vec!["event_type".to_owned()],
    }
}
