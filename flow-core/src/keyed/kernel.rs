use serde::{Deserialize, Serialize};

use crate::exec::{Epoch, StepSaving};
pub(crate) use crate::group::Dropped;
use crate::window::Window;
use crate::{Bundle, Timestamp};

/// Elements with the hashes of their keys, as they travel.
#[derive(Debug)]
pub(crate) struct Keyed<K, V> {
    pub(crate) bundle: Bundle<(K, V)>,
    pub(crate) hashes: Vec<u64>,
}

impl<K, V> Default for Keyed<K, V> {
    fn default() -> Self {
        Keyed { bundle: Bundle::default(), hashes: Vec::new() }
    }
}

/// What is written for all workers.
#[derive(Serialize, Deserialize)]
pub(crate) enum ForAll {
    /// The input watermark of a station, in microseconds.
    Watermark(i64),
    /// What a worker wrote of this window before has been emitted.
    Emitted { worker: usize, window: Window },
}

/// Turns the elements of keys and windows into results, without knowing of workers: what an inbox drives.
pub(crate) trait Kernel<K, In, Out> {
    /// Takes the elements of a bundle.
    fn add(&mut self, elements: &mut Keyed<K, In>, epoch: Epoch) -> crate::Result<Dropped>;

    /// Moves the input watermark and processing time forward; what becomes due is passed on by `poll`.
    fn advance(&mut self, watermark: Timestamp, now: Timestamp);

    /// Appends about a bundle of what is due; true if there is more.
    fn poll(&mut self, out: &mut Bundle<Out>) -> crate::Result<bool>;

    /// No result before this moment is to come.
    fn output_watermark(&self) -> Timestamp;

    /// The processing time at which `advance` would make something due.
    fn deadline(&self) -> Option<Timestamp>;

    /// The oldest epoch of which elements are still kept.
    fn held_since(&self) -> Option<Epoch>;

    /// From now on, keeps track of what changes: told once, before anything is added, in a durable run.
    fn track(&mut self);

    /// Writes what has changed since the last time, or everything that is kept. Everything that was due has been
    /// [polled](Kernel::poll), unless this [is open](Kernel::is_open).
    fn save(&mut self, saving: &mut StepSaving<'_>) -> crate::Result<()>;

    /// Takes back a record that [`save`](Kernel::save) wrote, in the order of writing and before anything else.
    fn restore(&mut self, record: &[u8]) -> crate::Result<()>;

    /// Takes back [`ForAll::Emitted`], among the other records.
    fn restore_emitted(&mut self, worker: usize, window: Window) -> crate::Result<()> {
        let _ = (worker, window);
        Ok(())
    }

    /// All records are back, and the input watermark was here.
    fn restored(&mut self, watermark: Timestamp, now: Timestamp) {
        self.advance(watermark, now);
    }

    /// See [`Inbox::is_reading`](crate::exec::Inbox::is_reading).
    fn is_reading(&self) -> bool {
        false
    }

    /// See [`Inbox::is_open`](crate::exec::Inbox::is_open).
    fn is_open(&self) -> bool {
        false
    }

    /// The run is being stopped: what goes on by itself comes to its end. May be said several times.
    fn drain(&mut self) {}
}
