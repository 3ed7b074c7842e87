//! `tabledata.insertAll`: rows checked one by one, duplicates left out, the good ones in at once.

use serde_json::{Map, Value, json};

use super::error::{Error, Result};
use super::state::{State, TableName, add_rows};
use super::value::{Problem, Reading, Row};

const MOST_ROWS: usize = 50_000;

/// What was asked, and what the fault plan wants of it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) body: Value,
    /// The first row is refused, whatever is in it.
    pub(crate) spoilt: bool,
}

impl State {
    /// Inserts rows; the answer names the rows that were refused. `now` is in microseconds.
    pub(crate) fn insert_all(&mut self, name: &TableName, request: &Request, now: i64) -> Result<Value> {
        let table = self.table_for_rows(name)?;
        let body = &request.body;
        let rows = body["rows"].as_array().map_or(&[][..], Vec::as_slice);
        check_count(rows.len())?;
        if !body["templateSuffix"].is_null() {
            return Err(Error::invalid(
                "the emulator has no template tables: create the table and leave templateSuffix out",
            ));
        }
        let reading = Reading { ignore_unknown: body["ignoreUnknownValues"] == true, hex: false };
        let empty = Map::new();
        let mut good: Vec<(Option<&str>, Row)> = Vec::with_capacity(rows.len());
        let mut errors: Vec<(usize, Problem)> = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let object = row["json"].as_object().unwrap_or(&empty);
            let read = if request.spoilt && index == 0 {
                Err(Problem::at("", "planned fault"))
            } else {
                reading.row(&table.schema, object)
            };
            match read {
                Ok(read) => good.push((row["insertId"].as_str(), read)),
                Err(problem) => errors.push((index, problem)),
            }
        }
        if !errors.is_empty() && body["skipInvalidRows"] != true {
            return Ok(answer(&errors, Some(rows.len())));
        }
        table.seen.expire(now);
        let seen = &mut table.seen;
        good.retain(|(id, _)| id.is_none_or(|id| id.is_empty() || seen.is_new(id, now)));
        let insert = table.insert();
        let transaction = self.db.unchecked_transaction()?;
        add_rows(&transaction, &insert, good.into_iter().map(|(_, row)| row))?;
        transaction.commit()?;
        Ok(answer(&errors, None))
    }
}

fn check_count(rows: usize) -> Result<()> {
    match rows {
        0 => Err(Error::invalid("No rows present in the request.")),
        1..=MOST_ROWS => Ok(()),
        _ => Err(Error::invalid(format!(
            "too many rows present in the request, limit: {MOST_ROWS} row count: {rows}."
        ))),
    }
}

/// The refused rows and, if those stopped the others, all of the `stopped` rows too.
fn answer(errors: &[(usize, Problem)], stopped: Option<usize>) -> Value {
    let mut entries: Vec<(usize, Value)> =
        errors.iter().map(|(index, problem)| (*index, entry(*index, "invalid", problem))).collect();
    if let Some(rows) = stopped {
        let bad = |index: &usize| errors.binary_search_by_key(index, |(index, _)| *index).is_ok();
        let nothing = Problem::at("", "");
        entries.extend(
            (0..rows).filter(|index| !bad(index)).map(|index| (index, entry(index, "stopped", &nothing))),
        );
        entries.sort_by_key(|(index, _)| *index);
    }
    let mut answer = json!({"kind": "bigquery#tableDataInsertAllResponse"});
    if !entries.is_empty() {
        answer["insertErrors"] = entries.into_iter().map(|(_, entry)| entry).collect();
    }
    answer
}

fn entry(index: usize, reason: &str, problem: &Problem) -> Value {
    json!({"index": index, "errors": [{
        "reason": reason,
        "location": problem.location,
        "debugInfo": "",
        "message": problem.message,
    }]})
}
