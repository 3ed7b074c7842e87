//! The files that a load job names.

use std::io::Read;

use bytes::Bytes;
use serde_json::Value;

use super::super::Objects;
use super::super::error::{Error, Result};

/// A file of Cloud Storage.
pub(super) struct File {
    pub(super) uri: String,
    pub(super) bytes: Bytes,
}

impl File {
    /// Its content, out of gzip if it is packed.
    pub(super) fn plain(&self) -> Result<Bytes> {
        if !self.bytes.starts_with(&[0x1f, 0x8b]) {
            return Ok(self.bytes.clone());
        }
        let mut plain = Vec::new();
        flate2::read::MultiGzDecoder::new(&self.bytes[..]).read_to_end(&mut plain).map_err(|error| {
            Error::invalid(format!("Error while reading data: broken gzip: {error} File: {}", self.uri))
        })?;
        Ok(plain.into())
    }
}

/// All files of `sourceUris`, each of which may have one `*`.
pub(super) fn of(load: &Value, objects: &Objects) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for uri in load["sourceUris"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let missing = || Error::not_found(format!("URI {uri}"));
        let path = uri
            .strip_prefix("gs://")
            .ok_or_else(|| Error::invalid(format!("Invalid source URI {uri}: gs:// is expected")))?;
        let (bucket, pattern) = path.split_once('/').ok_or_else(missing)?;
        let before = files.len();
        for name in matching(objects, bucket, pattern) {
            if let Some(bytes) = objects.read(bucket, &name) {
                files.push(File { uri: format!("gs://{bucket}/{name}"), bytes });
            }
        }
        if files.len() == before {
            return Err(missing());
        }
    }
    if files.is_empty() {
        return Err(Error::invalid("Load configuration must specify at least one source URI"));
    }
    Ok(files)
}

fn matching(objects: &Objects, bucket: &str, pattern: &str) -> Vec<String> {
    let Some((prefix, suffix)) = pattern.split_once('*') else { return vec![pattern.to_string()] };
    let fits = |name: &String| name.len() >= prefix.len() + suffix.len() && name.ends_with(suffix);
    objects.list(bucket, prefix).into_iter().filter(fits).collect()
}
