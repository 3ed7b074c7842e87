use std::fmt;

use flow_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::gcp::check_id;

/// A table's whole name, checked: no part of it leads out of its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct TableName {
    pub(crate) project: String,
    pub(crate) dataset: String,
    pub(crate) table: String,
}

/// As the console and SQL write it: `project.dataset.table`.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.project, self.dataset, self.table)
    }
}

/// A table as a program names it, before it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// `project.dataset.table`, `project:dataset.table` or `dataset.table`.
    Whole(String),
    /// A dataset, and a table of which nothing is interpreted.
    In(String, String),
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Named::Whole(name) => f.write_str(&shown(name)),
            Named::In(dataset, table) => write!(f, "{}.{}", shown(dataset), shown(table)),
        }
    }
}

/// The longest name of a table or dataset, in bytes.
const LONGEST: usize = 1024;

impl Named {
    /// The table, with the default project where none is named.
    ///
    /// # Errors
    /// What is wrong with the name.
    pub(super) fn resolve(&self, project: Option<&str>) -> Result<TableName> {
        let (dataset, table) = match self {
            Named::Whole(name) => name.rsplit_once('.').ok_or_else(|| no_table(name))?,
            Named::In(dataset, table) => (dataset.as_str(), table.as_str()),
        };
        let (project, dataset) = match dataset.rsplit_once(['.', ':']) {
            Some((project, dataset)) => (project, dataset),
            None => (project.ok_or_else(|| no_project(self))?, dataset),
        };
        check_project(project, self)?;
        check_id("dataset of BigQuery", dataset, "_", LONGEST)?;
        check_table(table)?;
        Ok(TableName { project: project.to_owned(), dataset: dataset.to_owned(), table: table.to_owned() })
    }
}

fn no_table(name: &str) -> Error {
    Error::config(format!("`{}` names no table: write project.dataset.table", shown(name)))
}

fn no_project(name: &Named) -> Error {
    Error::config(format!("`{name}` names no project: write project.dataset.table, or set `project`"))
}

/// A project of an old domain has a colon in its id, as `example.com:shop`; where a whole name holds one, it can be told
/// from a name with a part too many only if it was given by itself.
pub(super) fn check_project(project: &str, name: &impl fmt::Display) -> Result<()> {
    let (domain, id) = project.rsplit_once(':').unwrap_or(("", project));
    if project.contains(['.', ':']) && domain.is_empty() {
        return Err(Error::config(format!("`{name}` has a part too many: write project.dataset.table")));
    }
    if !domain.is_empty() {
        check_id("domain of a project", domain, "-.", 253)?;
    }
    check_id("project", id, "-", 63)
}

/// Letters and digits of any script, underscores and dashes. A space would be allowed too, but does not survive in the
/// paths that requests are made of.
fn check_table(table: &str) -> Result<()> {
    let allowed = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if table.is_empty() || table.len() > LONGEST || !table.chars().all(allowed) {
        return Err(Error::config(format!(
            "{:?} is no name of a table: letters, digits, `_` and `-` only, at most {LONGEST} bytes",
            shown(table)
        )));
    }
    Ok(())
}

/// The beginning of a name, for a message.
fn shown(name: &str) -> String {
    name.chars().take(80).collect()
}

impl TableName {
    /// As the Storage Write API writes it.
    pub(crate) fn path(&self) -> String {
        format!("projects/{}/datasets/{}/tables/{}", self.project, self.dataset, self.table)
    }

    /// The dataset, as the command line tool writes it.
    pub(crate) fn dataset_id(&self) -> String {
        format!("{}:{}", self.project, self.dataset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(name: &str) -> Result<String> {
        Named::Whole(name.to_owned()).resolve(Some("home")).map(|name| name.to_string())
    }

    #[test]
    fn a_name_may_be_written_as_in_sql_or_as_in_the_tool() {
        assert_eq!(whole("shop.sales.orders").unwrap(), "shop.sales.orders");
        assert_eq!(whole("shop:sales.orders").unwrap(), "shop.sales.orders");
        assert_eq!(whole("sales.orders").unwrap(), "home.sales.orders");
        assert_eq!(whole("example.com:shop.sales.orders").unwrap(), "example.com:shop.sales.orders");
    }

    #[test]
    fn a_wrong_name_says_what_is_wrong() {
        let error = |name| whole(name).unwrap_err().to_string();
        assert_eq!(error("orders"), "`orders` names no table: write project.dataset.table");
        assert_eq!(error("a.b.c.d"), "`a.b.c.d` has a part too many: write project.dataset.table");
        assert_eq!(
            error("p.d.a`b"),
            "\"a`b\" is no name of a table: letters, digits, `_` and `-` only, at most 1024 bytes"
        );
        let none = Named::Whole("d.t".into()).resolve(None).unwrap_err().to_string();
        assert_eq!(none, "`d.t` names no project: write project.dataset.table, or set `project`");
    }

    #[test]
    fn a_table_named_by_data_stays_in_its_dataset() {
        let within = |table: &str| Named::In("p.d".into(), table.into()).resolve(None);
        assert_eq!(within("Bestellungen-Köln_1").unwrap().to_string(), "p.d.Bestellungen-Köln_1");
        for wrong in ["", "x.y", "a/b", "..", "a`b", "a b", "a$20250101", "a*", "a\n", &"x".repeat(1025)] {
            assert!(within(wrong).is_err(), "{wrong:?}");
        }
        for wrong in ["p.d/e", "p.d-e", "P p.d", "p.d.e", ".d", "p."] {
            assert!(Named::In(wrong.into(), "t".into()).resolve(None).is_err(), "{wrong:?}");
        }
    }
}
