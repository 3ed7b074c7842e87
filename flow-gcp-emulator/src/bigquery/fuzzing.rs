use std::sync::LazyLock;

use serde_json::{Value, json};

use super::schema::Schema;
use super::state::{DatasetName, State, TableName};

/// A column of every type, and a record of some.
fn columns() -> Value {
    let types = [
        "STRING",
        "BYTES",
        "INTEGER",
        "FLOAT",
        "NUMERIC",
        "BIGNUMERIC",
        "BOOLEAN",
        "TIMESTAMP",
        "DATE",
        "TIME",
        "DATETIME",
        "JSON",
        "GEOGRAPHY",
    ];
    let names = "sbifnmltdhejg".chars();
    let mut fields: Vec<Value> =
        names.zip(types).map(|(name, ty)| json!({"name": name.to_string(), "type": ty})).collect();
    fields.push(json!({"name": "r", "type": "INTEGER", "mode": "REPEATED"}));
    let inner = fields.clone();
    fields.push(json!({"name": "z", "type": "RECORD", "mode": "REPEATED", "fields": inner}));
    json!({ "fields": fields })
}

pub(super) static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::parse(&columns()).unwrap_or_else(|error| panic!("{error:?}")));

/// A query is refused, or said anew as one that only reads.
pub fn sql(data: &[u8]) {
    thread_local! {
        static STATE: State = with_tables().unwrap_or_else(|error| panic!("{error:?}"));
    }
    if let Ok(text) = std::str::from_utf8(data) {
        STATE.with(|state| super::sql::check(state, text));
    }
}

fn with_tables() -> Result<State, super::Error> {
    let mut state = State::open(None)?;
    state.create_dataset(&DatasetName::new("p", "d"), json!({}), 0)?;
    state.create_table(&TableName::new("p", "d", "t"), json!({ "schema": columns() }), 0)?;
    Ok(state)
}

/// A file of a load job is refused or gives rows. The first byte chooses the format.
pub fn load(data: &[u8]) {
    if let Some((format, data)) = data.split_first() {
        super::load::check(data, *format, &SCHEMA);
    }
}

/// A row of the Storage Write API is refused or read.
pub fn proto_rows(data: &[u8]) {
    super::write::check_row(data, &SCHEMA);
}
