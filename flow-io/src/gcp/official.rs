//! Google's own clients, reached as the connectors reach them.

use super::GoogleCloud;
#[cfg(any(feature = "pubsub", feature = "gcs"))]
use super::{Service, configured};

/// Google's client of a service, made once for each runtime.
#[cfg(any(feature = "pubsub", feature = "gcs"))]
macro_rules! client {
    ($cloud:expr, $service:expr, $builder:expr) => {
        $cloud
            .clients()
            .get(|| async {
                let made = configured!($cloud, $service, $builder).build().await;
                made.map_err(|cause| {
                    flow_core::Error::config(format!("there is no client for {}", $service))
                        .caused_by(super::Plain::of(&cause))
                })
            })
            .await
    };
}

/// The official clients, for what the connectors do not do, such as making topics and buckets. Must be called inside a
/// tokio runtime; a client is made once for each.
#[cfg(feature = "pubsub")]
impl GoogleCloud {
    /// Makes and deletes topics.
    pub async fn topic_admin(&self) -> flow_core::Result<google_cloud_pubsub::client::TopicAdmin> {
        client!(self, Service::PubSub, google_cloud_pubsub::client::TopicAdmin::builder())
    }

    /// Makes, seeks and deletes subscriptions.
    pub async fn subscription_admin(
        &self,
    ) -> flow_core::Result<google_cloud_pubsub::client::SubscriptionAdmin> {
        client!(self, Service::PubSub, google_cloud_pubsub::client::SubscriptionAdmin::builder())
    }
}

#[cfg(feature = "gcs")]
impl GoogleCloud {
    /// Reads and writes objects.
    pub async fn storage(&self) -> flow_core::Result<google_cloud_storage::client::Storage> {
        client!(self, Service::Storage, google_cloud_storage::client::Storage::builder())
    }

    /// Lists and deletes objects, and makes buckets.
    pub async fn storage_control(&self) -> flow_core::Result<google_cloud_storage::client::StorageControl> {
        client!(self, Service::StorageControl, google_cloud_storage::client::StorageControl::builder())
    }
}
