//! File loads: rows as compressed JSON in Cloud Storage, and a job that loads them.

mod job;
mod staging;

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use flow_core::{Error, ErrorKind, Result};
use tokio::task::JoinSet;

pub(super) use job::load;
pub(super) use staging::Staging;

use super::name::TableName;
use super::service::Trouble;
use super::sink::Token;
use crate::gcp::GoogleCloud;
use crate::gcp::unique;

/// One writer's rows on their way into staged objects.
pub(super) struct Loads {
    staging: Staging,
    folder: String,
    objects: usize,
    zip: GzEncoder<Vec<u8>>,
    plain: usize,
    rows: u64,
    uploads: JoinSet<Result<Token>>,
    staged: Vec<Token>,
}

/// How big an object becomes, compressed, which is held in memory: jobs read objects side by side. Hundreds of writers
/// that have a little are to fit into memory; one that has much is to have few objects, for a job takes so many.
const OBJECT: (usize, usize) = (4 << 20, 16 << 20);

/// How many objects of a writer are of the smaller size.
const SMALL_OBJECTS: usize = 16;

/// How big it becomes before it is compressed, for a compressed file of JSON is loaded up to 4 GB.
const PLAIN: usize = 1 << 30;

/// How many objects are uploaded at a time.
const UPLOADS: usize = 2;

impl Loads {
    pub(super) async fn new(
        cloud: &GoogleCloud,
        place: &str,
        table: &TableName,
        worker: usize,
    ) -> Result<Self, Trouble> {
        let staging = Staging::of(cloud, place).await.map_err(Trouble::Fail)?;
        let folder = format!("{}/{worker}-{}", table.table, unique());
        Ok(Loads {
            staging,
            folder,
            objects: 0,
            zip: zip(),
            plain: 0,
            rows: 0,
            uploads: JoinSet::new(),
            staged: Vec::new(),
        })
    }

    /// Takes a row; waits only for uploads that are under way.
    pub(super) async fn take(&mut self, row: &[u8]) -> Result<()> {
        self.put(row).map_err(|cause| Error::sink_failed("a row cannot be compressed", cause))?;
        self.rows += 1;
        if self.zip.get_ref().len() >= object_size(self.objects) || self.plain >= PLAIN {
            self.upload().await?;
        }
        Ok(())
    }

    fn put(&mut self, row: &[u8]) -> io::Result<()> {
        self.zip.write_all(row)?;
        self.zip.write_all(b"\n")?;
        self.plain += row.len() + 1;
        Ok(())
    }

    async fn upload(&mut self) -> Result<()> {
        if self.uploads.len() >= UPLOADS {
            self.uploaded().await?;
        }
        let zipped = std::mem::replace(&mut self.zip, zip()).finish();
        let zipped = zipped.map_err(|cause| Error::sink_failed("rows cannot be compressed", cause))?;
        let rows = std::mem::take(&mut self.rows);
        self.plain = 0;
        self.objects += 1;
        let name = format!("{}-{:05}.json.gz", self.folder, self.objects);
        let staging = self.staging.clone();
        self.uploads.spawn(async move {
            let name = staging.put(&name, Bytes::from(zipped)).await?;
            Ok(Token::Object { bucket: staging.bucket().to_owned(), name, rows })
        });
        Ok(())
    }

    /// Waits for one upload.
    async fn uploaded(&mut self) -> Result<()> {
        if let Some(done) = self.uploads.join_next().await {
            let lost = |cause| Error::new(ErrorKind::Internal, "an upload was lost").caused_by(cause);
            self.staged.push(done.map_err(lost)??);
        }
        Ok(())
    }

    /// Everything that was taken, in objects.
    pub(super) async fn finish(&mut self) -> Result<Vec<Token>> {
        if self.rows > 0 {
            self.upload().await?;
        }
        while !self.uploads.is_empty() {
            self.uploaded().await?;
        }
        Ok(std::mem::take(&mut self.staged))
    }
}

/// How big the next object becomes.
fn object_size(before: usize) -> usize {
    if before < SMALL_OBJECTS { OBJECT.0 } else { OBJECT.1 }
}

fn zip() -> GzEncoder<Vec<u8>> {
    GzEncoder::new(Vec::new(), Compression::fast())
}
