//! Objects as files to read.

use std::sync::atomic::AtomicU64;

use flow_core::metrics::Metrics;
use flow_core::{Error, ErrorKind, Result};
use futures::future::BoxFuture;
use glob::Pattern;
use google_cloud_storage::Error as GcsError;
use google_cloud_storage::model::Object;

use super::access::Access;
use super::download::Download;
use super::error::of_bucket;
use super::name::Place;
use super::settings::Settings;
use crate::files::{
    FileSplit, Input, Listed, ObjectVersion, Origin, SHELL, is_gzip, is_passed_over, no_pattern,
};

/// The objects of a bucket that a URL stands for: a name, a directory of names, or a glob.
#[derive(Debug)]
pub(crate) struct Objects {
    place: Place,
    settings: Settings,
}

/// How many bytes are read beyond a split at first, for the rest of its last line.
const LAST_LINE: u64 = 64 << 10;

impl Objects {
    pub(crate) fn new(settings: &Settings, url: &str) -> Result<Self> {
        Ok(Objects { place: Place::parse(url)?, settings: settings.clone() })
    }

    /// One object as it is now; none if there is none.
    pub(super) async fn find(&self) -> Result<Option<Listed>> {
        let access = self.settings.access(&Metrics::default());
        let wires = access.wires().await?;
        let found = access.find(&wires, &self.place.bucket, &self.place.key).await;
        let found = found.map_err(|error| unlisted(&self.place, error))?;
        Ok(found.map(|object| listed(&self.place, object)))
    }
}

impl Origin for Objects {
    fn list(&self, _: &str) -> BoxFuture<'static, Result<Vec<Listed>>> {
        let (place, access) = (self.place.clone(), self.settings.access(&Metrics::default()));
        Box::pin(async move {
            let selection = Selection::of(&place)?;
            let found = find_all(&place, &access).await?;
            let names = found.iter().map(|object| object.name.as_str());
            let selected = selection.select(names);
            let chosen = found.iter().zip(selected).filter(|(_, is_selected)| *is_selected);
            Ok(chosen.map(|(object, _)| listed(&place, object.clone())).collect())
        })
    }

    fn open(&self, split: &FileSplit, offset: u64, _: bool, metrics: &Metrics) -> Result<Box<dyn Input>> {
        let version = split.object.ok_or_else(|| {
            Error::new(
                ErrorKind::Source,
                format!("the split of {} does not say which version it is of", split.path),
            )
        })?;
        let access = self.settings.access(metrics);
        if split.start == 0 {
            access.objects.inc();
        }
        let download = Download {
            access,
            place: self.place.clone(),
            generation: version.generation,
            at: AtomicU64::new(offset),
            until: split.end.saturating_add(LAST_LINE),
            len: version.bytes,
        };
        Ok(Box::new(download.begin()?))
    }
}

/// The objects whose names the key may stand for, by name.
async fn find_all(place: &Place, access: &Access) -> Result<Vec<Object>> {
    let wires = access.wires().await?;
    let failed = |error| unlisted(place, error);
    let key = place.key.as_str();
    if is_glob(key) {
        return access.list(&wires, &place.bucket, literal(key)).await.map_err(failed);
    }
    let mut found = Vec::new();
    if !key.is_empty() && !key.ends_with('/') {
        found.extend(access.find(&wires, &place.bucket, key).await.map_err(failed)?);
    }
    let directory = as_directory(key);
    found.extend(access.list(&wires, &place.bucket, &directory).await.map_err(failed)?);
    Ok(found)
}

fn unlisted(place: &Place, error: GcsError) -> Error {
    let doing = format!("cannot list {}", place.url(&place.key));
    of_bucket(ErrorKind::Source, &doing, &place.bucket, error)
}

fn listed(place: &Place, object: Object) -> Listed {
    // When this version was made; a change of metadata makes no other.
    let made = object.create_time.map(|at| at.seconds() * 1_000_000 + i64::from(at.nanos()) / 1_000);
    let bytes = u64::try_from(object.size).unwrap_or(0);
    Listed {
        path: place.url(&object.name),
        len: bytes,
        modified: made,
        gzip: is_gzip(&object.name) || object.content_encoding == "gzip",
        object: Some(ObjectVersion { generation: object.generation, bytes }),
    }
}

fn is_glob(key: &str) -> bool {
    key.contains(['*', '?', '['])
}

/// What all names begin with that a glob matches.
fn literal(glob: &str) -> &str {
    &glob[..glob.find(['*', '?', '[']).unwrap_or(glob.len())]
}

/// What the names of all objects in a directory begin with.
fn as_directory(key: &str) -> String {
    if key.is_empty() || key.ends_with('/') { key.to_owned() } else { format!("{key}/") }
}

/// Chooses among names as a shell does among files: what has the name itself is meant, whatever characters it holds;
/// a directory stands for the files beneath it but hidden and temporary ones.
#[derive(Debug)]
struct Selection {
    key: String,
    pattern: Option<Pattern>,
}

impl Selection {
    fn of(place: &Place) -> Result<Self> {
        let key = place.key.clone();
        let pattern = is_glob(&key).then(|| Pattern::new(&key)).transpose();
        let pattern = pattern.map_err(|cause| no_pattern(&place.url(&key), cause))?;
        Ok(Selection { key, pattern })
    }

    /// Which of the names are chosen.
    fn select<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<bool> {
        let names: Vec<&str> = names.collect();
        let literally: Vec<bool> = names.iter().map(|name| self.is_meant(name)).collect();
        match &self.pattern {
            Some(pattern) if !literally.contains(&true) => {
                names.iter().map(|name| is_matched(pattern, name)).collect()
            }
            _ => literally,
        }
    }

    fn is_meant(&self, name: &str) -> bool {
        let beneath = name.strip_prefix(as_directory(&self.key).as_str());
        name == self.key && !name.ends_with('/') || beneath.is_some_and(is_visible)
    }
}

/// Whether a glob matches a name, or a directory that it is in.
fn is_matched(pattern: &Pattern, name: &str) -> bool {
    let matches = |path: &str| pattern.matches_with(path, SHELL);
    let directories = name.match_indices('/').map(|(at, _)| at);
    let in_one = |at: usize| matches(&name[..at]) && is_visible(&name[at + 1..]);
    !name.ends_with('/') && (matches(name) || directories.into_iter().any(in_one))
}

/// Whether a path in a directory is neither hidden nor temporary, and no directory itself.
fn is_visible(path: &str) -> bool {
    path.split('/').all(|part| !part.is_empty() && !is_passed_over(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected<'a>(key: &str, names: &[&'a str]) -> Vec<&'a str> {
        let place = Place { bucket: "shop".into(), key: key.into() };
        let chosen = Selection::of(&place).unwrap().select(names.iter().copied());
        names.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(name, _)| *name).collect()
    }

    #[test]
    fn a_directory_stands_for_its_objects_but_hidden_and_temporary_ones() {
        let names =
            ["in/", "in/.git/d", "in/_SUCCESS", "in/a.txt", "in/b/c.txt", "in/e.tmp", "in/f~", "inner"];
        assert_eq!(selected("in", &names), ["in/a.txt", "in/b/c.txt"]);
        assert_eq!(selected("in/", &names), ["in/a.txt", "in/b/c.txt"]);
        assert_eq!(selected("", &["a", ".b", "c/d"]), ["a", "c/d"]);
    }

    #[test]
    fn a_glob_matches_as_in_a_shell() {
        let names = [".c.txt", "a.txt", "b.json", "d/e.txt", "d/f/g.txt"];
        assert_eq!(selected("*.txt", &names), ["a.txt"]);
        assert_eq!(selected("**/*.txt", &names), ["a.txt", "d/e.txt", "d/f/g.txt"]);
        assert_eq!(selected("[ab].*", &names), ["a.txt", "b.json"]);
        assert_eq!(selected("d/*", &names), ["d/e.txt", "d/f/g.txt"], "directories too");
        assert_eq!(selected("d?/x", &names), Vec::<&str>::new());
    }

    #[test]
    fn a_name_with_brackets_is_found_literally() {
        assert_eq!(selected("a[1].txt", &["a1.txt", "a[1].txt"]), ["a[1].txt"]);
        assert_eq!(selected("a[1].txt", &["a1.txt"]), ["a1.txt"]);
    }

    #[test]
    fn only_what_a_glob_can_match_is_listed() {
        assert_eq!(literal("in/2025-*/a?.txt"), "in/2025-");
        assert_eq!(literal("*"), "");
        assert_eq!(as_directory("in"), "in/");
        assert_eq!(as_directory(""), "");
    }

    #[test]
    fn a_wrong_glob_is_told() {
        let place = Place { bucket: "shop".into(), key: "a[".into() };
        let error = Selection::of(&place).unwrap_err().to_string();
        assert_eq!(error, "`gs://shop/a[` is no pattern for files");
    }
}
