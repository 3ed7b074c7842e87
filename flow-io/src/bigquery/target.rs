use std::time::Duration;

use flow_core::{Error, Result};
use gcp_bigquery_client::model::clustering::Clustering;
use gcp_bigquery_client::model::table::Table;
use gcp_bigquery_client::model::time_partitioning::TimePartitioning;

use super::Schema;
use super::name::TableName;

/// Whether a table that is not there is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Create {
    /// It is made with the sink's schema, partitioning and clustering.
    #[default]
    IfNeeded,
    /// It must be there.
    Never,
}

/// What happens to rows that are in the table already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Disposition {
    /// They stay.
    #[default]
    Append,
    /// They are replaced, at once with the appearance of the new ones: for collections that end, by
    /// [`file_loads`](super::WriteTable::file_loads). What a run loads first replaces what was there before it; where
    /// the collection shares a pipeline with a stream, the rows of later epochs are added to that. A run that is stopped
    /// early, as by SIGTERM, replaces the rows with what it has read until then.
    Truncate,
    /// There must be none when the run begins: for collections that end.
    Empty,
}

/// How a table is cut by time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Partitioning {
    pub(crate) by: &'static str,
    pub(crate) column: String,
    pub(crate) expiration: Option<Duration>,
}

/// A table as a sink wants it, with all names checked.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) name: TableName,
    pub(crate) schema: Option<Schema>,
    pub(crate) partitioning: Option<Partitioning>,
    pub(crate) require_filter: bool,
    pub(crate) clustering: Vec<String>,
    /// The columns of the primary key that a new table gets.
    pub(crate) key: Vec<String>,
    pub(crate) create: Create,
    pub(crate) add_fields: bool,
    pub(crate) max_new_tables: usize,
}

impl Target {
    /// Checks what does not take a server to be checked.
    pub(crate) fn check(&self) -> Result<()> {
        let Some(schema) = &self.schema else { return Ok(()) };
        let partitioned = self.partitioning.iter().map(|p| ("partitioned", &p.column));
        let clustered = self.clustering.iter().map(|column| ("clustered", column));
        let keyed = self.key.iter().map(|column| ("keyed", column));
        for (how, column) in partitioned.chain(clustered).chain(keyed) {
            if schema.field(column).is_none() {
                return Err(Error::config(format!(
                    "the table {} is {how} by `{column}`, which is no column of its schema",
                    self.name
                )));
            }
        }
        if self.clustering.len() > 4 {
            return Err(Error::config(format!(
                "the table {} is clustered by more than four columns",
                self.name
            )));
        }
        Ok(())
    }

    /// The table that is created.
    pub(crate) fn resource(&self, schema: &Schema) -> Table {
        let TableName { project, dataset, table } = &self.name;
        let mut resource = Table::new(project, dataset, table, schema.to_client());
        resource.time_partitioning = self.time_partitioning();
        resource.clustering = self.clustered();
        resource.require_partition_filter = self.require_filter.then_some(true);
        resource
    }

    pub(crate) fn time_partitioning(&self) -> Option<TimePartitioning> {
        self.partitioning.as_ref().map(|partitioning| TimePartitioning {
            expiration_ms: partitioning.expiration.map(|time| time.as_millis().to_string()),
            field: Some(partitioning.column.clone()),
            require_partition_filter: None,
            r#type: partitioning.by.to_owned(),
        })
    }

    pub(crate) fn clustered(&self) -> Option<Clustering> {
        (!self.clustering.is_empty()).then(|| Clustering { fields: Some(self.clustering.clone()) })
    }
}
