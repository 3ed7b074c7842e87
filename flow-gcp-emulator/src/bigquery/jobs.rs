//! Jobs: queries and loads, each under an id that is taken once.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::{Error, Result};
use super::output::Form;
use super::schema::Schema;
use super::sql;
use super::state::{State, keep};
use super::tabledata::Page;
use super::value::Row;

/// How many queries' rows are kept for further pages.
const KEPT_RESULTS: usize = 100;

#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) resource: Value,
}

/// What a query found.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) schema: Schema,
    pub(crate) rows: Vec<Row>,
}

impl Job {
    pub(crate) fn restore(entry: Value) -> Self {
        Self { resource: entry["resource"].clone() }
    }

    /// Its project and id.
    pub(crate) fn key(&self) -> (String, String) {
        let part = |key: &str| self.resource["jobReference"][key].as_str().unwrap_or_default().to_string();
        (part("projectId"), part("jobId"))
    }
}

impl State {
    /// `jobs.query`: runs a query and answers with its first page.
    pub(crate) fn query(&mut self, project: &str, request: &Value, now: i64) -> Result<Value> {
        let results = Arc::new(self.run_query(project, request, now)?);
        let form = Form::Wire { int64_timestamp: request["formatOptions"]["useInt64Timestamp"] == true };
        if request["dryRun"] == true {
            return Ok(json!({
                "kind": "bigquery#queryResponse",
                "schema": results.schema.to_json(),
                "jobReference": {"projectId": project, "location": "US"},
                "totalBytesProcessed": "0",
                "jobComplete": true,
            }));
        }
        let number = self.number();
        let key = (project.to_string(), format!("job_{number}"));
        let resource = json!({"configuration": {"jobType": "QUERY", "query": {"query": request["query"]}}});
        self.finish(&key, resource, number, json!({"query": {"statementType": "SELECT"}}), None, now)?;
        self.remember(key.clone(), results.clone());
        let most = request["maxResults"].as_u64().unwrap_or(u64::MAX);
        Ok(page_of(&results, &key, Page { start: 0, most }, form, "bigquery#queryResponse"))
    }

    fn run_query(&self, project: &str, request: &Value, now: i64) -> Result<Results> {
        if request["useLegacySql"] == true {
            return Err(Error::query("the emulator speaks GoogleSQL only: set useLegacySql to false"));
        }
        if !request["destinationTable"].is_null() {
            return Err(Error::query("the emulator does not write the results of queries to tables"));
        }
        let text = request["query"].as_str().unwrap_or_default();
        let settings = sql::Settings {
            project: request["defaultDataset"]["projectId"].as_str().unwrap_or(project),
            dataset: request["defaultDataset"]["datasetId"].as_str(),
            parameters: &request["queryParameters"],
            now,
        };
        sql::run(self, text, &settings)
    }

    fn remember(&mut self, key: (String, String), results: Arc<Results>) {
        if self.results.len() == KEPT_RESULTS {
            self.results.pop_front();
        }
        self.results.push_back((key, results));
    }

    /// `jobs.getQueryResults`.
    pub(crate) fn query_results(&self, key: &(String, String), page: Page, form: Form) -> Result<Value> {
        let job = self.job(key)?;
        let found = self.results.iter().find(|(of, _)| of == key);
        match found {
            Some((_, results)) => Ok(page_of(results, key, page, form, "bigquery#getQueryResultsResponse")),
            None if job.resource["configuration"]["query"].is_null() => {
                Err(Error::invalid("Cannot get query results of a job that is no query"))
            }
            None => Err(Error::not_found(format!(
                "the results of job {}: the emulator keeps those of the last {KEPT_RESULTS} queries",
                key.1
            ))),
        }
    }

    pub(crate) fn job(&self, key: &(String, String)) -> Result<&Job> {
        self.jobs.get(key).ok_or_else(|| Error::not_found(format!("Job {}:US.{}", key.0, key.1)))
    }

    /// `jobs.insert`: the answer says that it is running; `jobs.get` tells how it ended.
    pub(crate) fn insert_job(
        &mut self,
        project: &str,
        body: Value,
        objects: &super::Objects,
        now: i64,
    ) -> Result<Value> {
        let number = self.number();
        let id = body["jobReference"]["jobId"].as_str().map_or_else(|| format!("job_{number}"), String::from);
        check_job_id(&id)?;
        let key = (project.to_string(), id);
        if self.jobs.contains_key(&key) {
            return Err(Error::duplicate(format!("Job {project}:US.{}", key.1)));
        }
        let configuration = body["configuration"].clone();
        if configuration["query"].is_object() {
            let results = self.run_query(project, &configuration["query"], now)?;
            self.remember(key.clone(), Arc::new(results));
            self.finish(&key, body, number, json!({"query": {"statementType": "SELECT"}}), None, now)?;
        } else if configuration["load"].is_object() {
            let (statistics, error) = match self.load(project, &configuration["load"], objects, now) {
                Ok(statistics) => (json!({ "load": statistics }), None),
                Err(error) => (json!({}), Some(error)),
            };
            self.finish(&key, body, number, statistics, error, now)?;
        } else {
            return Err(Error::invalid("the emulator runs query and load jobs only"));
        }
        let mut resource = self.job(&key)?.resource.clone();
        resource["status"] = json!({"state": "RUNNING"});
        Ok(resource)
    }

    fn finish(
        &mut self,
        key: &(String, String),
        mut resource: Value,
        number: u64,
        mut statistics: Value,
        error: Option<Error>,
        now: i64,
    ) -> Result<()> {
        let millis = (now / 1000).to_string();
        for moment in ["creationTime", "startTime", "endTime"] {
            statistics[moment] = json!(millis);
        }
        resource["kind"] = json!("bigquery#job");
        resource["id"] = json!(format!("{}:US.{}", key.0, key.1));
        resource["jobReference"] = json!({"projectId": key.0, "jobId": key.1, "location": "US"});
        resource["statistics"] = statistics;
        resource["status"] = json!({"state": "DONE"});
        if let Some(error) = error {
            resource["status"]["errorResult"] = error.proto();
            resource["status"]["errors"] = json!([error.proto()]);
        }
        let entry = json!({"number": number, "resource": resource});
        keep(&self.db, "job", &format!("{}:{}", key.0, key.1), &entry)?;
        self.jobs.insert(key.clone(), Job { resource });
        Ok(())
    }
}

fn check_job_id(id: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if id.is_empty() || id.len() > 1024 || !id.chars().all(fits) {
        return Err(Error::invalid(format!("Invalid job ID \"{id}\".")));
    }
    Ok(())
}

fn page_of(results: &Results, key: &(String, String), page: Page, form: Form, kind: &str) -> Value {
    let total = results.rows.len() as u64;
    let start = page.start.min(total);
    let end = total.min(start.saturating_add(page.most));
    let rows = &results.rows[start as usize..end as usize];
    let mut answer = json!({
        "kind": kind,
        "schema": results.schema.to_json(),
        "jobReference": {"projectId": key.0, "jobId": key.1, "location": "US"},
        "totalRows": total.to_string(),
        "rows": rows.iter().map(|row| form.row(&results.schema, row)).collect::<Vec<_>>(),
        "totalBytesProcessed": "0",
        "jobComplete": true,
        "cacheHit": false,
    });
    if end < total {
        answer["pageToken"] = json!(end.to_string());
    }
    answer
}
