use std::sync::Arc;

use flow_core::{Element, PCollection, Result};

use super::{ObjectRef, Objects, Settings};
use crate::files::{BadRecord, Decode, ReadFiles};
use crate::gcp::GoogleCloud;

/// Reads the records of objects that a collection names, as out of notifications: made by [`read_objects`].
#[derive(Clone, Debug)]
pub struct ReadObjects<D> {
    files: ReadFiles<D>,
    settings: Settings,
    max_bytes: u64,
    at_once: usize,
}

/// Reads the records of objects with a decoder whose records may be bad: [`Json`](crate::files::Json),
/// [`CheckedText`](crate::files::CheckedText), or one of your own.
///
/// ```
/// use flow_core::prelude::*;
/// use flow_io::files::{BadRecord, CheckedText};
/// use flow_io::gcs::{ObjectRef, read_objects};
///
/// fn lines(objects: &PCollection<ObjectRef>) -> PCollection<Result<String, BadRecord>> {
///     read_objects(CheckedText).from(objects)
/// }
/// ```
pub fn read_objects<D: Decode>(decode: D) -> ReadObjects<D> {
    ReadObjects {
        files: ReadFiles::new("gs://", decode),
        settings: Settings::default(),
        max_bytes: 64 << 20,
        at_once: 4,
    }
}

impl<T: Element, D: Decode<Item = Result<T, BadRecord>>> ReadObjects<D> {
    /// Reaches `gs://` by these endpoints and credentials; [`GoogleCloud::from_env`] unless set.
    pub fn on(mut self, cloud: &GoogleCloud) -> Self {
        self.files = self.files.on(cloud);
        self.settings = self.settings.on(cloud);
        self
    }

    /// The largest object that is read, in stored bytes; 64 MiB unless set. All records of an object are in memory at
    /// once.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// How many objects each worker reads at a time; 4 unless set.
    pub fn at_once(mut self, objects: usize) -> Self {
        self.at_once = objects.max(1);
        self
    }

    /// The records of the objects. One that is gone, too large or cannot be read is a bad record itself, without text.
    #[track_caller]
    pub fn from(self, objects: &PCollection<ObjectRef>) -> PCollection<Result<T, BadRecord>> {
        let (at_once, this) = (self.at_once, Arc::new(self));
        let records = move |object: ObjectRef| {
            let this = Arc::clone(&this);
            async move { this.read(&object).await }
        };
        objects.map_async_unordered(at_once, records).flat_map(|records| records)
    }

    async fn read(&self, object: &ObjectRef) -> Vec<D::Item> {
        let bad = |reason: String| {
            vec![Err(BadRecord {
                file: object.to_string(),
                line: None,
                offset: 0,
                bytes: 0,
                reason,
                text: String::new(),
            })]
        };
        match self.try_read(object).await {
            Ok(Ok(records)) => records,
            Ok(Err(reason)) => bad(reason),
            Err(error) => bad(error.report()),
        }
    }

    async fn try_read(&self, object: &ObjectRef) -> Result<Result<Vec<D::Item>, String>> {
        let Some(mut found) = Objects::new(&self.settings, &object.url())?.find().await? else {
            return Ok(Err("there is no such object".to_owned()));
        };
        if found.len > self.max_bytes {
            let reason =
                format!("the object has {} bytes, more than the allowed {}", found.len, self.max_bytes);
            return Ok(Err(reason));
        }
        if let (Some(version), Some(generation)) = (&mut found.object, object.generation)
            && version.generation != generation
        {
            return Ok(Err("the object has been replaced since".to_owned()));
        }
        self.files.read_whole(found).await.map(Ok)
    }
}
