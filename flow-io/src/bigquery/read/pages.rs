use std::time::Duration;

use flow_core::{Error, ErrorKind, Result};
use gcp_bigquery_client::model::get_query_results_parameters::GetQueryResultsParameters;
use gcp_bigquery_client::model::get_query_results_response::GetQueryResultsResponse;
use gcp_bigquery_client::model::job::Job;
use gcp_bigquery_client::model::job_configuration::JobConfiguration;
use gcp_bigquery_client::model::job_configuration_query::JobConfigurationQuery;
use gcp_bigquery_client::model::job_reference::JobReference;
use gcp_bigquery_client::model::table_row::TableRow;
use gcp_bigquery_client::tabledata::ListQueryParameters;
use serde::{Deserialize, Serialize};

use crate::bigquery::Schema;
use crate::bigquery::name::TableName;
use crate::bigquery::service::{Failure, Service, Trouble};
use crate::gcp::unique;
use crate::gcp::{Fault, Retrying};

/// Where rows are: each has a number, so that pages may begin anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Place {
    /// A table, and those of its columns that are wanted; none is all.
    Table(TableName, Vec<String>),
    /// The job of a query that is done.
    Query { project: String, job: String, location: Option<String> },
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Table(name, _) => write!(f, "{name}"),
            Place::Query { job, .. } => write!(f, "the query {job}"),
        }
    }
}

/// Asks for rows.
#[derive(Clone)]
pub(super) struct Pages {
    pub(super) service: Service,
    pub(super) retrying: Retrying,
}

/// How long the service may think about a query before it says that it is not done.
const THINK: Duration = Duration::from_secs(30);

/// How many jobs are tried for a query: one, and three more where the service says that it is its own failure.
const ATTEMPTS: u32 = 4;

impl Pages {
    async fn run<R, F: Future<Output = Result<R, Failure>>>(
        &self,
        what: &str,
        request: impl FnMut() -> F,
    ) -> Result<R, Failure> {
        self.retrying.run(what, Failure::fault, request).await
    }

    /// The columns of a table, and how many rows it has.
    pub(super) async fn of_table(&self, name: &TableName, wanted: &[String]) -> Result<(Schema, u64)> {
        let tables = self.service.client().table();
        let get = || async {
            match tables.get(&name.project, &name.dataset, &name.table, None).await.map_err(Failure::from) {
                Err(failure) => Err(self.service.explained(failure, name).await),
                found => found,
            }
        };
        let table = self.run("looking up a table of BigQuery", get).await;
        let table = table.map_err(|failure| unreadable(failure, format_args!("the table {name}")))?;
        let schema = Schema::from_client(&table.schema)?;
        let schema = if wanted.is_empty() { schema } else { narrowed(&schema, name, wanted)? };
        let total = self.count(name).await;
        Ok((schema, total.map_err(|failure| unreadable(failure, format_args!("the table {name}")))?))
    }

    async fn count(&self, name: &TableName) -> Result<u64, Failure> {
        let count = || async {
            let parameters = ListQueryParameters {
                start_index: None,
                max_results: Some(1),
                page_token: None,
                selected_fields: None,
                format_options: None,
            };
            let rows = self.service.client().tabledata();
            rows.list(&name.project, &name.dataset, &name.table, parameters).await.map_err(Failure::from)
        };
        let page = self.run("counting rows of BigQuery", count).await?;
        Ok(page.total_rows.and_then(|rows| rows.parse().ok()).unwrap_or_default())
    }

    /// Runs a query to its end: where its rows are, their columns, and how many there are.
    pub(super) async fn of_query(
        &self,
        project: &str,
        location: Option<&str>,
        sql: &str,
    ) -> Result<(Place, Schema, u64)> {
        let failed = |failure| unreadable(failure, format_args!("the query"));
        let mut tries = self.retrying.tries();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let (job, location) = self.submit(project, location, sql).await.map_err(failed)?;
            let failure = match self.finished(project, &job, location.as_deref()).await.map_err(failed)? {
                Ok(done) => {
                    let schema = Schema::from_client(&done.schema.unwrap_or_default())?;
                    let total = done.total_rows.and_then(|rows| rows.parse().ok()).unwrap_or_default();
                    return Ok((Place::Query { project: project.to_owned(), job, location }, schema, total));
                }
                Err(failure) => failure,
            };
            let what = "running a query of BigQuery";
            let pause = self.retrying.again(&mut tries, what, failure.fault(), &failure);
            match pause.filter(|_| attempt < ATTEMPTS) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(failed(failure)),
            }
        }
    }

    /// Waits until a query is done: its results, or why its job failed for good.
    async fn finished(
        &self,
        project: &str,
        job: &str,
        location: Option<&str>,
    ) -> Result<Result<GetQueryResultsResponse, Failure>, Failure> {
        let get = || async {
            let parameters = GetQueryResultsParameters {
                location: location.map(str::to_owned),
                max_results: Some(0),
                timeout_ms: i32::try_from(THINK.as_millis()).ok(),
                ..Default::default()
            };
            let jobs = self.service.client().job();
            match jobs.get_query_results(project, job, parameters).await.map_err(Failure::from) {
                Ok(results) => Ok(Ok(results)),
                Err(failure) => match self.end_of(&failure, project, job, location).await {
                    Some(end) => Ok(Err(end)),
                    None => Err(failure),
                },
            }
        };
        loop {
            match self.run("reading a query's results from BigQuery", get).await? {
                Ok(results) if results.job_complete != Some(true) => {}
                end => return Ok(end),
            }
        }
    }

    /// Why a job failed for good, if it did: then the service answers with the job's failure however often it is asked,
    /// though it looks like one that passes.
    async fn end_of(
        &self,
        failure: &Failure,
        project: &str,
        job: &str,
        location: Option<&str>,
    ) -> Option<Failure> {
        if failure.status.is_none() || !matches!(failure.fault(), Fault::Passing(_)) {
            return None;
        }
        let status = self.service.client().job().get_job(project, job, location).await.ok()?.status?;
        let error = status.error_result.filter(|_| status.state.as_deref() == Some("DONE"))?;
        let (reason, message) = (error.reason.unwrap_or_default(), error.message.unwrap_or_default());
        Some(Failure::of_answer(400, &reason, &message))
    }

    /// Submits the query under a name of ours, so that an attempt whose answer was lost is no second query.
    async fn submit(
        &self,
        project: &str,
        location: Option<&str>,
        sql: &str,
    ) -> Result<(String, Option<String>), Failure> {
        let id = format!("flow-query-{}", unique());
        let query = JobConfigurationQuery {
            query: sql.to_owned(),
            use_legacy_sql: Some(false),
            ..Default::default()
        };
        let reference = JobReference {
            job_id: Some(id.clone()),
            location: location.map(str::to_owned),
            project_id: Some(project.to_owned()),
        };
        let job = Job {
            configuration: Some(JobConfiguration { query: Some(query), ..Default::default() }),
            job_reference: Some(reference),
            ..Default::default()
        };
        let submit = || async {
            match self.service.client().job().insert(project, job.clone()).await.map_err(Failure::from) {
                Err(failure) if failure.is_there_already() => Ok(None),
                Err(failure) => Err(failure),
                Ok(job) => Ok(job.job_reference.and_then(|reference| reference.location)),
            }
        };
        let found = self.run("submitting a query to BigQuery", submit).await?;
        Ok((id, found.or_else(|| location.map(str::to_owned))))
    }

    async fn results(
        &self,
        project: &str,
        job: &str,
        parameters: GetQueryResultsParameters,
    ) -> Result<GetQueryResultsResponse, Failure> {
        let get = || async {
            let jobs = self.service.client().job();
            jobs.get_query_results(project, job, parameters.clone()).await.map_err(Failure::from)
        };
        self.run("reading a query's results from BigQuery", get).await
    }

    /// Rows from a number on: at most so many, and at least one while there are any.
    pub(super) async fn page(&self, place: &Place, from: u64, most: u32) -> Result<Vec<TableRow>> {
        let rows = match place {
            Place::Table(name, wanted) => self.page_of_table(name, wanted, from, most).await,
            Place::Query { project, job, location } => {
                let parameters = GetQueryResultsParameters {
                    location: location.clone(),
                    max_results: i32::try_from(most).ok(),
                    start_index: Some(from.to_string()),
                    ..Default::default()
                };
                self.results(project, job, parameters).await.map(|page| page.rows)
            }
        };
        Ok(rows.map_err(|failure| unreadable(failure, format_args!("{place}")))?.unwrap_or_default())
    }

    async fn page_of_table(
        &self,
        name: &TableName,
        wanted: &[String],
        from: u64,
        most: u32,
    ) -> Result<Option<Vec<TableRow>>, Failure> {
        let list = || async {
            let parameters = ListQueryParameters {
                start_index: Some(from.to_string()),
                max_results: Some(most),
                page_token: None,
                selected_fields: (!wanted.is_empty()).then(|| wanted.join(",")),
                format_options: None,
            };
            let rows = self.service.client().tabledata();
            rows.list(&name.project, &name.dataset, &name.table, parameters).await.map_err(Failure::from)
        };
        Ok(self.run("reading rows from BigQuery", list).await?.rows)
    }
}

/// The wanted columns, in the table's order, which is that of the cells.
fn narrowed(schema: &Schema, name: &TableName, wanted: &[String]) -> Result<Schema> {
    if let Some(missing) = wanted.iter().find(|column| schema.field(column).is_none()) {
        return Err(Error::config(format!("the table {name} has no column `{missing}`")));
    }
    let is_wanted = |name: &str| wanted.iter().any(|column| column.eq_ignore_ascii_case(name));
    Ok(Schema::new(schema.fields().iter().filter(|field| is_wanted(&field.name)).cloned().collect())?)
}

fn unreadable(failure: Failure, what: std::fmt::Arguments<'_>) -> Error {
    let kind = match failure.fault() {
        Fault::Lasting => ErrorKind::Config,
        Fault::Denied | Fault::Passing(_) => ErrorKind::Source,
    };
    failure.into_error(kind, format_args!("{what} cannot be read"))
}

/// Whether a table has no rows.
pub(in crate::bigquery) async fn is_empty(
    service: &Service,
    retrying: &Retrying,
    name: &TableName,
) -> Result<bool, Trouble> {
    let pages = Pages { service: service.clone(), retrying: retrying.clone() };
    match pages.count(name).await {
        Ok(rows) => Ok(rows == 0),
        Err(failure) => {
            let context = format!("the rows of the table {name} cannot be counted");
            Err(Trouble::Fail(failure.into_error(ErrorKind::Sink, context)))
        }
    }
}
