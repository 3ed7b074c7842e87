//! Where everything is written.

use flow_io::bigquery::{BigQuery, Create, Disposition, WriteTable};
use flow_io::gcp::GoogleCloud;

use super::freshness::{Freshness, Measured};
use super::letter::LetterRow;
use super::pipeline::Tables;
use super::row::UserRow;
use super::segment::SegmentRow;

/// Where everything is written: tables of a dataset of BigQuery.
#[derive(Clone, Debug)]
pub struct Output {
    /// How to reach it.
    pub cloud: GoogleCloud,
    /// The dataset, with its project: `shop.website`.
    pub dataset: String,
    /// The users' table.
    pub users: String,
    /// The table of dead letters.
    pub letters: String,
    /// The table of users by segment, if that is wanted.
    pub segments: Option<String>,
    /// What is done if a table is missing.
    pub create: Create,
    /// What is done with the users that are in the table.
    pub write: Disposition,
    /// Where files are staged to be loaded, beneath `gs://`: wanted where users are replaced.
    pub staging: Option<String>,
    /// Whether what has failed and is repeated leaves no row twice.
    pub exactly_once: bool,
    /// What measures how soon users are in their table.
    pub freshness: Freshness,
}

/// The tables in BigQuery.
pub type BigTables =
    Tables<Measured<UserRow, WriteTable<UserRow>>, WriteTable<LetterRow>, WriteTable<SegmentRow>>;

impl Output {
    /// The sinks of the tables.
    pub fn tables(&self) -> BigTables {
        let users = self.table(&self.users, UserRow::SCHEMA).write(self.write);
        let users = match &self.staging {
            Some(place) => users.staging(place),
            None => users,
        };
        Tables {
            users: self.freshness.of(users, |row| row.published),
            letters: self.table(&self.letters, LetterRow::SCHEMA),
            segments: self.segments.as_ref().map(|name| self.table(name, SegmentRow::SCHEMA)),
        }
    }

    fn table<T>(&self, name: &str, schema: &str) -> WriteTable<T> {
        let table = BigQuery::table(format!("{}.{name}", self.dataset)).on(&self.cloud);
        let table = table.schema(schema).create(self.create);
        if self.exactly_once { table.exactly_once() } else { table }
    }
}
