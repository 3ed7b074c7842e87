//! Objects as files.
//!
//! `storage/{bucket}/bucket.json` is the bucket. An object is two files named after its generation: `{generation}` has
//! its bytes, and `{generation}.json`, which is written after it, says what it is. Each is written beside its place and
//! moved there, so that it is there as a whole or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tonic::Code;

use super::buckets::Bucket;
use super::object::Object;
use crate::{Error, Refused};

/// The folder of all buckets.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Folder { path }
    }

    /// All that is there.
    pub(crate) fn read(&self) -> Result<BTreeMap<String, Bucket>, Error> {
        let failed = |source| Error::Folder { path: self.path.clone(), source };
        self.read_buckets().map_err(failed)
    }

    fn read_buckets(&self) -> io::Result<BTreeMap<String, Bucket>> {
        fs::create_dir_all(&self.path)?;
        let mut buckets = BTreeMap::new();
        for folder in fs::read_dir(&self.path)? {
            let folder = folder?;
            let Ok(bytes) = fs::read(folder.path().join("bucket.json")) else { continue };
            let mut bucket: Bucket = serde_json::from_slice(&bytes)?;
            read_objects(&folder.path(), &mut bucket)?;
            buckets.insert(folder.file_name().to_string_lossy().into_owned(), bucket);
        }
        Ok(buckets)
    }

    pub(crate) fn write_bucket(&self, name: &str, bucket: &Bucket) -> Result<(), Refused> {
        let folder = self.path.join(name);
        let json = serde_json::to_vec(bucket).map_err(io::Error::from);
        let written = json.and_then(|json| {
            fs::create_dir_all(&folder)?;
            put(&folder.join("bucket.json"), &json)
        });
        written.map_err(|e| failed(&folder, &e))
    }

    pub(crate) fn remove_bucket(&self, name: &str) -> Result<(), Refused> {
        let folder = self.path.join(name);
        fs::remove_dir_all(&folder).map_err(|e| failed(&folder, &e))
    }

    /// Writes an object, and then removes the one that it replaces.
    pub(crate) fn write(&self, bucket: &str, object: &Object, old: Option<i64>) -> Result<(), Refused> {
        let path = self.path.join(bucket).join(object.generation.to_string());
        let json = serde_json::to_vec(object).map_err(io::Error::from);
        let written = json.and_then(|json| {
            put(&path, &object.bytes)?;
            put(&path.with_extension("json"), &json)
        });
        written.map_err(|e| failed(&path, &e))?;
        old.map_or(Ok(()), |old| self.remove(bucket, old))
    }

    pub(crate) fn remove(&self, bucket: &str, generation: i64) -> Result<(), Refused> {
        let path = self.path.join(bucket).join(generation.to_string());
        let removed = fs::remove_file(path.with_extension("json")).and_then(|()| fs::remove_file(&path));
        removed.map_err(|e| failed(&path, &e))
    }
}

fn read_objects(folder: &Path, bucket: &mut Bucket) -> io::Result<()> {
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        let is_object = path.extension().is_some_and(|e| e == "json") && !path.ends_with("bucket.json");
        if !is_object {
            continue;
        }
        let mut object: Object = serde_json::from_slice(&fs::read(&path)?)?;
        object.bytes = fs::read(path.with_extension(""))?.into();
        let there = bucket.objects.get(&object.name).map_or(0, |object| object.generation);
        if object.generation > there {
            bucket.objects.insert(object.name.clone(), object);
        }
    }
    Ok(())
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, bytes)?;
    fs::rename(&new, path)
}

fn failed(path: &Path, error: &io::Error) -> Refused {
    Refused::new(Code::Internal, format!("the emulator cannot write {}: {error}", path.display()))
}
