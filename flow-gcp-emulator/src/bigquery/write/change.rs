//! Change data capture: rows that replace or delete those of the same primary key.

use rusqlite::{Connection, params_from_iter};

use super::super::error::Result;
use super::super::state::{Table, add_rows};
use super::super::value::{Problem, Row};

/// The pseudo column in which a row says what it does.
pub(super) const CHANGE_TYPE: &str = "_CHANGE_TYPE";

/// What a row does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Insert,
    Upsert,
    Delete,
}

impl Change {
    pub(super) fn of(text: Option<&str>, key: &[usize]) -> std::result::Result<Self, Problem> {
        let change = match text.unwrap_or_default() {
            "" => return Ok(Change::Insert),
            text if text.eq_ignore_ascii_case("UPSERT") => Change::Upsert,
            text if text.eq_ignore_ascii_case("DELETE") => Change::Delete,
            other => {
                return Err(Problem::at(
                    CHANGE_TYPE,
                    format!("Invalid value {other}: UPSERT or DELETE is expected."),
                ));
            }
        };
        if key.is_empty() {
            return Err(Problem::at(CHANGE_TYPE, "UPSERT and DELETE need a table with a primary key."));
        }
        Ok(change)
    }
}

/// Does what the rows say, in their order.
pub(super) fn apply(db: &Connection, table: &Table, rows: Vec<(Change, Row)>) -> Result<()> {
    let insert = table.insert();
    if rows.iter().all(|(change, _)| *change == Change::Insert) {
        return add_rows(db, &insert, rows.into_iter().map(|(_, row)| row));
    }
    let key: Vec<_> = table.key.iter().map(|at| format!("c{at} IS ?")).collect();
    let delete = format!("DELETE FROM {} WHERE {}", table.physical(), key.join(" AND "));
    let (mut insert, mut delete) = (db.prepare_cached(&insert)?, db.prepare_cached(&delete)?);
    for (change, row) in rows {
        if change != Change::Insert {
            delete.execute(params_from_iter(table.key.iter().map(|at| &row[*at])))?;
        }
        if change != Change::Delete {
            insert.execute(params_from_iter(row))?;
        }
    }
    Ok(())
}
