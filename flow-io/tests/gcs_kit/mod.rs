//! A bucket in an emulator, and a run of the local runner.
#![allow(dead_code, reason = "each file of tests uses its part")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use flow_core::{Pipeline, Result};
use flow_gcp_emulator::Emulator;
use flow_io::gcp::{GoogleCloud, Retry};
use flow_runner_local::{LocalRunner, Options, Report};

pub(crate) const BUCKET: &str = "shop-data";

/// An emulator with one bucket, and a cloud that does not wait long to try again.
pub(crate) struct Shop {
    pub(crate) emulator: Emulator,
    pub(crate) cloud: GoogleCloud,
}

impl Shop {
    pub(crate) fn open() -> Self {
        Shop::of(Emulator::start().unwrap())
    }

    /// With a bucket in an emulator of one's own.
    pub(crate) fn of(emulator: Emulator) -> Self {
        emulator.gcs().create_bucket(BUCKET).unwrap();
        let cloud = hasty(GoogleCloud::at(&emulator.endpoint()));
        Shop { emulator, cloud }
    }

    pub(crate) fn put(&self, name: &str, bytes: impl Into<Vec<u8>>) {
        self.emulator.gcs().write(BUCKET, name, bytes.into()).unwrap();
    }

    /// The objects of the bucket beneath a prefix, by the rest of their names.
    pub(crate) fn objects(&self, prefix: &str) -> BTreeMap<String, Vec<u8>> {
        let gcs = self.emulator.gcs();
        let names = gcs.list(BUCKET, prefix).into_iter();
        names
            .map(|name| (name[prefix.len()..].to_owned(), gcs.read(BUCKET, &name).unwrap().to_vec()))
            .collect()
    }

    /// As [`Shop::objects`], as text.
    pub(crate) fn texts(&self, prefix: &str) -> BTreeMap<String, String> {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        self.objects(prefix).into_iter().map(|(name, bytes)| (name, text(bytes))).collect()
    }
}

pub(crate) fn hasty(cloud: GoogleCloud) -> GoogleCloud {
    cloud.with_retry(Retry::without_end().pausing(Duration::from_millis(1), Duration::from_millis(5)))
}

/// The files beneath a directory, by their paths from there.
pub(crate) fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            found.insert(name, fs::read(path).unwrap());
        }
    }
    found
}

pub(crate) fn texts<const N: usize>(texts: [(&str, &str); N]) -> BTreeMap<String, String> {
    texts.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

pub(crate) fn run(pipeline: Pipeline) -> Result<Report> {
    LocalRunner::new(Options::default().with_workers(2)).run(pipeline)
}
