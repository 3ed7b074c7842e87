use std::fmt;
use std::future::Future;
use std::time::Duration;

use flow_core::metrics::{Counter, Metrics};
use flow_core::{Error, Result};
use google_cloud_gax::options::RequestOptionsBuilder;
use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_storage::Error as GcsError;
use google_cloud_storage::client::{Storage, StorageControl};
use google_cloud_storage::model::Object;
use tokio::runtime::Handle;

use super::error::{Answer, answer};
use super::name::resource;
use crate::files::no_runtime;
use crate::gcp::{Fault, GoogleCloud, Plain, Retrying, Service, Traffic, configured};

/// Cloud Storage, asked with patience.
#[derive(Clone)]
pub(super) struct Access {
    cloud: GoogleCloud,
    retrying: Retrying,
    /// Objects that were written, or begun to be read.
    pub(super) objects: Counter,
}

/// The service's two clients.
#[derive(Clone)]
pub(super) struct Wires {
    pub(super) storage: Storage,
    control: StorageControl,
}

/// How long a server may be silent.
pub(super) const SILENCE: Duration = Duration::from_mins(1);

/// How many objects are listed at once.
const PAGE: i32 = 1_000;

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("cloud", &self.cloud).finish_non_exhaustive()
    }
}

impl Access {
    pub(super) fn new(cloud: GoogleCloud) -> Self {
        let retrying = Retrying::new(cloud.retry(), Traffic::default());
        Access { cloud, retrying, objects: Counter::default() }
    }

    /// The same, counting for a step's report.
    pub(super) fn counted_by(&self, metrics: &Metrics) -> Self {
        let retrying = self.retrying.counted_by(Traffic::new(metrics));
        Access { cloud: self.cloud.clone(), retrying, objects: metrics.counter("objects") }
    }

    pub(super) fn retrying(&self) -> &Retrying {
        &self.retrying
    }

    pub(super) async fn wires(&self) -> Result<Wires> {
        Handle::try_current().map_err(|_| no_runtime())?;
        self.cloud.clients().get(|| connect(&self.cloud)).await
    }

    /// What is known of an object; none if there is no such object.
    pub(super) async fn find(
        &self,
        wires: &Wires,
        bucket: &str,
        name: &str,
    ) -> Result<Option<Object>, GcsError> {
        let request = || {
            let get = wires.control.get_object().set_bucket(resource(bucket)).set_object(name);
            get.with_attempt_timeout(SILENCE).send()
        };
        let found =
            self.retrying.run(&format!("asking for gs://{bucket}/{name}"), Fault::of_gax, request).await;
        match found {
            Ok(object) => Ok(Some(object)),
            Err(error) if answer(&error) == Answer::Missing => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All objects whose names begin like this, by name.
    pub(super) async fn list(
        &self,
        wires: &Wires,
        bucket: &str,
        prefix: &str,
    ) -> Result<Vec<Object>, GcsError> {
        let (mut objects, mut token) = (Vec::new(), String::new());
        loop {
            let page = self.page(wires, bucket, prefix, PAGE, &token).await?;
            objects.extend(page.0);
            token = page.1;
            if token.is_empty() {
                return Ok(objects);
            }
        }
    }

    /// Some of the objects, and the token of the next ones.
    pub(super) async fn page(
        &self,
        wires: &Wires,
        bucket: &str,
        prefix: &str,
        size: i32,
        token: &str,
    ) -> Result<(Vec<Object>, String), GcsError> {
        let request = || {
            let list = wires.control.list_objects().set_parent(resource(bucket)).set_prefix(prefix);
            list.set_page_size(size).set_page_token(token).with_attempt_timeout(SILENCE).send()
        };
        let page =
            self.retrying.run(&format!("listing gs://{bucket}/{prefix}"), Fault::of_gax, request).await?;
        Ok((page.objects, page.next_page_token))
    }
}

async fn connect(cloud: &GoogleCloud) -> Result<Wires> {
    let storage = configured!(cloud, Service::Storage, Storage::builder());
    let control = configured!(cloud, Service::StorageControl, StorageControl::builder());
    Ok(Wires {
        storage: storage.build().await.map_err(unusable)?,
        control: control.with_retry_policy(NeverRetry).build().await.map_err(unusable)?,
    })
}

fn unusable(cause: google_cloud_gax::client_builder::Error) -> Error {
    Error::config("Cloud Storage cannot be reached by these endpoints and credentials")
        .caused_by(Plain::of(&cause))
}

/// A request that fails if the server is silent for too long.
pub(super) async fn in_time<R>(request: impl Future<Output = Result<R, GcsError>>) -> Result<R, GcsError> {
    match tokio::time::timeout(SILENCE, request).await {
        Ok(answer) => answer,
        Err(_) => Err(GcsError::timeout(format!("no answer for {SILENCE:?}"))),
    }
}
