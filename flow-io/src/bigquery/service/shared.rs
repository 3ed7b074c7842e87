use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flow_core::{Error, Result};
use gcp_bigquery_client::Client;
use gcp_bigquery_client::client_builder::ClientBuilder;
use gcp_bigquery_client::model::table::Table;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::token::Token;
use super::{Failure, Storage, Tables};
use crate::bigquery::name::TableName;
use crate::gcp::{self, GoogleCloud};

/// BigQuery, as all sinks and sources of one [`GoogleCloud`] share it.
#[derive(Clone)]
pub(crate) struct Service(Arc<Shared>);

struct Shared {
    client: Client,
    http: reqwest::Client,
    base: String,
    token: Token,
    storage: Storage,
    tables: Tables,
    /// What may be under way in requests, in KiB.
    credit: Arc<Semaphore>,
    /// What waits in batches, in bytes.
    waiting: AtomicUsize,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BigQuery")
    }
}

impl GoogleCloud {
    /// The official client of BigQuery, for what the connector does not do, such as making datasets. Must be called inside
    /// a tokio runtime; it is made once for each.
    pub async fn bigquery(&self) -> Result<Client> {
        Ok(Service::of(self).await?.client().clone())
    }
}

/// How much may be under way in requests: enough for some dozen of them, and little beside a pipeline's memory.
const UNDER_WAY: usize = 64 << 20;

/// How much may wait in batches before they are sent though they are not full.
const WAITING: usize = 64 << 20;

/// No answer about a table is larger.
const LARGEST_ANSWER: usize = 16 << 20;

impl Service {
    /// The clients of a cloud. Must be called inside a tokio runtime.
    pub(crate) async fn of(cloud: &GoogleCloud) -> Result<Self> {
        cloud.clients().get(|| Self::connect(cloud)).await
    }

    /// Makes the clients; nothing is asked yet.
    async fn connect(cloud: &GoogleCloud) -> Result<Self> {
        let service = gcp::Service::BigQuery;
        let token = Token::of(cloud.credentials(service)?);
        let host = cloud.endpoint(service)?.unwrap_or("https://bigquery.googleapis.com");
        let base = if host.ends_with("/v2") { host.to_owned() } else { format!("{host}/bigquery/v2") };
        let http = reqwest::Client::builder()
            // No call is sent on to elsewhere; who would do that wants the token.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_mins(2))
            .build()
            .map_err(|cause| no_client(&cause))?;
        let mut builder = ClientBuilder::new();
        builder.with_v2_base_url(base.clone()).with_client(http.clone());
        let client = builder.build_from_authenticator(Arc::new(token.clone())).await;
        let client = client.map_err(|cause| no_client(&cause))?;
        let storage = Storage::connect(cloud.endpoint(gcp::Service::BigQueryStorage)?, token.clone())?;
        let credit = Arc::new(Semaphore::new(UNDER_WAY >> 10));
        let (tables, waiting) = (Tables::default(), AtomicUsize::new(0));
        Ok(Service(Arc::new(Shared { client, http, base, token, storage, tables, credit, waiting })))
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.0.storage
    }

    pub(crate) fn tables(&self) -> &Tables {
        &self.0.tables
    }

    /// Waits until so many bytes may be sent.
    pub(crate) async fn credit(&self, bytes: usize) -> OwnedSemaphorePermit {
        let kib = bytes.div_ceil(1 << 10).clamp(1, UNDER_WAY >> 10);
        let wanted = Arc::clone(&self.0.credit).acquire_many_owned(kib as u32);
        wanted.await.expect("the semaphore is never closed")
    }

    /// Counts bytes that wait in a batch; true when all batches together hold too much.
    pub(crate) fn wait(&self, bytes: usize) -> bool {
        self.0.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes > WAITING
    }

    /// These bytes wait no longer.
    pub(crate) fn no_longer_waiting(&self, bytes: usize) {
        self.0.waiting.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Creates a table with a primary key, which the client's model of a table lacks.
    pub(crate) async fn create_with_key(&self, table: &Table, key: &[String]) -> Result<(), Failure> {
        let mut body = serde_json::to_value(table).map_err(|e| Failure::lasting(e.to_string()))?;
        body["tableConstraints"] = serde_json::json!({ "primaryKey": { "columns": key } });
        let reference = &table.table_reference;
        let url = self.url(&reference.project_id, &format!("datasets/{}/tables", reference.dataset_id));
        self.ask(self.0.http.post(url).json(&body)).await.map(drop)
    }

    /// The columns of a table's primary key; none if it has no key.
    pub(crate) async fn key_of(&self, name: &TableName) -> Result<Vec<String>, Failure> {
        let url = self.url(&name.project, &format!("datasets/{}/tables/{}", name.dataset, name.table));
        let table = self.ask(self.0.http.get(url)).await?;
        let columns = table["tableConstraints"]["primaryKey"]["columns"].as_array();
        Ok(columns.into_iter().flatten().filter_map(|c| c.as_str().map(str::to_owned)).collect())
    }

    /// The client loses the status of an answer that is not as it expects. Then the table is looked up in our own way, so
    /// that one which is not there or does not let us in is not asked without end.
    pub(crate) async fn explained(&self, failure: Failure, name: &TableName) -> Failure {
        if !failure.is_unread() {
            return failure;
        }
        self.key_of(name).await.err().unwrap_or(failure)
    }

    /// Names are checked, so that only letters of other scripts need an encoding; the URL's parser does it.
    fn url(&self, project: &str, path: &str) -> String {
        format!("{}/projects/{project}/{path}", self.0.base)
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<Value, Failure> {
        let headers = self.0.token.headers().await.map_err(|status| Failure::of_status(&status))?;
        let failed = |error| Failure::from(gcp_bigquery_client::error::BQError::RequestError(error));
        let mut answer = request.headers(headers).send().await.map_err(failed)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(Failure::lasting("the answer is larger than any of BigQuery's"));
            }
            body.extend_from_slice(&chunk);
        }
        let json: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(json);
        }
        let error = &json["error"];
        let reason = error["errors"][0]["reason"].as_str().unwrap_or_default();
        let message = error["message"].as_str().unwrap_or("the answer is not BigQuery's");
        Err(Failure::of_answer(i64::from(status.as_u16()), reason, message))
    }
}

fn no_client(cause: &dyn std::error::Error) -> Error {
    Error::config(format!("no client of BigQuery can be made: {cause}"))
}
