use std::fmt;

use bytes::Bytes;
use flow_core::{Error, Result};
use google_cloud_gax::options::RequestOptionsBuilder;
use google_cloud_gax::retry_policy::{NeverRetry, RetryPolicyExt};
use google_cloud_storage::client::{Storage, StorageControl};

use crate::gcp::unique;
use crate::gcp::{Fault, GoogleCloud, Plain, Retrying, Service, Traffic, check_id};

/// Where staged objects are: a bucket and a prefix.
#[derive(Clone)]
pub(in crate::bigquery) struct Staging {
    clients: Clients,
    retrying: Retrying,
    bucket: String,
    prefix: String,
}

#[derive(Clone)]
struct Clients {
    storage: Storage,
    control: StorageControl,
}

impl fmt::Debug for Staging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gs://{}/{}", self.bucket, self.prefix)
    }
}

impl Staging {
    /// A place by its URL, `gs://bucket/prefix`.
    pub(in crate::bigquery) async fn of(cloud: &GoogleCloud, place: &str) -> Result<Self> {
        let (bucket, prefix) = parse(place)?;
        let clients = cloud.clients().get(|| Clients::connect(cloud)).await?;
        let retrying = Retrying::new(cloud.retry(), Traffic::default());
        Ok(Staging { clients, retrying, bucket, prefix })
    }

    pub(in crate::bigquery) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Puts an object beneath the prefix; its whole name. It has a name that nobody else gives, so that an object that is
    /// there already is our own.
    pub(super) async fn put(&self, name: &str, content: Bytes) -> Result<String> {
        let name = format!("{}{name}", self.prefix);
        let put = || async {
            let bucket = format!("projects/_/buckets/{}", self.bucket);
            let write = self.clients.storage.write_object(bucket, name.clone(), content.clone());
            let write = write.set_if_generation_match(0_i64).set_content_type("application/json");
            match Box::pin(write.send_buffered()).await {
                Ok(_) => Ok(()),
                Err(error) if error.http_status_code() == Some(412) => Ok(()),
                Err(error) => Err(error),
            }
        };
        let done = self.retrying.run("staging rows for BigQuery", Fault::of_gax, put).await;
        done.map_err(|cause| {
            let place = format!("rows cannot be staged in gs://{}/{}", self.bucket, self.prefix);
            Error::sink_failed(place, Plain::of(&cause))
        })?;
        Ok(name)
    }

    /// Puts an object without rows, for a table that is to be empty.
    pub(in crate::bigquery) async fn put_nothing(&self, table: &str) -> Result<String> {
        self.put(&format!("{table}/nothing-{}.json", unique()), Bytes::new()).await
    }

    /// Removes objects that have been loaded. What cannot be removed stays, with a warning: the rows are where they should
    /// be.
    pub(super) async fn remove(&self, names: &[String]) {
        for name in names {
            let bucket = format!("projects/_/buckets/{}", self.bucket);
            let remove = self.clients.control.delete_object().set_bucket(bucket).set_object(name);
            let gone = remove.with_retry_policy(NeverRetry.with_attempt_limit(1)).send().await;
            if let Err(error) = gone
                && error.status().is_none_or(|s| s.code != google_cloud_gax::error::rpc::Code::NotFound)
            {
                tracing::warn!(
                    bucket = self.bucket,
                    name,
                    "a staged object that was loaded cannot be removed"
                );
            }
        }
    }
}

impl Clients {
    async fn connect(cloud: &GoogleCloud) -> Result<Self> {
        let wrong = |cause: google_cloud_gax::client_builder::Error| {
            Error::config("no client of Cloud Storage can be made").caused_by(Plain::of(&cause))
        };
        let mut storage = Storage::builder().with_credentials(cloud.credentials(Service::Storage)?);
        storage = storage.with_retry_policy(NeverRetry.with_attempt_limit(1));
        if let Some(endpoint) = cloud.endpoint(Service::Storage)? {
            storage = storage.with_endpoint(endpoint);
        }
        let mut control =
            StorageControl::builder().with_credentials(cloud.credentials(Service::StorageControl)?);
        if let Some(endpoint) = cloud.endpoint(Service::StorageControl)? {
            control = control.with_endpoint(endpoint);
        }
        let storage = storage.build().await.map_err(wrong)?;
        Ok(Clients { storage, control: control.build().await.map_err(wrong)? })
    }
}

/// The bucket and the prefix, which is empty or ends in a slash.
fn parse(place: &str) -> Result<(String, String)> {
    let wrong = || {
        let shown: String = place.chars().take(80).collect();
        Error::config(format!("{shown:?} is no place for staged rows: write gs://bucket/prefix"))
    };
    let rest = place.strip_prefix("gs://").ok_or_else(wrong)?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    check_id("bucket", bucket, "-_.", 222)?;
    let prefix = prefix.trim_matches('/');
    if prefix.chars().any(|c| c.is_control() || matches!(c, '*' | '?' | '[' | ']' | '#')) {
        return Err(wrong());
    }
    let slash = if prefix.is_empty() { "" } else { "/" };
    Ok((bucket.to_owned(), format!("{prefix}{slash}")))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_place_is_a_bucket_and_a_prefix() {
        let parsed = |place| parse(place).map_err(|e| e.to_string());
        assert_eq!(parsed("gs://b-1/x/y/"), Ok(("b-1".to_owned(), "x/y/".to_owned())));
        assert_eq!(parsed("gs://b-1"), Ok(("b-1".to_owned(), String::new())));
        let wrong = "\"/tmp/x\" is no place for staged rows: write gs://bucket/prefix";
        assert_eq!(parsed("/tmp/x"), Err(wrong.to_owned()));
        assert!(parsed("gs:///x").is_err() && parsed("gs://b/x*").is_err());
    }
}
