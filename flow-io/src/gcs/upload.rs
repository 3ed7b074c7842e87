//! Files become objects, each once.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use flow_core::exec::planted;
use flow_core::{Error, ErrorKind, Result};
use google_cloud_storage::Error as GcsError;
use google_cloud_storage::model::Object;
use google_cloud_storage::streaming_source::{Seek, SizeHint, StreamingSource};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::time::Instant;

use super::access::{Access, Wires};
use super::error::{Answer, answer, of_bucket};
use super::name::Place;
use super::patience::Patience;
use crate::files::{Named, off_thread};
use crate::gcp::Fault;

/// A file that is whole and has not become an object yet.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) access: Access,
    /// With the object's name as its key.
    pub(super) place: Place,
    pub(super) file: PathBuf,
    pub(super) bytes: u64,
}

/// What tells the object of this upload from all others.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seal {
    token: String,
    crc32c: u32,
}

/// The name in an object's metadata that the token has.
const TOKEN: &str = "flow-commit";

/// Files from this size on are uploaded so that a broken upload goes on where it broke.
const RESUMABLE: usize = 8 << 20;

/// How much of a file is in memory at once.
const BLOCK: usize = 256 << 10;

/// How long an upload may make no progress before it is begun anew.
const STALLED: Duration = Duration::from_mins(2);

/// How often another writer may change the object between our look and our upload.
const RACES: usize = 20;

impl Upload {
    /// Makes the object, over the one that is there if it may replace it. An object of the same name that came of this
    /// very file is its success: the answer of an earlier attempt was lost.
    pub(super) async fn put(&self, replace: bool) -> Result<Named> {
        let wires = self.access.wires().await?;
        let seal = self.seal().await?;
        let mut expected = 0;
        if replace && let Some(there) = self.find(&wires).await? {
            if self.is_ours(&there, &seal)? {
                return Ok(Named::Done);
            }
            expected = there.generation;
        }
        let mut unmet = None;
        for _ in 0..RACES {
            match self.write(&wires, &seal, expected).await {
                Ok(_) => {
                    self.access.objects.inc();
                    self.access.retrying().traffic().bytes.add(self.bytes);
                    return Ok(Named::Done);
                }
                Err(error) if answer(&error) == Answer::Unmet => unmet = Some(error),
                Err(error) => return Err(self.failed(error)),
            }
            match self.find(&wires).await? {
                // Planted: that there is an object already says that an earlier attempt made it, and ours is nowhere.
                Some(there) if planted("precondition-ignored") || self.is_ours(&there, &seal)? => {
                    self.access.objects.inc();
                    return Ok(Named::Done);
                }
                Some(there) if replace => expected = there.generation,
                Some(_) => return Ok(Named::Taken),
                None => expected = 0,
            }
        }
        let reason = format!("others keep writing {} while we do: write to a place of your own", self.url());
        let lost = Error::new(ErrorKind::Sink, reason);
        // What the service says may be something else, as of a server that knows other conditions.
        Err(match unmet {
            Some(error) => lost.caused_by(error),
            None => lost,
        })
    }

    async fn seal(&self) -> Result<Seal> {
        let path = self.file.clone();
        let crc32c = off_thread(move || crc32c_of(&path)).await;
        let crc32c = crc32c.map_err(|cause| {
            Error::sink_failed(format!("cannot read the staged file {}", self.file.display()), cause)
        })?;
        Ok(Seal { token: token(&self.file, crc32c), crc32c })
    }

    fn is_ours(&self, there: &Object, seal: &Seal) -> Result<bool> {
        if there.metadata.get(TOKEN) != Some(&seal.token) {
            return Ok(false);
        }
        let crc32c = there.checksums.as_ref().and_then(|checksums| checksums.crc32c);
        if crc32c.is_some_and(|crc32c| crc32c != seal.crc32c) {
            let reason = format!("{} has our token but not our bytes: remove it and run again", self.url());
            return Err(Error::new(ErrorKind::Sink, reason));
        }
        Ok(true)
    }

    async fn find(&self, wires: &Wires) -> Result<Option<Object>> {
        let found = self.access.find(wires, &self.place.bucket, &self.place.key).await;
        found.map_err(|error| self.failed(error))
    }

    /// Writes the object if it has this generation; 0 means that there is none.
    async fn write(&self, wires: &Wires, seal: &Seal, expected: i64) -> Result<Object, GcsError> {
        let what = format!("uploading {}", self.url());
        // The client repeats all but uploads that have stalled.
        let meaning = |error: &GcsError| {
            if error.is_timeout() { Fault::Passing(None) } else { Fault::Lasting }
        };
        self.access
            .retrying()
            .run(&what, meaning, || Box::pin(self.attempt(wires, &what, seal, expected)))
            .await
    }

    async fn attempt(
        &self,
        wires: &Wires,
        what: &str,
        seal: &Seal,
        expected: i64,
    ) -> Result<Object, GcsError> {
        let file = tokio::fs::File::open(&self.file).await.map_err(GcsError::ser)?;
        let progress = Progress::new();
        let staged = Staged { file, bytes: self.bytes, progress: progress.clone() };
        let patience = Patience::new(self.access.retrying(), what);
        let write = wires.storage.write_object(self.place.resource(), &self.place.key, staged);
        let write = write.set_if_generation_match(expected).set_content_type(content_type(&self.place.key));
        let write = write.set_metadata([(TOKEN, &seal.token)]).with_known_crc32c(seal.crc32c);
        let write = write.with_retry_policy(patience.clone()).with_backoff_policy(patience);
        let write = write.with_resumable_upload_threshold(RESUMABLE);
        tokio::select! {
            written = write.send_unbuffered() => written,
            () = progress.stalled() => Err(GcsError::timeout(format!("no progress for {STALLED:?}"))),
        }
    }

    fn url(&self) -> String {
        self.place.url(&self.place.key)
    }

    fn failed(&self, error: GcsError) -> Error {
        of_bucket(ErrorKind::Sink, &format!("cannot write {}", self.url()), &self.place.bucket, error)
    }
}

fn crc32c_of(path: &Path) -> io::Result<u32> {
    let (mut file, mut block, mut crc32c) = (File::open(path)?, vec![0; BLOCK], 0);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(crc32c),
            read => crc32c = crc32c::crc32c_append(crc32c, &block[..read]),
        }
    }
}

/// The name of a staged file's content: no other file of any process has its temporary name, and in a durable run a later
/// process still finds it by that.
fn token(file: &Path, crc32c: u32) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let number = name.rsplit_once(".tmp-").map_or(&*name, |(_, number)| number);
    format!("{number}-{crc32c:08x}")
}

fn content_type(name: &str) -> &'static str {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    match extension {
        Some("txt" | "log") => "text/plain; charset=utf-8",
        Some("csv") => "text/csv; charset=utf-8",
        Some("json" | "jsonl" | "ndjson") => "application/json",
        Some("parquet") => "application/vnd.apache.parquet",
        _ => "application/octet-stream",
    }
}

/// A staged file as the client reads it.
struct Staged {
    file: tokio::fs::File,
    bytes: u64,
    progress: Progress,
}

impl StreamingSource for Staged {
    type Error = io::Error;

    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        self.progress.made();
        let mut block = vec![0; BLOCK];
        match self.file.read(&mut block).await {
            Ok(0) => None,
            Ok(read) => {
                block.truncate(read);
                Some(Ok(block.into()))
            }
            Err(cause) => Some(Err(cause)),
        }
    }

    async fn size_hint(&self) -> io::Result<SizeHint> {
        Ok(SizeHint::with_exact(self.bytes))
    }
}

impl Seek for Staged {
    type Error = io::Error;

    async fn seek(&mut self, offset: u64) -> io::Result<()> {
        self.progress.made();
        self.file.seek(io::SeekFrom::Start(offset)).await.map(drop)
    }
}

/// When the client last took some of the file.
#[derive(Clone)]
struct Progress(Arc<Mutex<Instant>>);

impl Progress {
    fn new() -> Self {
        Progress(Arc::new(Mutex::new(Instant::now())))
    }

    fn made(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    async fn stalled(&self) {
        loop {
            let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if last.elapsed() >= STALLED {
                return;
            }
            tokio::time::sleep_until(last + STALLED).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_tell_files_and_contents_apart() {
        let of = |name: &str, crc32c| token(Path::new("/stage").join(name).as_path(), crc32c);
        let one = of(".a.txt.tmp-7-1", 0xab);
        assert_eq!(one, of(".a.txt.tmp-7-1", 0xab));
        assert_eq!(one, "7-1-000000ab");
        assert_ne!(one, of(".a.txt.tmp-7-2", 0xab));
        assert_ne!(one, of(".a.txt.tmp-7-1", 0xac));
    }

    #[test]
    fn the_checksum_is_of_the_whole_file() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a");
        std::fs::write(&path, "123456789").unwrap();
        assert_eq!(crc32c_of(&path).unwrap(), 0xe306_9283);
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_makes_no_progress_is_noticed_and_no_other() {
        let progress = Progress::new();
        let mut stalled = std::pin::pin!(progress.stalled());
        tokio::time::timeout(STALLED / 2, &mut stalled).await.unwrap_err();
        progress.made();
        tokio::time::timeout(STALLED * 3 / 4, &mut stalled).await.unwrap_err();
        tokio::time::timeout(STALLED, &mut stalled).await.unwrap();
    }
}
