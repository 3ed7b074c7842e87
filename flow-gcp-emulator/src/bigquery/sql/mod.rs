//! Queries: read in BigQuery's dialect, bound to the tables' schemas, and said anew for SQLite.
//!
//! Binding gives each expression its type, as BigQuery has it; SQLite has fewer. Where SQLite would compute something else
//! (arithmetic, casts, times, text) the new text calls functions of ours, registered in `udf.rs`. Relational work (joins,
//! grouping, sorting, subqueries) is SQLite's. What the binder does not know is an error, never passed through.

mod aggregate;
mod arithmetic;
mod bound;
mod cast;
mod clock;
mod expression;
mod from;
mod functions;
mod group;
mod moments;
mod names;
mod nested;
mod query;
mod select;
mod strings;
mod text;
mod udf;

use rusqlite::types::Value as Cell;
use serde_json::Value;
use sqlparser::ast::Statement;
use sqlparser::dialect::BigQueryDialect;
use sqlparser::parser::Parser;

pub(crate) use udf::register;

use self::bound::Relation;
use self::names::Env;
use super::error::{Error, Result};
use super::jobs::Results;
use super::schema::{Field, Mode, Schema, Type};
use super::state::State;
use super::value::Row;

/// What a query is asked with.
#[derive(Debug)]
pub(crate) struct Settings<'a> {
    /// The project of tables that are named without one.
    pub(crate) project: &'a str,
    /// The dataset of tables that are named alone.
    pub(crate) dataset: Option<&'a str>,
    /// The `queryParameters` of the request.
    pub(crate) parameters: &'a Value,
    /// CURRENT_TIMESTAMP, in microseconds.
    pub(crate) now: i64,
}

/// Binds queries; holds what they are bound to.
pub(super) struct Binder<'a> {
    pub(super) state: &'a State,
    pub(super) settings: &'a Settings<'a>,
    fresh: std::cell::Cell<usize>,
}

impl Binder<'_> {
    /// A name for a table in the new text that no other has.
    pub(super) fn fresh(&self) -> String {
        let number = self.fresh.get();
        self.fresh.set(number + 1);
        format!("s{number}")
    }
}

/// Answers a query.
pub(crate) fn run(state: &State, text: &str, settings: &Settings<'_>) -> Result<Results> {
    let relation = bind(state, text, settings)?;
    let schema = schema_of(&relation)?;
    let rows = fetch(state, &relation.sql, schema.fields.len())?;
    Ok(Results { schema, rows })
}

/// Reads a query, and says it anew for SQLite.
fn bind(state: &State, text: &str, settings: &Settings<'_>) -> Result<Relation> {
    let statements = Parser::parse_sql(&BigQueryDialect {}, text)
        .map_err(|error| Error::query(format!("Syntax error: {}", plain(&error.to_string()))))?;
    let [Statement::Query(query)] = &statements[..] else {
        return Err(unsupported("statements other than one SELECT"));
    };
    let binder = Binder { state, settings, fresh: std::cell::Cell::new(0) };
    binder.query(query, &Env::default())
}

/// Binds a query and has SQLite read it, but not run it: it may only read.
#[cfg(any(test, fuzzing))]
pub(crate) fn check(state: &State, text: &str) {
    let settings = Settings { project: "p", dataset: Some("d"), parameters: &Value::Null, now: 0 };
    let Ok(relation) = bind(state, text, &settings) else { return };
    let _ = schema_of(&relation);
    if let Ok(statement) = state.db.prepare(&relation.sql) {
        assert!(statement.readonly(), "{text:?} became {}", relation.sql);
    }
}

fn plain(message: &str) -> &str {
    message.strip_prefix("sql parser error: ").unwrap_or(message)
}

pub(super) fn unsupported(what: impl std::fmt::Display) -> Error {
    Error::query(format!("the emulator does not understand {what}"))
}

fn schema_of(relation: &Relation) -> Result<Schema> {
    let mut nameless = 0;
    let mut fields: Vec<Field> = Vec::new();
    for column in &relation.columns {
        let name = column.name.clone().unwrap_or_else(|| {
            nameless += 1;
            format!("f{}_", nameless - 1)
        });
        if fields.iter().any(|field| field.name.eq_ignore_ascii_case(&name)) {
            let text =
                format!("Duplicate column names in the result are not supported. Found duplicate(s): {name}");
            return Err(Error::query(text));
        }
        let (ty, mode) = match column.ty.clone().unwrap_or(Type::Int64) {
            Type::Array(of) => (*of, Mode::Repeated),
            ty => (ty, Mode::Nullable),
        };
        fields.push(Field { name, ty, mode });
    }
    Ok(Schema { fields })
}

fn fetch(state: &State, sql: &str, columns: usize) -> Result<Vec<Row>> {
    let failed = |error: rusqlite::Error| match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => Error::query(message),
        other => Error::query(other.to_string()),
    };
    let mut statement = state.db.prepare(sql).map_err(failed)?;
    let rows = statement.query_map([], |row| (0..columns).map(|at| row.get::<_, Cell>(at)).collect());
    rows.map_err(failed)?.collect::<rusqlite::Result<_>>().map_err(failed)
}
