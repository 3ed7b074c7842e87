use flow_core::exec::planted;
use flow_core::sink::{Rejects, WriterContext};
use flow_core::{Element, Meta, Result};
use serde::Serialize;
use tokio::time::Instant;

use super::append::{Appends, Kind};
use super::batch::{Batch, Encoder, Outcome, Row};
use super::insert::{Ids, Inserts};
use super::load::Loads;
use super::run::Asking;
use super::service::{Known, Service, Trouble};
use super::settings::{Batching, LARGEST, Way};
use super::sink::{Prepared, Shared};
use super::target::Target;

/// A table that is there, and how one worker's rows get into it.
pub(super) struct Open<T> {
    asking: Asking,
    service: Service,
    destination: String,
    encoder: Encoder<T>,
    batch: Batch<T>,
    batching: Batching,
    most_rows: usize,
    most_bytes: usize,
    /// When the first row of the batch came.
    since: Option<Instant>,
    path: Path<T>,
}

/// The smallest batch that is sent early because all batches together hold too much: those that nobody adds to may do so
/// for long, and rows are not to be sent one by one meanwhile.
const EARLY: usize = 64 << 10;

enum Path<T> {
    Inserts(Box<Inserts<T>>),
    Appends(Box<Appends<T>>),
    Loads(Box<Loads>),
}

impl<T: Element + Serialize> Open<T> {
    pub(super) async fn new(
        shared: &Shared<T>,
        asking: Asking,
        service: Service,
        target: Target,
        known: Known,
        cx: &WriterContext,
    ) -> Result<Self, Trouble> {
        let settings = &shared.settings;
        let way = settings.way(cx.bounded);
        let schema = target.schema.clone().unwrap_or_else(|| known.schema.clone());
        if settings.change.is_some() {
            check_key(&asking, &service, &target).await?;
        }
        let encoder = Encoder::new(&schema, way, settings)
            .map_err(|why| Trouble::Refuse(format!("the table {}: {why}", target.name)))?;
        let (most_rows, most_bytes) = settings.limits(way);
        let retrying = asking.retrying.clone();
        let destination = target.name.to_string();
        let appends = |kind, encoder: &Encoder<T>| {
            Appends::start(
                &service,
                &retrying,
                target.name.clone(),
                known.clone(),
                kind,
                encoder.descriptor(),
            )
        };
        let path = match way {
            Way::Inserts => {
                let ids = Ids::new(settings.insert_id.clone());
                Path::Inserts(Box::new(Inserts::new(
                    &service,
                    &retrying,
                    target.name.clone(),
                    known.clone(),
                    ids,
                )))
            }
            Way::Default => Path::Appends(Box::new(appends(Kind::Default, &encoder))),
            Way::Buffered => Path::Appends(Box::new(appends(Kind::Buffered, &encoder))),
            Way::Pending => Path::Appends(Box::new(appends(Kind::Pending, &encoder))),
            Way::Loads => {
                let staging = settings.staging.as_deref().unwrap_or_default();
                Path::Loads(Box::new(Loads::new(&settings.cloud, staging, &target.name, cx.worker).await?))
            }
        };
        Ok(Open {
            asking,
            service,
            destination,
            encoder,
            batch: Batch::default(),
            batching: settings.batching,
            most_rows,
            most_bytes,
            since: None,
            path,
        })
    }

    /// Takes one element; waits only for credit.
    pub(super) async fn take(&mut self, value: T, meta: Meta, rejects: &mut Rejects<T>) -> Result<()> {
        let bytes = match self.encoder.encode(&value) {
            Ok(bytes) => bytes,
            Err(reason) => {
                rejects.reject(value, meta, self.destination.as_str(), reason);
                return Ok(());
            }
        };
        if bytes.len() > LARGEST {
            // Planted: nobody hears of the row, and the message that it came of is acknowledged.
            if planted("oversize-dropped") {
                return Ok(());
            }
            let reason = format!("the row is of {} bytes, above the limit of {LARGEST}", bytes.len());
            rejects.reject(value, meta, self.destination.as_str(), reason);
            return Ok(());
        }
        if let Path::Loads(loads) = &mut self.path {
            return loads.take(&bytes).await;
        }
        if self.batch.bytes + bytes.len() > self.most_bytes {
            self.send(rejects).await?;
        }
        let too_much_waits = self.service.wait(bytes.len());
        self.since.get_or_insert_with(Instant::now);
        self.batch.push(Row { bytes, origin: Some((value, meta)) });
        let early = too_much_waits && self.batch.bytes >= EARLY;
        if self.batch.rows.len() >= self.most_rows || early {
            self.send(rejects).await?;
        }
        Ok(())
    }

    /// At the end of a bundle: sends what is old, and tells what has come back.
    pub(super) async fn pause(&mut self, rejects: &mut Rejects<T>) -> Result<()> {
        if self.since.is_some_and(|since| since.elapsed() >= self.batching.age) {
            self.send(rejects).await?;
        }
        let outcome = match &mut self.path {
            Path::Inserts(inserts) => inserts.so_far()?,
            Path::Appends(appends) => appends.so_far().await?,
            Path::Loads(_) => return Ok(()),
        };
        self.tell(outcome, rejects);
        Ok(())
    }

    pub(super) async fn prepare(&mut self, rejects: &mut Rejects<T>) -> Result<Vec<Prepared>> {
        self.send(rejects).await?;
        let (outcome, tokens) = match &mut self.path {
            Path::Inserts(inserts) => (inserts.finish().await?, Vec::new()),
            Path::Appends(appends) => appends.finish().await?,
            Path::Loads(loads) => (Outcome::default(), loads.finish().await?),
        };
        self.tell(outcome, rejects);
        let step = &self.asking.step;
        Ok(tokens.into_iter().map(|token| Prepared { step: step.to_string(), token }).collect())
    }

    async fn send(&mut self, rejects: &mut Rejects<T>) -> Result<()> {
        self.since = None;
        if self.batch.rows.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        self.service.no_longer_waiting(batch.bytes);
        let credit = self.service.credit(batch.bytes).await;
        let outcome = match &mut self.path {
            Path::Inserts(inserts) => {
                inserts.send(batch, credit);
                inserts.so_far()?
            }
            Path::Appends(appends) => appends.send(batch, credit).await?,
            Path::Loads(_) => Outcome::default(),
        };
        self.tell(outcome, rejects);
        Ok(())
    }

    fn tell(&self, outcome: Outcome<T>, rejects: &mut Rejects<T>) {
        self.asking.written.add(outcome.written);
        for (value, meta, reason) in outcome.refused {
            rejects.reject(value, meta, self.destination.as_str(), reason);
        }
    }
}

impl<T> Drop for Open<T> {
    fn drop(&mut self) {
        self.service.no_longer_waiting(self.batch.bytes);
    }
}

/// Changes go by the table's primary key.
async fn check_key(asking: &Asking, service: &Service, target: &Target) -> Result<(), Trouble> {
    use super::service::Failure;
    let key = asking
        .retrying
        .run("looking up a primary key", Failure::fault, || service.key_of(&target.name))
        .await;
    match key {
        Ok(key) if !key.is_empty() => Ok(()),
        Ok(_) => Err(Trouble::Refuse(format!(
            "the table {} has no primary key to change rows by: add one, or have it made with `primary_key`",
            target.name
        ))),
        Err(failure) => {
            let context = format!("the primary key of the table {} cannot be looked up", target.name);
            Err(Trouble::Fail(failure.into_error(flow_core::ErrorKind::Sink, context)))
        }
    }
}
