//! Rows of a table, in the order in which they came.

use rusqlite::types::Value as Cell;
use serde_json::{Value, json};

use super::error::Result;
use super::output::Form;
use super::schema::Schema;
use super::state::{State, Table, TableName, columns_of};
use super::value::Row;

/// Which rows of many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) start: u64,
    pub(crate) most: u64,
}

impl State {
    /// `tabledata.list`; `fields` names the columns wanted, separated by commas.
    pub(crate) fn list_rows(
        &self,
        name: &TableName,
        page: Page,
        form: Form,
        fields: Option<&str>,
    ) -> Result<Value> {
        let table = self.table(name)?;
        let total = self.count(table)?;
        let rows = self.stored_rows(table, page)?;
        let end = page.start + rows.len() as u64;
        let rows: Vec<Value> = match fields {
            None => rows.iter().map(|row| form.row(&table.schema, row)).collect(),
            Some(fields) => {
                let wanted =
                    |name: &str| fields.split(',').any(|field| field.trim().eq_ignore_ascii_case(name));
                let kept: Vec<usize> = (0..table.schema.fields.len())
                    .filter(|at| wanted(&table.schema.fields[*at].name))
                    .collect();
                let schema =
                    Schema { fields: kept.iter().map(|at| table.schema.fields[*at].clone()).collect() };
                let cells = |row: &Row| kept.iter().map(|at| row[*at].clone()).collect::<Vec<Cell>>();
                rows.iter().map(|row| form.row(&schema, &cells(row))).collect()
            }
        };
        let mut answer = json!({
            "kind": "bigquery#tableDataList",
            "etag": table.number.to_string(),
            "totalRows": total.to_string(),
        });
        if !rows.is_empty() {
            answer["rows"] = Value::Array(rows);
        }
        if end < total {
            answer["pageToken"] = json!(end.to_string());
        }
        Ok(answer)
    }

    pub(crate) fn stored_rows(&self, table: &Table, page: Page) -> Result<Vec<Row>> {
        let columns = table.schema.fields.len();
        if columns == 0 {
            return Ok(Vec::new());
        }
        let physical = table.physical();
        let sql = format!("SELECT {} FROM {physical} ORDER BY rowid LIMIT ? OFFSET ?", columns_of(columns));
        let mut statement = self.db.prepare_cached(&sql)?;
        let limits = [i64::try_from(page.most).unwrap_or(-1), i64::try_from(page.start).unwrap_or(i64::MAX)];
        let rows = statement.query_map(limits, |row| (0..columns).map(|at| row.get(at)).collect())?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}
