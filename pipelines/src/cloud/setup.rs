//! Topics, subscriptions, buckets and datasets, made where they are missing.

use flow_core::{Error, ErrorKind, Result};
use flow_io::gcp::GoogleCloud;
use gcp_bigquery_client::error::BQError;
use gcp_bigquery_client::model::dataset::Dataset;
use google_cloud_gax::error::rpc::Code;
use google_cloud_storage::model::Bucket;

/// A topic: `projects/shop/topics/orders`.
pub async fn topic(cloud: &GoogleCloud, name: &str) -> Result<()> {
    let made = cloud.topic_admin().await?.create_topic().set_name(name).send().await;
    unless_there("topic", name, made)
}

/// A subscription to a topic.
pub async fn subscription(cloud: &GoogleCloud, name: &str, topic: &str) -> Result<()> {
    let admin = cloud.subscription_admin().await?;
    let made = admin.create_subscription().set_name(name).set_topic(topic).send().await;
    unless_there("subscription", name, made)
}

/// A bucket of a project.
pub async fn bucket(cloud: &GoogleCloud, project: &str, name: &str) -> Result<()> {
    let control = cloud.storage_control().await?;
    let bucket = Bucket::new().set_project(format!("projects/{project}"));
    let made = control.create_bucket().set_parent("projects/_").set_bucket_id(name).set_bucket(bucket);
    unless_there("bucket", name, made.send().await)
}

/// A dataset of a project.
pub async fn dataset(cloud: &GoogleCloud, project: &str, name: &str) -> Result<()> {
    match cloud.bigquery().await?.dataset().create(Dataset::new(project, name)).await {
        Err(BQError::ResponseError { error }) if error.error.code == 409 => Ok(()),
        Err(cause) => Err(not_made("dataset", name).caused_by(cause)),
        Ok(_) => Ok(()),
    }
}

fn unless_there<T>(kind: &str, name: &str, made: Result<T, google_cloud_gax::error::Error>) -> Result<()> {
    match made {
        Err(cause) if is_there(&cause) => Ok(()),
        Err(cause) => Err(not_made(kind, name).caused_by(cause)),
        Ok(_) => Ok(()),
    }
}

fn is_there(error: &google_cloud_gax::error::Error) -> bool {
    error.http_status_code() == Some(409) || error.status().is_some_and(|s| s.code == Code::AlreadyExists)
}

fn not_made(kind: &str, name: &str) -> Error {
    Error::new(ErrorKind::Config, format!("the {kind} `{name}` cannot be made"))
}
