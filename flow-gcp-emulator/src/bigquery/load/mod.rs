//! Load jobs: files of the emulated Cloud Storage into a table, all rows or none.

mod csv;
mod files;
mod parquet;

use serde_json::{Map, Value, json};

use self::files::File;
use super::Objects;
use super::error::{Error, Result};
use super::schema::{Allowed, Schema, merge, normalise};
use super::state::{State, TableName, add_rows};
use super::value::{Problem, Reading, Row};

/// How the files are written.
#[derive(Clone, Copy, PartialEq)]
enum Format {
    Json,
    Csv,
    Parquet,
}

/// What becomes of the table before its rows come.
enum Change {
    None,
    Create(Value),
    Widen(Value),
    /// Replaced by an empty one with these fields.
    Replace(Value),
    Truncate,
}

/// The rows of all files, and how many records were bad.
#[derive(Default)]
struct Loaded {
    rows: Vec<Row>,
    bad: u64,
}

impl State {
    /// Runs a load job; gives its statistics.
    pub(crate) fn load(&mut self, project: &str, load: &Value, objects: &Objects, now: i64) -> Result<Value> {
        let name = TableName::of_reference(&load["destinationTable"], project);
        self.dataset(&name.of)?;
        let format = format_of(load)?;
        let files = files::of(load, objects)?;
        let given = given_schema(load, format, &files)?;
        let (schema, change) = self.change(&name, load, given)?;
        let loaded = read(load, format, &files, &schema)?;
        let rows = loaded.rows.len();
        self.apply(&name, load, change, now)?;
        let table = self.table(&name)?;
        let transaction = self.db.unchecked_transaction()?;
        add_rows(&transaction, &table.insert(), loaded.rows)?;
        transaction.commit()?;
        let bytes: usize = files.iter().map(|file| file.bytes.len()).sum();
        Ok(json!({
            "inputFiles": files.len().to_string(),
            "inputFileBytes": bytes.to_string(),
            "outputRows": rows.to_string(),
            "outputBytes": bytes.to_string(),
            "badRecords": loaded.bad.to_string(),
        }))
    }

    /// The schema to read by, and what has to be done to the table; nothing is done yet.
    fn change(&self, name: &TableName, load: &Value, given: Option<Value>) -> Result<(Schema, Change)> {
        let parsed = |fields: &Value| Schema::parse(&json!({ "fields": fields }));
        let disposition = load["writeDisposition"].as_str().unwrap_or("WRITE_APPEND");
        let Some(table) = self.tables.get(name) else {
            if load["createDisposition"] == "CREATE_NEVER" {
                return Err(Error::not_found(format!("Table {name}")));
            }
            let fields = given.ok_or_else(|| {
                Error::invalid("No schema specified on job or table. The emulator does not detect schemas of JSON and CSV.")
            })?;
            return Ok((parsed(&fields)?, Change::Create(fields)));
        };
        let old = &table.resource["schema"]["fields"];
        match disposition {
            "WRITE_APPEND" => {}
            "WRITE_EMPTY" if self.count(table)? == 0 => {}
            "WRITE_EMPTY" => return Err(Error::duplicate(format!("Table {name}"))),
            "WRITE_TRUNCATE" => {
                return match given.filter(|fields| fields != old) {
                    Some(fields) => Ok((parsed(&fields)?, Change::Replace(fields))),
                    None => Ok(((*table.schema).clone(), Change::Truncate)),
                };
            }
            other => return Err(Error::invalid(format!("Invalid value for writeDisposition: {other}"))),
        }
        let Some(fields) = given else { return Ok(((*table.schema).clone(), Change::None)) };
        let merged = merge(&name.to_string(), old, &fields, allowed(load), true)?;
        Ok((parsed(&merged)?, if merged == *old { Change::None } else { Change::Widen(fields) }))
    }

    fn apply(&mut self, name: &TableName, load: &Value, change: Change, now: i64) -> Result<()> {
        match change {
            Change::None => Ok(()),
            Change::Create(fields) => {
                let mut resource = json!({"schema": {"fields": fields}});
                for key in ["timePartitioning", "clustering"] {
                    resource[key] = load[key].clone();
                }
                self.create_table(name, resource, now)?;
                Ok(())
            }
            Change::Widen(fields) => self.widen(name, &json!({ "fields": fields }), allowed(load), now),
            Change::Replace(fields) => {
                let mut resource = self.table(name)?.resource.clone();
                resource["schema"] = json!({ "fields": fields });
                self.delete_table(name)?;
                self.create_table(name, resource, now).map(drop)
            }
            Change::Truncate => {
                let physical = self.table(name)?.physical();
                Ok(self.db.execute_batch(&format!("DELETE FROM {physical}"))?)
            }
        }
    }
}

fn format_of(load: &Value) -> Result<Format> {
    match load["sourceFormat"].as_str().unwrap_or("CSV") {
        "NEWLINE_DELIMITED_JSON" => Ok(Format::Json),
        "CSV" => Ok(Format::Csv),
        "PARQUET" => Ok(Format::Parquet),
        other => Err(Error::invalid(format!(
            "the emulator does not load {other}: use NEWLINE_DELIMITED_JSON, CSV or PARQUET"
        ))),
    }
}

fn allowed(load: &Value) -> Allowed {
    let options = load["schemaUpdateOptions"].as_array();
    let has = |option: &str| options.into_iter().flatten().any(|one| one == option);
    Allowed { addition: has("ALLOW_FIELD_ADDITION"), relaxation: has("ALLOW_FIELD_RELAXATION") }
}

/// The fields that the job or its Parquet files give, by their usual names.
fn given_schema(load: &Value, format: Format, files: &[File]) -> Result<Option<Value>> {
    let mut fields = match (&load["schema"]["fields"], format, files.first()) {
        (Value::Array(fields), _, _) => Value::Array(fields.clone()),
        (_, Format::Parquet, Some(file)) => parquet::fields(file)?,
        _ => return Ok(None),
    };
    let schema = Schema::parse(&json!({ "fields": fields }))?;
    normalise(&mut fields, &schema);
    Ok(Some(fields))
}

fn read(load: &Value, format: Format, files: &[File], schema: &Schema) -> Result<Loaded> {
    let mut most_bad = load["maxBadRecords"].as_u64().unwrap_or(0);
    let mut loaded = Loaded::default();
    let reading =
        Reading { ignore_unknown: load["ignoreUnknownValues"] == true, hex: format == Format::Parquet };
    for file in files {
        let mut take = |line: usize, row: std::result::Result<Row, Problem>| match row {
            Ok(row) => {
                loaded.rows.push(row);
                Ok(())
            }
            Err(_) if most_bad > 0 => {
                most_bad -= 1;
                loaded.bad += 1;
                Ok(())
            }
            Err(problem) => Err(bad_row(file, line, &problem)),
        };
        match format {
            Format::Csv => csv::read(load, file, schema, &mut take)?,
            Format::Json => lines(&file.plain()?, reading, schema, &mut take)?,
            Format::Parquet => lines(&parquet::as_lines(file)?, reading, schema, &mut take)?,
        }
    }
    Ok(loaded)
}

fn bad_row(file: &File, line: usize, problem: &Problem) -> Error {
    let place =
        if problem.location.is_empty() { String::new() } else { format!("field {}: ", problem.location) };
    Error::invalid(format!(
        "Error while reading data, error message: too many errors, giving up at row {line}: {place}{} File: {}",
        problem.message, file.uri
    ))
}

/// JSON, an object a line.
fn lines(
    text: &[u8],
    reading: Reading,
    schema: &Schema,
    take: &mut impl FnMut(usize, std::result::Result<Row, Problem>) -> Result<()>,
) -> Result<()> {
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let object: std::result::Result<Map<String, Value>, _> = serde_json::from_slice(line);
        let row = match object {
            Ok(object) => reading.row(schema, &object),
            Err(error) => Err(Problem::at("", format!("not an object of JSON: {error}."))),
        };
        take(number + 1, row)?;
    }
    Ok(())
}

/// Reads bytes as a file of a load job, which is refused or gives rows: of each format, by its own schema where it has one.
#[cfg(any(test, fuzzing))]
pub(super) fn check(data: &[u8], format: u8, schema: &Schema) {
    let (format, name) = match format % 3 {
        0 => (Format::Json, "NEWLINE_DELIMITED_JSON"),
        1 => (Format::Csv, "CSV"),
        _ => (Format::Parquet, "PARQUET"),
    };
    let files = [File { uri: "gs://shop/a".into(), bytes: bytes::Bytes::copy_from_slice(data) }];
    let load = json!({"sourceFormat": name, "maxBadRecords": 1_000});
    let _ = read(&load, format, &files, schema);
    if let Ok(Some(fields)) = given_schema(&load, format, &files)
        && let Ok(own) = Schema::parse(&json!({ "fields": fields }))
    {
        let _ = read(&load, format, &files, &own);
    }
}
