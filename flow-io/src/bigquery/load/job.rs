use std::hash::BuildHasher;
use std::time::Duration;

use flow_core::{Error, ErrorKind, Result};
use gcp_bigquery_client::model::error_proto::ErrorProto;
use gcp_bigquery_client::model::job::Job;
use gcp_bigquery_client::model::job_configuration::JobConfiguration;
use gcp_bigquery_client::model::job_configuration_load::JobConfigurationLoad;
use gcp_bigquery_client::model::job_reference::JobReference;
use gcp_bigquery_client::model::job_status::JobStatus;
use gcp_bigquery_client::model::table_reference::TableReference;

use super::Staging;
use crate::bigquery::service::{Failure, Service};
use crate::bigquery::target::{Create, Disposition, Target};
use crate::gcp::{Fault, Retrying};

/// How often a job is looked at: at first, and at last.
const LOOK: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// How many objects a job takes.
const MOST_OBJECTS: usize = 10_000;

/// Loads staged objects into a table by one job. Its id comes of the objects, so that the job of a load that is repeated
/// is found to be there.
pub(in crate::bigquery) async fn load(
    service: &Service,
    retrying: &Retrying,
    staging: &Staging,
    target: &Target,
    disposition: Disposition,
    mut objects: Vec<String>,
) -> Result<()> {
    if objects.len() > MOST_OBJECTS {
        let message = format!("{} staged objects are more than a job loads: {MOST_OBJECTS}", objects.len());
        return Err(Error::new(ErrorKind::Sink, message));
    }
    objects.sort_unstable();
    let loading = Loading { service, retrying, target };
    let location = loading.location().await?;
    let uris = objects.iter().map(|name| format!("gs://{}/{name}", staging.bucket())).collect();
    let load = loading.configuration(disposition, uris);
    let name = id_of(&objects);
    for attempt in 1.. {
        let id = format!("{name}-{attempt}");
        loading.submit(&id, location.clone(), load.clone()).await?;
        match loading.wait(&id, location.as_deref()).await? {
            None => break,
            Some(failure) if attempt < ATTEMPTS && matches!(failure.fault(), Fault::Passing(_)) => {
                tracing::warn!(id, %failure, "a load job failed, and is submitted again under another id");
            }
            Some(failure) => return Err(loading.failed(failure)),
        }
    }
    staging.remove(&objects).await;
    Ok(())
}

/// How many jobs are tried, where the service says that it is its own failure. A job loads everything or nothing.
const ATTEMPTS: u32 = 5;

/// A name for the job that any repetition gives it too.
fn id_of(objects: &[String]) -> String {
    let hash = foldhash::quality::FixedState::default();
    format!("flow-load-{:016x}{:016x}", hash.hash_one(objects), hash.hash_one((objects, 1_u8)))
}

struct Loading<'a> {
    service: &'a Service,
    retrying: &'a Retrying,
    target: &'a Target,
}

impl Loading<'_> {
    fn configuration(&self, disposition: Disposition, uris: Vec<String>) -> JobConfigurationLoad {
        let target = self.target;
        let name = &target.name;
        let create = if target.create == Create::Never { "CREATE_NEVER" } else { "CREATE_IF_NEEDED" };
        let write = match disposition {
            Disposition::Append => "WRITE_APPEND",
            Disposition::Truncate => "WRITE_TRUNCATE",
            Disposition::Empty => "WRITE_EMPTY",
        };
        let append = disposition == Disposition::Append;
        JobConfigurationLoad {
            destination_table: Some(TableReference::new(&name.project, &name.dataset, &name.table)),
            source_uris: Some(uris),
            source_format: Some("NEWLINE_DELIMITED_JSON".to_owned()),
            create_disposition: Some(create.to_owned()),
            write_disposition: Some(write.to_owned()),
            schema: target.schema.as_ref().map(crate::bigquery::Schema::to_client),
            time_partitioning: target.time_partitioning(),
            clustering: target.clustered(),
            schema_update_options: (append && target.add_fields)
                .then(|| vec!["ALLOW_FIELD_ADDITION".to_owned()]),
            max_bad_records: Some(0),
            ..Default::default()
        }
    }

    /// Where the dataset is: jobs elsewhere are not found without it.
    async fn location(&self) -> Result<Option<String>> {
        let name = &self.target.name;
        let get = || async {
            self.service.client().dataset().get(&name.project, &name.dataset).await.map_err(Failure::from)
        };
        let dataset = self.retrying.run("looking up a dataset of BigQuery", Failure::fault, get).await;
        Ok(dataset.map_err(|failure| self.failed(failure))?.location)
    }

    async fn submit(&self, id: &str, location: Option<String>, load: JobConfigurationLoad) -> Result<()> {
        let project = &self.target.name.project;
        let configuration =
            JobConfiguration { job_type: Some("LOAD".to_owned()), load: Some(load), ..Default::default() };
        let reference =
            JobReference { job_id: Some(id.to_owned()), location, project_id: Some(project.clone()) };
        let job =
            Job { configuration: Some(configuration), job_reference: Some(reference), ..Default::default() };
        let submit = || async {
            match self.service.client().job().insert(project, job.clone()).await.map_err(Failure::from) {
                // The answer of an attempt was lost, or the commit is repeated.
                Err(failure) if failure.is_there_already() => Ok(()),
                done => done.map(drop),
            }
        };
        let submitted = self.retrying.run("submitting a load job to BigQuery", Failure::fault, submit).await;
        submitted.map_err(|failure| self.failed(failure))
    }

    /// Waits until the job is done; why it failed, if it did.
    async fn wait(&self, id: &str, location: Option<&str>) -> Result<Option<Failure>> {
        let project = &self.target.name.project;
        let (mut pause, longest) = LOOK;
        loop {
            let get = || async {
                self.service.client().job().get_job(project, id, location).await.map_err(Failure::from)
            };
            let job = self.retrying.run("looking at a load job of BigQuery", Failure::fault, get).await;
            let status = job.map_err(|failure| self.failed(failure))?.status.unwrap_or_default();
            if status.state.as_deref() == Some("DONE") {
                return Ok(status.error_result.clone().map(|error| of_job(error, &status)));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }

    fn failed(&self, failure: Failure) -> Error {
        let context = format!("staged rows cannot be loaded into the table {}", self.target.name);
        failure.into_error(ErrorKind::Sink, context)
    }
}

/// The job's failure, with some of the rows' errors that led to it.
fn of_job(error: ErrorProto, status: &JobStatus) -> Failure {
    let message = error.message.unwrap_or_default();
    let more = status.errors.iter().flatten().filter_map(|e| e.message.as_deref());
    let more: Vec<&str> = more.filter(|other| *other != message).take(3).collect();
    let text = if more.is_empty() { message } else { format!("{message}: {}", more.join("; ")) };
    Failure::of_answer(400, error.reason.as_deref().unwrap_or_default(), &text)
}

#[cfg(test)]
mod tests {
    use super::id_of;

    #[test]
    fn a_load_has_an_id_of_its_objects() {
        let names = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(id_of(&names(&["a", "b"])), id_of(&names(&["a", "b"])));
        assert_ne!(id_of(&names(&["a", "b"])), id_of(&names(&["a", "c"])));
        assert_ne!(id_of(&names(&["a", "b"])), id_of(&names(&["ab"])));
    }
}
