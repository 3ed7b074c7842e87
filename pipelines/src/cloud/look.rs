//! A look at what a run has written: the objects of a bucket, and what queries say.

use std::fmt::Write;

use flow_core::prelude::*;
use flow_core::testing::collect;
use flow_core::{Error, Result};
use flow_io::bigquery::BigQuery;
use flow_io::gcp::GoogleCloud;
use flow_runner_local::{LocalRunner, Options};
use google_cloud_gax::paginator::ItemPaginator;
use serde_json::Value;

/// The objects of a bucket under a prefix, by name, with their sizes.
pub async fn objects(cloud: &GoogleCloud, bucket: &str, prefix: &str) -> Result<Vec<(String, i64)>> {
    let control = cloud.storage_control().await?;
    let parent = format!("projects/_/buckets/{bucket}");
    let mut items = control.list_objects().set_parent(parent).set_prefix(prefix).by_item();
    let mut found = Vec::new();
    while let Some(object) = items.next().await {
        let object = object.map_err(|cause| {
            Error::source_failed(format!("the objects of bucket `{bucket}` cannot be listed"), cause)
        })?;
        found.push((object.name, object.size));
    }
    Ok(found)
}

/// The rows that a query gives, each as the texts of the named columns.
pub fn query(cloud: &GoogleCloud, project: &str, sql: &str, columns: &[&str]) -> Result<Vec<Vec<String>>> {
    let p = Pipeline::new();
    let rows = collect(&p.read(BigQuery::query::<Value>(sql).project(project).on(cloud)));
    LocalRunner::new(Options { no_progress: true, ..Options::default() }.with_workers(1)).run(p)?;
    let row = |row: Value| columns.iter().map(|column| text(&row[*column])).collect();
    let rows = rows.values().into_iter().map(|value| value.map(row));
    rows.map(|row| row.map_err(|bad| Error::source_failed("a row does not fit", bad))).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Rows beneath their header, in columns: numbers to the right.
pub fn text_table(header: &[&str], rows: &[Vec<String>]) -> String {
    let cells = |at: usize| rows.iter().filter_map(move |row| row.get(at));
    let width = |at: usize| cells(at).map(|c| c.chars().count()).max().unwrap_or(0).max(header[at].len());
    let is_number = |at: usize| cells(at).all(|cell| cell.parse::<f64>().is_ok()) && !rows.is_empty();
    let line = |row: &[&str]| {
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate() {
            let (width, gap) = (width(at), if at == 0 { "  " } else { "   " });
            let _ = if is_number(at) {
                write!(line, "{gap}{cell:>width$}")
            } else {
                write!(line, "{gap}{cell:<width$}")
            };
        }
        line.trim_end().to_owned() + "\n"
    };
    let rows = rows.iter().map(|row| line(&row.iter().map(String::as_str).collect::<Vec<_>>()));
    line(header) + &rows.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::text_table;

    #[test]
    fn numbers_stand_to_the_right() {
        let rows = [["delivered", "7"], ["new", "1200"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(
            text_table(&["status", "events"], &rows),
            "  status      events\n  delivered        7\n  new           1200\n"
        );
    }
}
