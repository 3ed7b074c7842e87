//! Objects, and how both APIs describe them.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use googleapis_tonic_google_storage_v2::google::storage::v2 as wire;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::pubsub::timestamp;
use crate::rest;

/// An object of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Its name, with slashes.
    pub name: String,
    /// What is in it.
    #[serde(skip)]
    pub bytes: Bytes,
    /// The number of this version of the object; later versions have greater ones.
    pub generation: i64,
    /// How often its metadata was written.
    pub metageneration: i64,
    /// The `contentType`, if the writer gave one.
    pub content_type: Option<String>,
    /// Names and values of the writer.
    pub metadata: BTreeMap<String, String>,
    /// When it was made, in microseconds since 1970.
    pub created: i64,
    /// CRC32C of the bytes.
    pub crc32c: u32,
    /// What else the writer said of it.
    pub(crate) rest: Map<String, Value>,
}

/// What the writer may say of an object, beside its type and metadata.
const KEPT: [&str; 5] =
    ["cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "md5Hash"];

impl Object {
    /// An object out of its bytes and what an upload says of them. Generation and time are given when it is stored.
    pub(crate) fn of(name: &str, bytes: Bytes, resource: &Map<String, Value>) -> Self {
        let metadata = resource.get("metadata").and_then(Value::as_object);
        let metadata = metadata.into_iter().flatten();
        Object {
            name: name.to_owned(),
            crc32c: crc32c::crc32c(&bytes),
            bytes,
            metageneration: 1,
            content_type: resource.get("contentType").and_then(Value::as_str).map(str::to_owned),
            metadata: metadata.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect(),
            rest: KEPT.iter().filter_map(|k| Some(((*k).to_owned(), resource.get(*k)?.clone()))).collect(),
            ..Object::default()
        }
    }

    /// The checksum as the JSON API writes it.
    pub(crate) fn checksum(&self) -> String {
        BASE64_STANDARD.encode(self.crc32c.to_be_bytes())
    }

    pub(crate) fn etag(&self) -> String {
        format!("\"{}/{}\"", self.generation, self.metageneration)
    }

    /// The resource of the JSON API.
    pub(crate) fn json(&self, bucket: &str) -> Value {
        let created = rest::time(self.created);
        let mut json = json!({
            "kind": "storage#object",
            "id": format!("{bucket}/{}/{}", self.name, self.generation),
            "name": self.name,
            "bucket": bucket,
            "generation": self.generation.to_string(),
            "metageneration": self.metageneration.to_string(),
            "size": self.bytes.len().to_string(),
            "crc32c": self.checksum(),
            "etag": self.etag(),
            "storageClass": "STANDARD",
            "timeCreated": created,
            "timeFinalized": created,
            "timeStorageClassUpdated": created,
            "updated": created,
        });
        if let Some(content_type) = &self.content_type {
            json["contentType"] = json!(content_type);
        }
        if !self.metadata.is_empty() {
            json["metadata"] = json!(self.metadata);
        }
        for (name, value) in &self.rest {
            json[name] = value.clone();
        }
        json
    }

    /// The message of the gRPC API.
    pub(crate) fn message(&self, bucket: &str) -> wire::Object {
        let time = Some(timestamp(self.created));
        wire::Object {
            name: self.name.clone(),
            bucket: format!("projects/_/buckets/{bucket}"),
            etag: self.etag(),
            generation: self.generation,
            metageneration: self.metageneration,
            storage_class: "STANDARD".to_owned(),
            size: self.bytes.len() as i64,
            content_type: self.content_type.clone().unwrap_or_default(),
            content_encoding: self.said("contentEncoding"),
            content_disposition: self.said("contentDisposition"),
            cache_control: self.said("cacheControl"),
            content_language: self.said("contentLanguage"),
            metadata: self.metadata.clone().into_iter().collect(),
            checksums: Some(wire::ObjectChecksums { crc32c: Some(self.crc32c), md5_hash: Vec::new() }),
            create_time: time,
            update_time: time,
            finalize_time: time,
            ..wire::Object::default()
        }
    }

    fn said(&self, name: &str) -> String {
        self.rest.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}
