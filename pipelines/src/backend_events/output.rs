//! Where everything is written.

use std::path::PathBuf;

use flow_io::gcp::GoogleCloud;

use super::paths;

/// Where everything is written.
#[derive(Clone, Debug)]
pub struct Output {
    /// The root of the objects: a directory, or `gs://bucket/prefix`.
    pub objects: PathBuf,
    /// The tables.
    pub tables: Tables,
    /// How to reach what is in the cloud.
    pub cloud: GoogleCloud,
    /// Whether rows come into BigQuery exactly once, which takes more of its quota.
    pub exactly_once: bool,
}

/// Where the tables are.
#[derive(Clone, Debug)]
pub enum Tables {
    /// Files of Parquet beneath a directory, a folder for each dataset.
    Files(PathBuf),
    /// BigQuery.
    BigQuery(Datasets),
}

/// Where the tables are in BigQuery.
#[derive(Clone, Debug)]
pub struct Datasets {
    /// The project of both datasets.
    pub project: String,
    /// The dataset of the raw tables and of the error table.
    pub raw: String,
    /// The dataset of the curated tables.
    pub curated: String,
}

impl Output {
    /// Objects and files of Parquet beneath a directory.
    pub fn under(root: impl Into<PathBuf>) -> Self {
        let objects = root.into();
        let tables = Tables::Files(objects.join(paths::TABLES));
        Output { objects, tables, cloud: GoogleCloud::from_env(), exactly_once: false }
    }
}

impl Datasets {
    /// A dataset of the project: `project.dataset`.
    pub fn dataset(&self, name: &str) -> String {
        format!("{}.{name}", self.project)
    }
}
