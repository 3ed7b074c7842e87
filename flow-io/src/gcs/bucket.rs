//! A bucket as a place of files to write.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use flow_core::metrics::Metrics;
use flow_core::sink::WriterContext;
use flow_core::{Error, ErrorKind, Result};
use futures::future::BoxFuture;

use super::access::Access;
use super::error::of_bucket;
use super::name::Place;
use super::settings::Settings;
use super::staging::Staging;
use super::upload::Upload;
use crate::files::{Named, Spot, Target, TempFile, lock, off_thread, sync_directory, temporary_name};

/// What is beneath a key of a bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    place: Place,
    settings: Settings,
    access: Mutex<Access>,
    taken: Arc<Mutex<Taken>>,
    /// Where files of a durable run are staged.
    durable: Mutex<Option<Arc<Staging>>>,
}

/// Names that objects of earlier runs have.
#[derive(Debug, Default)]
struct Taken {
    names: BTreeSet<String>,
    /// Of names that end in `-1`, `-2` and so on before their extension: the greatest number, by what stands before it. A
    /// stream makes such a name each second.
    parts: BTreeMap<String, u64>,
}

/// More are forgotten, and found again one by one.
const KNOWN_NAMES: usize = 100_000;

impl Taken {
    fn contains(&self, name: &str) -> bool {
        let is_below = |(base, number)| self.parts.get(base).is_some_and(|greatest| number <= *greatest);
        self.names.contains(name) || part(name).is_some_and(is_below)
    }

    /// Whether the name is one more of those that have been listed; it counts from now on.
    fn is_next(&mut self, name: &str) -> bool {
        let Some((base, number)) = part(name) else { return false };
        let Some(greatest) = self.parts.get_mut(base) else { return false };
        *greatest = number.max(*greatest);
        true
    }

    fn insert(&mut self, name: &str) {
        match part(name) {
            Some((base, number)) => {
                let greatest = self.parts.entry(base.to_owned()).or_default();
                *greatest = number.max(*greatest);
            }
            None => drop(self.names.insert(name.to_owned())),
        }
    }
}

impl Bucket {
    pub(crate) fn new(settings: &Settings, root: &str) -> Result<Self> {
        let place = Place::parse(root)?;
        let access = Mutex::new(settings.access(&Metrics::default()));
        Ok(Bucket {
            place,
            settings: settings.clone(),
            access,
            taken: Arc::default(),
            durable: Mutex::default(),
        })
    }

    fn staging(&self) -> Arc<Staging> {
        lock(&self.durable).clone().unwrap_or_else(|| self.settings.staging_place())
    }

    fn access(&self) -> Access {
        lock(&self.access).clone()
    }
}

impl Target for Bucket {
    fn root(&self) -> String {
        self.place.url(self.place.key.trim_end_matches('/')).trim_end_matches('/').to_owned()
    }

    /// Lists, for whoever may write objects need not be allowed to look at the bucket itself.
    fn check(&self) -> BoxFuture<'static, Result<()>> {
        let (place, access, root) = (self.place.clone(), self.access(), self.root());
        let staging = self.staging();
        Box::pin(async move {
            staging.path().map_err(unstaged)?;
            let wires = access.wires().await?;
            let listed = access.page(&wires, &place.bucket, &place.key, 1, "").await;
            listed.map(drop).map_err(|error| {
                of_bucket(ErrorKind::Sink, &format!("cannot write to {root}"), &place.bucket, error)
            })
        })
    }

    fn begin(&self, cx: &WriterContext) -> Result<()> {
        *lock(&self.access) = self.settings.access(&cx.metrics);
        if let Some(state) = &cx.durable {
            let mut durable = lock(&self.durable);
            if durable.is_none() {
                *durable = Some(Arc::new(Staging::durable(state).map_err(unstaged)?));
            }
        }
        Ok(())
    }

    fn locate(&self, parts: &[String]) -> Result<Result<Spot, String>> {
        let name = match self.place.beneath(parts) {
            Ok(name) => name,
            Err(reason) => return Ok(Err(reason)),
        };
        let staging = self.staging().path().map_err(unstaged)?;
        let temporary = temporary_name(parts.last().expect("a path ends in a name"));
        Ok(Ok(Spot { path: PathBuf::from(self.place.url(&name)), temporary: staging.join(temporary) }))
    }

    fn is_taken(&self, parts: &[String]) -> bool {
        self.place.beneath(parts).is_ok_and(|name| lock(&self.taken).contains(&name))
    }

    fn create(&self, temporary: &Path) -> io::Result<File> {
        Staging::create(temporary)
    }

    fn anchor(&self, temporary: Vec<PathBuf>) -> BoxFuture<'static, Result<()>> {
        Box::pin(off_thread(move || {
            let directories: BTreeSet<_> = temporary.iter().filter_map(|path| path.parent()).collect();
            directories.into_iter().try_for_each(sync_directory).map_err(unstaged)
        }))
    }

    fn publish(&self, file: Arc<TempFile>, path: &Path, replace: bool) -> BoxFuture<'static, Result<Named>> {
        let url = path.to_string_lossy();
        let key = url.strip_prefix(&self.place.url("")).unwrap_or(&url).to_owned();
        let place = Place { key, ..self.place.clone() };
        let (access, uploads) = (self.access(), self.settings.uploads());
        let taken = Arc::clone(&self.taken);
        Box::pin(async move {
            let _turn = uploads.acquire().await.expect("nobody closes it");
            let (file_path, bytes) = (file.path().to_owned(), file.written());
            let named = Upload { access: access.clone(), place: place.clone(), file: file_path, bytes }
                .put(replace)
                .await?;
            if named == Named::Taken {
                note_taken(&access, &place, &taken).await?;
            }
            Ok(named)
        })
    }
}

/// Notes the names like one that is taken, so that the next free one need not be found by trying.
async fn note_taken(access: &Access, place: &Place, taken: &Mutex<Taken>) -> Result<()> {
    if lock(taken).is_next(&place.key) {
        return Ok(());
    }
    let failed = |error| {
        let doing = format!("cannot list {}", place.url(&place.key));
        of_bucket(ErrorKind::Sink, &doing, &place.bucket, error)
    };
    let wires = access.wires().await?;
    let objects = access.list(&wires, &place.bucket, stem(&place.key)).await.map_err(failed)?;
    let mut taken = lock(taken);
    if taken.names.len() + taken.parts.len() > KNOWN_NAMES {
        *taken = Taken::default();
    }
    taken.insert(&place.key);
    for object in &objects {
        taken.insert(&object.name);
    }
    Ok(())
}

/// A name that ends in `-` and a number before its extension: what stands before that, and the number. Numbers with
/// zeros before them are part of a name.
fn part(name: &str) -> Option<(&str, u64)> {
    let (base, number) = stem(name).rsplit_once('-')?;
    let is_plain = number == "0" || !number.starts_with('0');
    number.parse().ok().filter(|_| is_plain).map(|number| (base, number))
}

/// A name without its extension.
fn stem(name: &str) -> &str {
    let file = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = name[file..].find('.').filter(|at| *at > 0);
    dot.map_or(name, |at| &name[..file + at])
}

fn unstaged(cause: io::Error) -> Error {
    Error::config("there is no place for files until they are uploaded: name one with `staging`")
        .caused_by(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_like_another_share_its_stem() {
        assert_eq!(stem("out/v1.2/data-00001.jsonl"), "out/v1.2/data-00001");
        assert_eq!(stem("a.tar.gz"), "a");
        assert_eq!(stem("out/plain"), "out/plain");
    }

    #[test]
    fn parts_are_known_by_the_greatest_of_them() {
        assert_eq!(part("out/data-00000-of-00001-17.jsonl"), Some(("out/data-00000-of-00001", 17)));
        assert_eq!(part("out/data-00000-of-00001.jsonl"), None);
        let mut taken = Taken::default();
        (1..=200_000).for_each(|n| taken.insert(&format!("out/data-00000-of-00001-{n}.jsonl")));
        assert_eq!((taken.names.len(), taken.parts.len()), (0, 1));
        let name = |n| format!("out/data-00000-of-00001-{n}.jsonl");
        assert!(taken.contains(&name(3)) && taken.contains(&name(200_000)));
        assert!(!taken.contains(&name(200_001)));
        assert!(taken.is_next(&name(200_001)) && taken.contains(&name(200_001)));
        assert!(!taken.is_next("out/other-1.jsonl"));
    }

    #[test]
    fn the_root_is_named_as_the_user_did() {
        for (root, wanted) in [("gs://shop", "gs://shop"), ("gs://shop/out/", "gs://shop/out")] {
            assert_eq!(Bucket::new(&Settings::default(), root).unwrap().root(), wanted);
        }
    }

    #[test]
    fn files_are_staged_where_the_user_says_and_located_in_the_bucket() {
        let root = tempfile::tempdir().unwrap();
        let settings = Settings::default().staging(root.path().to_owned());
        let bucket = Bucket::new(&settings, "gs://shop/out").unwrap();
        let spot = bucket.locate(&["day=1".into(), "a.txt".into()]).unwrap().unwrap();
        assert_eq!(spot.path, Path::new("gs://shop/out/day=1/a.txt"));
        assert!(spot.temporary.starts_with(root.path()), "{}", spot.temporary.display());
        let reason = bucket.locate(&["x".repeat(1025)]).unwrap().unwrap_err();
        assert_eq!(reason, "the object's name would have 1029 bytes, more than the allowed 1024");
    }
}
