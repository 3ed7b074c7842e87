//! The event types, as data.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::event::UNKNOWN;
use super::field::{Field, FieldError, FieldType, Mode, all_different};
use super::paths::{DEAD_LETTER, TABLES};

/// The event types that are known: the three of the shop, and those of catalog files.
///
/// ```
/// use pipelines::backend_events::Catalog;
///
/// let catalog = Catalog::builtin();
/// assert_eq!(catalog.get("order").unwrap().event_time(), "order_date");
/// assert!(catalog.get("refund").is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Catalog {
    types: Vec<Arc<EventType>>,
}

impl Catalog {
    /// Orders, inventory changes and user activity.
    pub fn builtin() -> Self {
        Catalog { types: Vec::new() }.with(include_str!("catalog.json")).expect("catalog.json is tested")
    }

    /// This catalog and the types of a text in the form of `catalog.json`: a list of entries.
    pub fn with(mut self, entries: &str) -> Result<Self, CatalogError> {
        for event_type in serde_json::from_str::<Vec<EventType>>(entries)? {
            for known in &self.types {
                if known.name == event_type.name {
                    return Err(CatalogError::TypeTwice { name: event_type.name.to_string() });
                }
                if known.table == event_type.table {
                    return Err(CatalogError::TableTwice { table: event_type.table });
                }
            }
            self.types.push(Arc::new(event_type));
        }
        Ok(self)
    }

    /// This catalog and the types of a file.
    pub fn with_file(self, path: &Path) -> Result<Self, CatalogError> {
        let entries = std::fs::read_to_string(path)
            .map_err(|source| CatalogError::File { path: path.display().to_string(), source })?;
        self.with(&entries)
    }

    /// The type of a name.
    pub fn get(&self, name: &str) -> Option<&Arc<EventType>> {
        // A handful of types: looking at each is faster than hashing the name.
        self.types.iter().find(|t| &*t.name == name)
    }

    /// All types, in the order of their entries.
    pub fn types(&self) -> impl Iterator<Item = &Arc<EventType>> {
        self.types.iter()
    }
}

/// A type of event: its fields, and the table that it is appended to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Entry")]
pub struct EventType {
    name: Arc<str>,
    table: String,
    fields: Vec<Field>,
    event_time: String,
    partition_by: String,
    cluster_by: Vec<String>,
    sums: Vec<SumRule>,
}

/// A total that should be the sum of quantity times price over a list. Where it is not, that is reported, and the
/// event goes on: shops have discounts and postage.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SumRule {
    /// The total, a FLOAT.
    pub total: String,
    /// The list, a RECORD REPEATED.
    pub over: String,
    /// How many, an INTEGER of the list's items.
    pub quantity: String,
    /// What one costs, a FLOAT of the list's items.
    pub price: String,
}

impl EventType {
    /// The value of `event_type` in its events, and the first folder of their objects.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The name of its table.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Its fields, in the order of the table's columns.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The field that says when an event happened.
    pub fn event_time(&self) -> &str {
        &self.event_time
    }

    /// The field that the table is partitioned on, by day.
    pub fn partition_by(&self) -> &str {
        &self.partition_by
    }

    /// The fields that the table is clustered by, most significant first.
    pub fn cluster_by(&self) -> &[String] {
        &self.cluster_by
    }

    /// The totals to compare with their sums.
    pub fn sums(&self) -> &[SumRule] {
        &self.sums
    }
}

/// A catalog could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The file could not be read.
    #[error("cannot read {path}")]
    File {
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The text is not a list of entries, or an entry makes no sense.
    #[error("the catalog is not a list of event types")]
    Entries(#[from] serde_json::Error),
    /// Two entries of one name.
    #[error("event type `{name}` is there twice")]
    TypeTwice {
        /// The type.
        name: String,
    },
    /// Two types in one table.
    #[error("table `{table}` belongs to two event types")]
    TableTwice {
        /// The table.
        table: String,
    },
}

/// An entry makes no sense.
#[derive(Debug, thiserror::Error)]
enum EntryError {
    #[error(
        "event type `{name}`: a name is ASCII letters, digits, `_` and `-`, and is not `{UNKNOWN}`, `{DEAD_LETTER}` or `{TABLES}`"
    )]
    Name { name: String },
    #[error("event type `{name}`: {error}")]
    Field { name: String, error: FieldError },
    #[error("event type `{name}`: `{role}` names `{field}`, which must be a field of type {wanted}")]
    Role { name: String, role: &'static str, field: String, wanted: &'static str },
    #[error("event type `{name}`: a table is clustered by four fields at most")]
    TooManyClusters { name: String },
}

/// An event type as written in a catalog.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    table: Option<String>,
    event_time: String,
    partition_by: Option<String>,
    #[serde(default)]
    cluster_by: Vec<String>,
    #[serde(default)]
    sums: Vec<SumRule>,
    fields: Vec<Field>,
}

impl TryFrom<Entry> for EventType {
    type Error = EntryError;

    fn try_from(entry: Entry) -> Result<Self, EntryError> {
        let table = entry.table.clone().unwrap_or_else(|| entry.name.clone());
        if RESERVED.contains(&entry.name.as_str()) || !is_folder_name(&entry.name) || !is_folder_name(&table)
        {
            return Err(EntryError::Name { name: entry.name });
        }
        all_different(&entry.fields)
            .map_err(|error| EntryError::Field { name: entry.name.clone(), error })?;
        let partition_by = entry.partition_by.clone().unwrap_or_else(|| entry.event_time.clone());
        entry.check_role("fields", "event_type", "STRING")?;
        entry.check_role("event_time", &entry.event_time, "TIMESTAMP")?;
        entry.check_role("partition_by", &partition_by, "TIMESTAMP")?;
        entry.check_clusters()?;
        entry.sums.iter().try_for_each(|sum| entry.check_sum(sum))?;
        Ok(EventType {
            name: entry.name.into(),
            table,
            fields: entry.fields,
            event_time: entry.event_time,
            partition_by,
            cluster_by: entry.cluster_by,
            sums: entry.sums,
        })
    }
}

impl Entry {
    /// That a required field of the type is there.
    fn check_role(&self, role: &'static str, field: &str, wanted: &'static str) -> Result<(), EntryError> {
        let is_there = |f: &Field| f.name == field && f.mode == Mode::Required && f.of.name() == wanted;
        if self.fields.iter().any(is_there) { Ok(()) } else { Err(self.bad_role(role, field, wanted)) }
    }

    fn check_clusters(&self) -> Result<(), EntryError> {
        if self.cluster_by.len() > 4 {
            return Err(EntryError::TooManyClusters { name: self.name.clone() });
        }
        for cluster in &self.cluster_by {
            let is_there = |f: &Field| {
                f.name == *cluster
                    && f.mode == Mode::Required
                    && !matches!(f.of, FieldType::Record(_) | FieldType::Float)
            };
            if !self.fields.iter().any(is_there) {
                return Err(self.bad_role("cluster_by", cluster, "STRING, INTEGER or TIMESTAMP"));
            }
        }
        Ok(())
    }

    fn check_sum(&self, sum: &SumRule) -> Result<(), EntryError> {
        self.check_role("sums.total", &sum.total, "FLOAT")?;
        let items = self.fields.iter().find_map(|f| match &f.of {
            FieldType::Record(fields) if f.name == sum.over && f.mode == Mode::Repeated => Some(fields),
            _ => None,
        });
        let items = items.ok_or_else(|| self.bad_role("sums.over", &sum.over, "RECORD REPEATED"))?;
        for (role, field, wanted) in
            [("sums.quantity", &sum.quantity, "INTEGER"), ("sums.price", &sum.price, "FLOAT")]
        {
            let is_there = |f: &Field| f.name == *field && f.mode == Mode::Required && f.of.name() == wanted;
            if !items.iter().any(is_there) {
                return Err(self.bad_role(role, field, wanted));
            }
        }
        Ok(())
    }

    fn bad_role(&self, role: &'static str, field: &str, wanted: &'static str) -> EntryError {
        EntryError::Role { name: self.name.clone(), role, field: field.to_owned(), wanted }
    }
}

/// The folders of the output that are no type's.
const RESERVED: [&str; 3] = [UNKNOWN, DEAD_LETTER, TABLES];

/// Whether a name can be a folder and a table, on every system.
fn is_folder_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a user writes to add a fourth type.
    const REFUND: &str = r#"[{
        "name": "refund",
        "event_time": "refunded_at",
        "cluster_by": ["order_id"],
        "fields": [
            {"name": "event_type", "type": "STRING"},
            {"name": "order_id", "type": "STRING", "uuid": true},
            {"name": "refunded_at", "type": "TIMESTAMP"}
        ]
    }]"#;

    /// The cause of the error that a catalog is refused with.
    fn cause_of(entries: &str) -> String {
        match Catalog::builtin().with(entries).unwrap_err() {
            CatalogError::Entries(cause) => cause.to_string(),
            other => other.to_string(),
        }
    }

    #[test]
    fn the_shop_has_three_types() {
        let names: Vec<_> = Catalog::builtin().types().map(|t| t.name().to_string()).collect();
        assert_eq!(names, ["order", "inventory", "user_activity"]);
    }

    #[test]
    fn a_fourth_type_is_an_entry() {
        let catalog = Catalog::builtin().with(REFUND).unwrap();
        let refund = catalog.get("refund").unwrap();
        assert_eq!(refund.table(), "refund");
        assert_eq!(refund.partition_by(), "refunded_at");
    }

    #[test]
    fn a_type_twice_is_an_error() {
        assert_eq!(cause_of(&REFUND.replace("\"refund\"", "\"order\"")), "event type `order` is there twice");
    }

    #[test]
    fn a_type_that_could_leave_its_folder_is_an_error() {
        let error = cause_of(&REFUND.replace("\"refund\"", "\"../refund\""));
        assert!(error.starts_with("event type `../refund`: a name is ASCII letters"), "{error}");
        let error = cause_of(&REFUND.replace("\"refund\"", "\"unknown\""));
        assert!(error.starts_with("event type `unknown`: a name is ASCII letters"), "{error}");
    }

    #[test]
    fn a_role_that_no_field_has_is_an_error() {
        let error =
            cause_of(&REFUND.replace(r#""event_time": "refunded_at""#, r#""event_time": "order_id""#));
        let wanted =
            "event type `refund`: `event_time` names `order_id`, which must be a field of type TIMESTAMP";
        assert!(error.starts_with(wanted), "{error}");
        let error = cause_of(&REFUND.replace(r#"["order_id"]"#, r#"["customer_id"]"#));
        assert!(error.starts_with("event type `refund`: `cluster_by` names `customer_id`"), "{error}");
    }

    #[test]
    fn a_missing_file_is_an_error_that_names_it() {
        let error = Catalog::builtin().with_file(Path::new("/nowhere/types.json")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /nowhere/types.json");
    }
}
