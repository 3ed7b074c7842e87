//! Buckets and what they notify.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tonic::Code;

use super::object::Object;
use super::objects::Objects;
use crate::Refused;

/// A bucket with its objects.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Bucket {
    pub(crate) project: String,
    pub(crate) created: i64,
    pub(crate) notifications: Vec<Notification>,
    #[serde(skip)]
    pub(crate) objects: BTreeMap<String, Object>,
}

/// Where it is said that objects are finished.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Notification {
    pub(crate) id: u64,
    /// `projects/shop/topics/files`
    pub(crate) topic: String,
    /// Names of objects begin with this.
    pub(crate) prefix: String,
}

impl Bucket {
    /// The notifications that are due for an object: their ids and topics.
    pub(crate) fn notified(&self, object: &str) -> Vec<(u64, String)> {
        let due = self.notifications.iter().filter(|n| object.starts_with(&n.prefix));
        due.map(|n| (n.id, n.topic.clone())).collect()
    }
}

impl Objects {
    pub(crate) fn insert_bucket(&self, name: &str, project: &str) -> Result<Bucket, Refused> {
        let good =
            !name.is_empty() && name.len() <= 222 && !name.contains(['/', '\\']) && !name.starts_with('.');
        if !good {
            return Err(Refused::invalid(format!("Invalid bucket name: '{name}'")));
        }
        let mut state = self.state();
        if state.buckets.contains_key(name) {
            let message =
                "Your previous request to create the named bucket succeeded and you already own it.";
            return Err(Refused::new(Code::AlreadyExists, message));
        }
        let bucket = Bucket { project: project.to_owned(), created: self.now(), ..Bucket::default() };
        self.keep(name, &bucket)?;
        state.buckets.insert(name.to_owned(), bucket.clone());
        Ok(bucket)
    }

    pub(crate) fn remove_bucket(&self, name: &str) -> Result<(), Refused> {
        let mut state = self.state();
        if !state.bucket(name)?.objects.is_empty() {
            let message = "The bucket you tried to delete is not empty.";
            return Err(Refused::new(Code::FailedPrecondition, message));
        }
        if let Some(folder) = self.folder() {
            folder.remove_bucket(name)?;
        }
        state.buckets.remove(name);
        Ok(())
    }

    pub(crate) fn insert_notification(
        &self,
        bucket: &str,
        topic: &str,
        prefix: &str,
    ) -> Result<Notification, Refused> {
        let topic = topic.trim_start_matches("//pubsub.googleapis.com/").to_owned();
        let mut state = self.state();
        let there = state.bucket(bucket)?;
        let id = there.notifications.iter().map(|n| n.id).max().unwrap_or(0) + 1;
        let notification = Notification { id, topic, prefix: prefix.to_owned() };
        there.notifications.push(notification.clone());
        self.keep(bucket, there)?;
        Ok(notification)
    }

    pub(crate) fn remove_notification(&self, bucket: &str, id: u64) -> Result<(), Refused> {
        let mut state = self.state();
        let there = state.bucket(bucket)?;
        if !there.notifications.iter().any(|n| n.id == id) {
            return Err(Refused::new(
                Code::NotFound,
                format!("There is no notification {id} in this bucket."),
            ));
        }
        there.notifications.retain(|n| n.id != id);
        self.keep(bucket, there)
    }

    fn keep(&self, name: &str, bucket: &Bucket) -> Result<(), Refused> {
        self.folder().map_or(Ok(()), |folder| folder.write_bucket(name, bucket))
    }
}
