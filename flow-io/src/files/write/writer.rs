use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use flow_core::sink::{Rejects, Writer, WriterContext};
use flow_core::window::Window;
use flow_core::{BoxError, Bundle, Element, Error, Meta, Result, Timestamp};
use serde::{Deserialize, Serialize};

use super::ranges::Ranges;
use super::registry::{Refusal, Registry};
use super::shared::{SharedFile, Slot};
use super::{Encode, Encoder, Format, Refused};

/// What a worker has written to a file in an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// The name that the file gets.
    pub path: String,
    /// Where it is until then.
    pub temporary: String,
    /// The window whose elements it holds.
    pub window: Window,
    /// The epoch.
    pub epoch: u64,
    /// How long the file was then. All workers' shares up to here have been handed to the system, but not synced:
    /// that is done once, when the file is whole; in a durable run at the end of each epoch.
    pub bytes: u64,
    pub(super) shard: u32,
    /// The one epoch whose elements the file takes, if it is so.
    pub(super) only: Option<u64>,
    pub(super) replace: bool,
    /// In a durable run, which bytes of the file are meant.
    pub(super) written: Ranges,
}

/// Writes one worker's share of a collection to [`WriteFiles`](super::WriteFiles).
pub struct FilesWriter<T, F: Encode<T>> {
    registry: Arc<Registry<F>>,
    worker: usize,
    shard: u32,
    bounded: bool,
    durable: bool,
    epoch: u64,
    /// Windows that end before this are complete as far as this worker can tell. No other worker's watermark
    /// counts: the sink's is the least of all, so a file can only be finished when each worker has left it.
    watermark: Timestamp,
    open: Vec<Share<T, F>>,
    by_slot: BTreeMap<Slot, usize>,
    /// The window of the element before, and its share.
    recent: Option<(Window, usize)>,
}

/// One worker's share of a file.
struct Share<T, F: Encode<T>> {
    file: Arc<SharedFile<F::Body>>,
    encoder: F::Encoder,
    /// Which of its bytes this worker has written in this epoch.
    written: Ranges,
    /// How many elements the encoder has taken and not refused since then.
    elements: u64,
}

/// How much memory a writer's encoders may hold before all is written out.
const MEMORY: usize = 64 << 20;

impl<T, F: Encode<T>> fmt::Debug for FilesWriter<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilesWriter").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

impl<T: Element, F: Encode<T>> FilesWriter<T, F> {
    pub(super) fn new(registry: Arc<Registry<F>>, cx: &WriterContext) -> Self {
        let shard = cx.worker as u32 % registry.settings.shards + 1;
        let (epoch, watermark) = match cx.after {
            Some((epoch, watermark)) => (epoch + 1, watermark),
            None => registry.progress(),
        };
        FilesWriter {
            durable: registry.is_durable(),
            registry,
            worker: cx.worker,
            shard,
            bounded: cx.bounded,
            epoch,
            watermark,
            open: Vec::new(),
            by_slot: BTreeMap::new(),
            recent: None,
        }
    }

    fn write_all(&mut self, bundle: &mut Bundle<T>, rejects: &mut Rejects<T>) -> Result<()> {
        for (value, meta) in bundle.drain() {
            match self.share(meta.window)? {
                Ok(at) => self.write_one(at, value, meta, rejects)?,
                Err(refusal) => rejects.reject(value, meta, refusal.destination, refusal.reason),
            }
        }
        if self.open.iter().map(|share| share.encoder.bytes()).sum::<usize>() > MEMORY {
            self.hand_over_all(rejects)?;
            for share in &mut self.open {
                share.encoder = self.registry.format.encoder()?; // without the memory of the one before
            }
        }
        Ok(())
    }

    #[inline]
    fn write_one(&mut self, at: usize, value: T, meta: Meta, rejects: &mut Rejects<T>) -> Result<()> {
        let share = &mut self.open[at];
        let before = rejects.as_slice().len();
        let mut refused = Refused { rejects, destination: &share.file.label };
        share.encoder.encode(value, meta, &mut refused).map_err(|cause| failed(&share.file.label, cause))?;
        share.elements = share.elements + 1 - newly_refused(rejects, before);
        if share.encoder.is_full() { share.hand_over(&self.registry, self.epoch, rejects) } else { Ok(()) }
    }

    /// The share that a window's elements go to.
    #[inline]
    fn share(&mut self, window: Window) -> Result<Result<usize, Refusal>> {
        match self.recent {
            Some((recent, at)) if recent == window => Ok(Ok(at)),
            _ => self.find_share(window),
        }
    }

    fn find_share(&mut self, window: Window) -> Result<Result<usize, Refusal>> {
        let slot = self.slot(window);
        let at = match self.by_slot.get(&slot) {
            Some(at) => *at,
            None => match self.open_share(slot)? {
                Ok(at) => at,
                Err(refusal) => return Ok(Err(refusal)),
            },
        };
        self.recent = Some((window, at));
        Ok(Ok(at))
    }

    /// Elements of a window that may be finished already, or that never is, go to a file of this epoch alone.
    fn slot(&self, window: Window) -> Slot {
        let late = window.max_timestamp() < self.watermark;
        let endless = window.is_global() && !self.bounded;
        // Nobody could go on with what a process that is killed has written of it.
        let alone = self.durable && !F::GOES_ON;
        let epoch = (late || endless || alone).then_some(self.epoch);
        Slot { window, shard: self.shard, epoch, worker: alone.then_some(self.worker) }
    }

    fn open_share(&mut self, slot: Slot) -> Result<Result<usize, Refusal>> {
        let replace = self.registry.replaces(self.bounded);
        let file = match self.registry.file(slot, self.epoch, replace)? {
            Ok(file) => file,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let encoder = self.registry.format.encoder()?;
        let at = self.open.len();
        self.open.push(Share { file, encoder, written: Ranges::default(), elements: 0 });
        self.by_slot.insert(slot, at);
        Ok(Ok(at))
    }

    fn hand_over_all(&mut self, rejects: &mut Rejects<T>) -> Result<()> {
        for share in &mut self.open {
            share.hand_over(&self.registry, self.epoch, rejects)?;
        }
        Ok(())
    }

    fn prepare_all(
        &mut self,
        epoch: u64,
        watermark: Timestamp,
        rejects: &mut Rejects<T>,
    ) -> Result<Vec<Share<T, F>>> {
        self.hand_over_all(rejects)?;
        let written = self.open.drain(..).filter(|share| !share.written.is_empty()).collect();
        self.by_slot.clear();
        self.recent = None;
        self.epoch = epoch + 1;
        self.watermark = watermark;
        Ok(written)
    }

    /// The files that are to outlive the process.
    fn files(shares: &mut [Share<T, F>]) -> Result<Vec<Arc<SharedFile<F::Body>>>> {
        if !F::GOES_ON {
            for share in shares.iter_mut() {
                share.written = Ranges::default();
                share.written.add(0, share.file.finish()?);
            }
        }
        let mut files: Vec<_> = shares.iter().map(|share| Arc::clone(&share.file)).collect();
        files.dedup_by(|one, other| Arc::ptr_eq(one, other));
        Ok(files)
    }
}

impl<T: Element, F: Encode<T>> Share<T, F> {
    /// Appends what has been encoded to the file.
    fn hand_over(&mut self, registry: &Registry<F>, epoch: u64, rejects: &mut Rejects<T>) -> Result<()> {
        let label = &self.file.label;
        let before = rejects.as_slice().len();
        let mut refused = Refused { rejects, destination: label };
        let chunk = self.encoder.chunk(&mut refused).map_err(|cause| failed(label, cause))?;
        self.elements -= newly_refused(rejects, before);
        let Some(chunk) = chunk else { return Ok(()) };
        let mut appended = registry.append(&self.file, chunk, self.elements)?;
        while appended.is_none() {
            // A writer opened in the middle of a run cannot know that its window's file is about to be finished. One of
            // a durable run does know, and what it wrote before would be in no manifest.
            debug_assert!(
                self.written.is_empty() || !registry.is_durable(),
                "a file is finished by who writes it"
            );
            registry.forget(&self.file);
            let next = registry.file(self.file.slot, epoch, self.file.replace)?;
            self.file = next.map_err(|refusal| failed(&self.file.label, refusal.reason.into()))?;
            appended = registry.append(&self.file, chunk, self.elements)?;
        }
        let (from, to) = appended.unwrap_or_default();
        self.written.add(from, to);
        self.elements = 0;
        Ok(())
    }
}

/// An encoder may refuse elements that it took before.
fn newly_refused<T>(rejects: &Rejects<T>, before: usize) -> u64 {
    (rejects.as_slice().len() - before) as u64
}

fn failed(label: &str, cause: BoxError) -> Error {
    Error::sink_failed(format!("cannot encode for {label}"), cause)
}

impl<T: Element, F: Encode<T> + Format> Writer<T> for FilesWriter<T, F> {
    type Token = Prepared;

    async fn write(&mut self, bundle: &mut Bundle<T>, rejects: &mut Rejects<T>) -> Result<()> {
        self.write_all(bundle, rejects)
    }

    async fn prepare(
        &mut self,
        epoch: u64,
        watermark: Timestamp,
        rejects: &mut Rejects<T>,
    ) -> Result<Vec<Prepared>> {
        let mut shares = self.prepare_all(epoch, watermark, rejects)?;
        if self.durable {
            let (registry, files) = (Arc::clone(&self.registry), Self::files(&mut shares)?);
            registry.keep(files).await?;
        }
        Ok(shares.into_iter().map(|share| share.file.prepared(epoch, share.written)).collect())
    }
}
