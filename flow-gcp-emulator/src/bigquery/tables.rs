//! Tables: created, changed within what a schema may become, and deleted.

use serde_json::{Value, json};

use super::error::{Error, Result};
use super::schema::{Allowed, Schema, Type, check_id, merge, normalise};
use super::state::{State, Table, TableName, columns_of, forget, keep};

/// What of a table's resource no patch changes by itself.
const FIXED: [&str; 8] =
    ["schema", "tableReference", "id", "kind", "type", "creationTime", "numRows", "location"];
const PATCH: Allowed = Allowed { addition: true, relaxation: true };

impl State {
    /// Creates a table from its resource. `now` is in microseconds.
    pub(crate) fn create_table(&mut self, name: &TableName, mut resource: Value, now: i64) -> Result<Value> {
        self.dataset(&name.of)?;
        check_id("table", &name.table)?;
        if self.tables.contains_key(name) {
            return Err(Error::duplicate(format!("Table {name}")));
        }
        for kind in ["view", "materializedView", "externalDataConfiguration", "rangePartitioning"] {
            if !resource[kind].is_null() {
                return Err(Error::invalid(format!("{kind}: the emulator has plain tables only")));
            }
        }
        if !resource["schema"].is_object() {
            resource["schema"] = json!({"fields": []});
        }
        let schema = Schema::parse(&resource["schema"])?;
        normalise(&mut resource["schema"]["fields"], &schema);
        check_layout(&resource, &schema)?;
        resource["kind"] = json!("bigquery#table");
        resource["type"] = json!("TABLE");
        resource["id"] = json!(name.to_string());
        resource["tableReference"] = name.reference();
        resource["location"] = json!("US");
        resource["creationTime"] = json!((now / 1000).to_string());
        resource["lastModifiedTime"] = json!((now / 1000).to_string());
        without_nulls(&mut resource);
        let mut table = Table::new(self.number(), resource)?;
        table.absent_for = self.new_absent_for;
        self.create_physical(&table)?;
        self.keep_table(name, &table)?;
        self.tables.insert(name.clone(), table);
        self.table_resource(name)
    }

    fn create_physical(&self, table: &Table) -> Result<()> {
        let physical = table.physical();
        // SQLite wants at least one column.
        let columns = match table.schema.fields.len() {
            0 => "none".into(),
            count => columns_of(count),
        };
        self.db.execute_batch(&format!("CREATE TABLE {physical}({columns})"))?;
        if !table.key.is_empty() {
            let key: Vec<_> = table.key.iter().map(|at| format!("c{at}")).collect();
            self.db
                .execute_batch(&format!("CREATE INDEX {physical}_key ON {physical}({})", key.join(",")))?;
        }
        Ok(())
    }

    fn keep_table(&self, name: &TableName, table: &Table) -> Result<()> {
        let entry = json!({"number": table.number, "resource": table.resource});
        keep(&self.db, "table", &name.to_string(), &entry)
    }

    /// The table as the REST API shows it.
    pub(crate) fn table_resource(&self, name: &TableName) -> Result<Value> {
        let table = self.table(name)?;
        let mut resource = table.resource.clone();
        resource["numRows"] = json!(self.count(table)?.to_string());
        resource["etag"] = json!(format!("\"{}-{}\"", table.number, resource["lastModifiedTime"]));
        Ok(resource)
    }

    /// The tables of a dataset in short, as its list shows them.
    pub(crate) fn list_tables(&self, name: &super::state::DatasetName) -> Result<Vec<Value>> {
        self.dataset(name)?;
        let tables = self.tables.iter().filter(|(table, _)| table.of == *name);
        let short = |table: &Table| {
            let mut short = json!({"kind": "bigquery#table"});
            for key in
                ["id", "tableReference", "type", "creationTime", "timePartitioning", "clustering", "labels"]
            {
                if let Some(value) = table.resource.get(key) {
                    short[key] = value.clone();
                }
            }
            short
        };
        Ok(tables.map(|(_, table)| short(table)).collect())
    }

    /// Changes what the patch names. With `whole`, what it does not name is taken away.
    pub(crate) fn update_table(
        &mut self,
        name: &TableName,
        patch: &Value,
        whole: bool,
        now: i64,
    ) -> Result<Value> {
        let old = self.table(name)?;
        let mut resource = old.resource.clone();
        let fields = match patch.get("schema").filter(|schema| schema.is_object()) {
            Some(schema) => merged_fields(name, &resource, schema, PATCH, false)?,
            None => resource["schema"]["fields"].clone(),
        };
        if whole {
            for key in ["description", "friendlyName", "labels", "expirationTime", "requirePartitionFilter"] {
                resource.as_object_mut().and_then(|resource| resource.remove(key));
            }
        }
        for (key, value) in patch.as_object().into_iter().flatten() {
            if key == "timePartitioning" && value["field"] != resource[key]["field"] {
                return Err(Error::invalid(format!("Cannot change the partitioning of table {name}.")));
            }
            if !FIXED.contains(&key.as_str()) {
                resource[key] = value.clone();
            }
        }
        without_nulls(&mut resource);
        self.replace(name, resource, fields, now)?;
        self.table_resource(name)
    }

    /// Adds the fields of `schema` that the table does not have.
    pub(crate) fn widen(
        &mut self,
        name: &TableName,
        schema: &Value,
        allowed: Allowed,
        now: i64,
    ) -> Result<()> {
        let resource = self.table(name)?.resource.clone();
        let fields = merged_fields(name, &resource, schema, allowed, true)?;
        self.replace(name, resource, fields, now)
    }

    fn replace(&mut self, name: &TableName, mut resource: Value, fields: Value, now: i64) -> Result<()> {
        resource["schema"] = json!({ "fields": fields });
        resource["lastModifiedTime"] = json!((now / 1000).to_string());
        let old = self.table(name)?;
        let new = Table::new(old.number, resource)?;
        check_layout(&new.resource, &new.schema)?;
        let (had, has) = (old.schema.fields.len(), new.schema.fields.len());
        for at in had..has {
            let ty = new.schema.fields[at].whole();
            let default = if matches!(ty, Type::Array(_)) { " DEFAULT '[]'" } else { "" };
            self.db.execute_batch(&format!("ALTER TABLE {} ADD COLUMN c{at}{default}", new.physical()))?;
        }
        self.keep_table(name, &new)?;
        if let Some(table) = self.tables.get_mut(name) {
            (table.resource, table.schema, table.key) = (new.resource, new.schema, new.key);
        }
        Ok(())
    }

    /// Deletes the table, its rows and its write streams.
    pub(crate) fn delete_table(&mut self, name: &TableName) -> Result<()> {
        let physical = self.table(name)?.physical();
        self.db.execute_batch(&format!("DROP TABLE {physical}"))?;
        forget(&self.db, "table", &name.to_string())?;
        self.tables.remove(name);
        let streams: Vec<_> = self.streams.iter().filter(|(_, stream)| stream.table == *name).collect();
        let streams: Vec<String> = streams.into_iter().map(|(path, _)| path.clone()).collect();
        for path in streams {
            self.delete_stream(&path)?;
        }
        Ok(())
    }
}

fn without_nulls(resource: &mut Value) {
    if let Some(resource) = resource.as_object_mut() {
        resource.retain(|_, value| !value.is_null());
    }
}

fn merged_fields(
    name: &TableName,
    resource: &Value,
    schema: &Value,
    allowed: Allowed,
    keep: bool,
) -> Result<Value> {
    let mut new = schema["fields"].clone();
    normalise(&mut new, &Schema::parse(schema)?);
    let empty = resource["schema"]["fields"].as_array().is_none_or(Vec::is_empty);
    if empty { Ok(new) } else { merge(&name.to_string(), &resource["schema"]["fields"], &new, allowed, keep) }
}

/// Partitioning, clustering and the primary key must name columns that can bear them.
fn check_layout(resource: &Value, schema: &Schema) -> Result<()> {
    let partitioning = &resource["timePartitioning"];
    if partitioning.is_object() {
        check_partitioning(partitioning, schema)?;
    }
    let clustering = resource["clustering"]["fields"].as_array().map_or(&[][..], Vec::as_slice);
    if clustering.len() > 4 {
        return Err(Error::invalid("Too many clustering fields: at most 4 are allowed."));
    }
    for name in clustering {
        let name = name.as_str().unwrap_or_default();
        let field = schema.find(name).map(|(_, field)| field.whole());
        match field {
            None => {
                let text = format!(
                    "The field specified for clustering cannot be found in the schema. Invalid field: {name}."
                );
                return Err(Error::invalid(text));
            }
            Some(
                Type::Struct(_) | Type::Array(_) | Type::Float64 | Type::Json | Type::Bytes | Type::Time,
            ) => {
                return Err(Error::invalid(format!(
                    "Field {name} has a type that cannot be used for clustering."
                )));
            }
            Some(_) => {}
        }
    }
    let key = resource["tableConstraints"]["primaryKey"]["columns"].as_array();
    for name in key.into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        match schema.find(name).map(|(_, field)| field.whole()) {
            None => return Err(Error::invalid(format!("Primary key column {name} is not in the schema."))),
            Some(Type::Struct(_) | Type::Array(_) | Type::Json | Type::Geography) => {
                return Err(Error::invalid(format!(
                    "Field {name} has a type that cannot be in a primary key."
                )));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn check_partitioning(partitioning: &Value, schema: &Schema) -> Result<()> {
    let kind = partitioning["type"].as_str().unwrap_or_default();
    if !matches!(kind, "DAY" | "HOUR" | "MONTH" | "YEAR") {
        return Err(Error::invalid(format!(
            "Invalid time partitioning type \"{kind}\": DAY, HOUR, MONTH or YEAR is expected."
        )));
    }
    let Some(name) = partitioning["field"].as_str() else { return Ok(()) };
    match schema.find(name).map(|(_, field)| field.whole()) {
        None => Err(Error::invalid(format!(
            "The field specified for partitioning cannot be found in the schema. Invalid field: {name}."
        ))),
        Some(Type::Date) if kind == "HOUR" => {
            Err(Error::invalid(format!("Field {name} of type DATE cannot be partitioned by HOUR.")))
        }
        Some(Type::Date | Type::Timestamp | Type::Datetime) => Ok(()),
        Some(other) => Err(Error::invalid(format!(
            "The field specified for time partitioning can only be of type TIMESTAMP, DATE or DATETIME. The type found is: {}.",
            other.name()
        ))),
    }
}
