//! Datasets.

use serde_json::{Value, json};

use super::error::{Error, Result};
use super::schema::check_id;
use super::state::{DatasetName, State, TableName, forget, keep};

impl State {
    pub(crate) fn create_dataset(
        &mut self,
        name: &DatasetName,
        mut resource: Value,
        now: i64,
    ) -> Result<Value> {
        check_id("dataset", &name.dataset)?;
        if self.datasets.contains_key(name) {
            return Err(Error::duplicate(format!("Dataset {name}")));
        }
        resource["kind"] = json!("bigquery#dataset");
        resource["id"] = json!(name.to_string());
        resource["datasetReference"] = json!({"projectId": name.project, "datasetId": name.dataset});
        resource["creationTime"] = json!((now / 1000).to_string());
        resource["etag"] = json!("\"1\"");
        if resource["location"].is_null() {
            resource["location"] = json!("US");
        }
        keep(&self.db, "dataset", &name.to_string(), &resource)?;
        self.datasets.insert(name.clone(), resource.clone());
        Ok(resource)
    }

    pub(crate) fn list_datasets(&self, project: &str) -> Vec<Value> {
        let of_project = self.datasets.iter().filter(|(name, _)| name.project == project);
        of_project.map(|(_, resource)| resource.clone()).collect()
    }

    pub(crate) fn update_dataset(&mut self, name: &DatasetName, patch: &Value) -> Result<Value> {
        let mut resource = self.dataset(name)?.clone();
        for (key, value) in patch.as_object().into_iter().flatten() {
            if !matches!(key.as_str(), "id" | "kind" | "datasetReference" | "location" | "creationTime") {
                resource[key] = value.clone();
            }
        }
        keep(&self.db, "dataset", &name.to_string(), &resource)?;
        self.datasets.insert(name.clone(), resource.clone());
        Ok(resource)
    }

    pub(crate) fn delete_dataset(&mut self, name: &DatasetName, contents: bool) -> Result<()> {
        self.dataset(name)?;
        let tables: Vec<TableName> = self.tables.keys().filter(|table| table.of == *name).cloned().collect();
        if !tables.is_empty() && !contents {
            return Err(Error::new(400, "resourceInUse", format!("Dataset {name} is still in use")));
        }
        for table in &tables {
            self.delete_table(table)?;
        }
        forget(&self.db, "dataset", &name.to_string())?;
        self.datasets.remove(name);
        Ok(())
    }
}
