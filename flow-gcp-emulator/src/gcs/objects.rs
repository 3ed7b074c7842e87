//! The buckets and objects themselves.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tonic::Code;

use super::buckets::Bucket;
use super::condition::{Condition, Unmet};
use super::folder::Folder;
use super::object::Object;
use crate::pubsub::{PubSub, PubsubMessage};
use crate::{Clock, Error, Refused};

/// All buckets with their objects. Clones are one store.
///
/// Its methods are what a test wants to do beside the program that it tests; buckets have their short names.
#[derive(Clone, Debug)]
pub struct Objects(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    pubsub: PubSub,
    folder: Option<Folder>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) buckets: BTreeMap<String, Bucket>,
    last_generation: i64,
}

/// Why the service refuses something that is asked of objects.
#[derive(Debug)]
pub(crate) enum Problem {
    Refused(Refused),
    Unmet(Unmet),
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        Problem::Refused(refused)
    }
}

impl Objects {
    pub(crate) fn new(clock: Clock, pubsub: PubSub, folder: Option<&Path>) -> Result<Self, Error> {
        let folder = folder.map(|folder| Folder::new(folder.join("storage")));
        let buckets = folder.as_ref().map(Folder::read).transpose()?.unwrap_or_default();
        let objects = buckets.values().flat_map(|bucket| bucket.objects.values());
        let last_generation = objects.map(|object| object.generation).max().unwrap_or(0);
        let state = Mutex::new(State { buckets, last_generation });
        Ok(Objects(Arc::new(Shared { clock, pubsub, folder, state })))
    }

    /// Makes a bucket.
    pub fn create_bucket(&self, name: &str) -> Result<(), Refused> {
        self.insert_bucket(name, "").map(drop)
    }

    /// The names of all buckets.
    pub fn buckets(&self) -> Vec<String> {
        self.state().buckets.keys().cloned().collect()
    }

    /// The bytes of an object.
    pub fn read(&self, bucket: &str, name: &str) -> Option<Bytes> {
        self.get(bucket, name).map(|object| object.bytes)
    }

    /// An object.
    pub fn get(&self, bucket: &str, name: &str) -> Option<Object> {
        self.state().buckets.get(bucket)?.objects.get(name).cloned()
    }

    /// The names of the objects that begin with `prefix`, in order.
    pub fn list(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let state = self.state();
        let objects = state.buckets.get(bucket).map(|bucket| &bucket.objects);
        let from = objects.into_iter().flat_map(|objects| objects.range(prefix.to_owned()..));
        from.take_while(|(name, _)| name.starts_with(prefix)).map(|(name, _)| name.clone()).collect()
    }

    /// Writes an object, over one that is there.
    pub fn write(&self, bucket: &str, name: &str, bytes: impl Into<Bytes>) -> Result<Object, Refused> {
        let object = Object::of(name, bytes.into(), &Map::new());
        self.store(bucket, object, Condition::default()).map_err(|problem| match problem {
            Problem::Refused(refused) => refused,
            Problem::Unmet(_) => unreachable!("nothing was asked of what is there"),
        })
    }

    /// Deletes an object.
    pub fn delete(&self, bucket: &str, name: &str) -> Result<(), Refused> {
        self.remove(bucket, name, None, Condition::default()).map_err(|problem| match problem {
            Problem::Refused(refused) => refused,
            Problem::Unmet(_) => unreachable!("nothing was asked of what is there"),
        })
    }

    /// Has a message published to a topic for every object that is finished in a bucket.
    pub fn notify(&self, bucket: &str, topic: &str) -> Result<(), Refused> {
        self.insert_notification(bucket, topic, "").map(drop)
    }

    pub(crate) fn store(
        &self,
        bucket: &str,
        mut object: Object,
        condition: Condition,
    ) -> Result<Object, Problem> {
        check_object_name(&object.name)?;
        let mut state = self.state();
        let now = self.0.clock.micros();
        let generation = now.max(state.last_generation + 1);
        let there = state.bucket(bucket)?.objects.get(&object.name);
        condition.check(there).map_err(Problem::Unmet)?;
        let old = there.map(|object| object.generation);
        (object.generation, object.created) = (generation, now);
        if let Some(folder) = &self.0.folder {
            folder.write(bucket, &object, old)?;
        }
        state.last_generation = generation;
        let bucket_of = state.bucket(bucket)?;
        bucket_of.objects.insert(object.name.clone(), object.clone());
        let topics = bucket_of.notified(&object.name);
        drop(state);
        for (config, topic) in topics {
            self.announce(bucket, &object, config, &topic);
        }
        Ok(object)
    }

    fn announce(&self, bucket: &str, object: &Object, config: u64, topic: &str) {
        let resource = object.json(bucket);
        let message = PubsubMessage::new(resource.to_string())
            .attribute(
                "notificationConfig",
                format!("projects/_/buckets/{bucket}/notificationConfigs/{config}"),
            )
            .attribute("eventType", "OBJECT_FINALIZE")
            .attribute("payloadFormat", "JSON_API_V1")
            .attribute("bucketId", bucket)
            .attribute("objectId", &object.name)
            .attribute("objectGeneration", object.generation.to_string())
            .attribute("eventTime", crate::rest::time(object.created));
        if let Err(error) = self.0.pubsub.publish_all(topic, [message]) {
            tracing::warn!(bucket, topic, %error, "a notification could not be published");
        }
    }

    pub(crate) fn find(
        &self,
        bucket: &str,
        name: &str,
        generation: Option<i64>,
        condition: Condition,
    ) -> Result<Object, Problem> {
        let mut state = self.state();
        let object = state.object(bucket, name, generation)?;
        condition.check(Some(object)).map_err(Problem::Unmet)?;
        Ok(object.clone())
    }

    pub(crate) fn remove(
        &self,
        bucket: &str,
        name: &str,
        generation: Option<i64>,
        condition: Condition,
    ) -> Result<(), Problem> {
        let mut state = self.state();
        let object = state.object(bucket, name, generation)?;
        condition.check(Some(object)).map_err(Problem::Unmet)?;
        if let Some(folder) = &self.0.folder {
            folder.remove(bucket, object.generation)?;
        }
        state.bucket(bucket)?.objects.remove(name);
        Ok(())
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> i64 {
        self.0.clock.micros()
    }

    pub(crate) fn folder(&self) -> Option<&Folder> {
        self.0.folder.as_ref()
    }
}

impl State {
    pub(crate) fn bucket(&mut self, name: &str) -> Result<&mut Bucket, Refused> {
        let missing = || Refused::new(Code::NotFound, "The specified bucket does not exist.");
        self.buckets.get_mut(name).ok_or_else(missing)
    }

    fn object(&mut self, bucket: &str, name: &str, generation: Option<i64>) -> Result<&Object, Refused> {
        let missing = || Refused::new(Code::NotFound, format!("No such object: {bucket}/{name}"));
        let object = self.bucket(bucket)?.objects.get(name).ok_or_else(missing)?;
        if generation.is_some_and(|wanted| wanted != object.generation) { Err(missing()) } else { Ok(object) }
    }
}

fn check_object_name(name: &str) -> Result<(), Refused> {
    let good =
        (1..=1_024).contains(&name.len()) && !name.contains(['\r', '\n']) && name != "." && name != "..";
    if good {
        Ok(())
    } else {
        Err(Refused::invalid("an object's name has 1 to 1024 bytes and no line breaks"))
    }
}

/// A bucket as JSON.
pub(crate) fn bucket_json(name: &str, bucket: &Bucket) -> Value {
    json!({
        "kind": "storage#bucket",
        "id": name,
        "name": name,
        "location": "US",
        "storageClass": "STANDARD",
        "metageneration": "1",
        "timeCreated": crate::rest::time(bucket.created),
        "updated": crate::rest::time(bucket.created),
    })
}
