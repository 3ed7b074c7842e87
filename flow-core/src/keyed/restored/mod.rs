//! A kernel that was saved, lost and restored, as often as you like and on other numbers of workers, goes on as one that
//! was never stopped.

mod cells;
mod groups;
mod splitting;

use std::cell::RefCell;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::ops::Range;
use std::rc::Rc;

use proptest::prelude::*;

use super::hash::{key_hash, owner};
use super::kernel::{Dropped, Kernel, Keyed};
use crate::exec::{Epoch, Saving, StateLog, StepId};
use crate::group::tests::properties::{Step, Windows, assigned};
use crate::{Bundle, Key, Meta, Pane, Result, Timestamp};

type Records = Rc<RefCell<Vec<(Option<u64>, Vec<u8>)>>>;

/// A log in memory.
struct Log(Records);

impl StateLog for Log {
    fn append(&mut self, _: StepId, hash: Option<u64>, record: &[u8]) -> Result<()> {
        self.0.borrow_mut().push((hash, record.to_vec()));
        Ok(())
    }
}

const HOUR: i64 = 3_600_000_000;

/// At the end of the input timers of processing time fire too. They come before here, since in which order a key's timers
/// of both times fire, when both are due at once, depends on the other keys of its worker.
const END: [Step; 4] =
    [Step::Watermark(HOUR), Step::Clock(HOUR), Step::Watermark(i64::MAX), Step::Watermark(i64::MAX)];

/// What happens between two bundles of input.
#[derive(Clone, Debug)]
pub(super) enum Break {
    None,
    /// The end of an epoch, of which everything is written or what has changed.
    Barrier {
        whole: bool,
    },
    /// The end of an epoch, a crash, and by so many microseconds later a start with so many workers.
    Restart {
        whole: bool,
        workers: usize,
        later: i64,
    },
}

/// A break after each step of an input.
pub(super) fn breaks() -> impl Strategy<Value = Vec<Break>> {
    breaks_of(1..4)
}

/// The same with starts of so many workers.
pub(super) fn breaks_of(workers: Range<usize>) -> impl Strategy<Value = Vec<Break>> {
    let later = prop_oneof![2 => Just(0), 1 => 0..30_000_i64];
    let some = prop_oneof![
        3 => Just(Break::None),
        2 => prop::bool::weighted(0.2).prop_map(|whole| Break::Barrier { whole }),
        2 => (prop::bool::weighted(0.2), workers, later)
            .prop_map(|(whole, workers, later)| Break::Restart { whole, workers, later }),
    ];
    prop::collection::vec(some, 24 + END.len())
}

type Make<G> = Rc<dyn Fn(usize, usize) -> G>;

/// The kernels of some workers, driven as their stations would.
struct Workers<K, In, Out, G> {
    make: Make<G>,
    kernels: Vec<G>,
    records: Records,
    epoch: Epoch,
    /// The next save is of everything.
    fresh: bool,
    watermark: Timestamp,
    now: Timestamp,
    types: PhantomData<(K, In, Out)>,
}

impl<K, In, Out, G> Workers<K, In, Out, G>
where
    K: Key,
    Out: Debug,
    G: Kernel<K, In, Out>,
{
    fn new(make: Make<G>) -> Self {
        let mut workers = Workers {
            make,
            kernels: Vec::new(),
            records: Rc::default(),
            epoch: 1,
            fresh: true,
            watermark: Timestamp::MIN,
            now: Timestamp::from_millis(0),
            types: PhantomData,
        };
        workers.kernels.push(workers.kernel(0, 1));
        workers.advance(workers.watermark, workers.now);
        workers
    }

    fn kernel(&self, worker: usize, workers: usize) -> G {
        let mut kernel = (self.make)(worker, workers);
        kernel.track();
        kernel
    }

    fn add(&mut self, elements: impl IntoIterator<Item = ((K, In), Meta)>) -> Dropped {
        let mut parcels: Vec<Keyed<K, In>> = self.kernels.iter().map(|_| Keyed::default()).collect();
        for (pair, meta) in elements {
            let hash = key_hash(&pair.0);
            let parcel = &mut parcels[owner(hash, self.kernels.len())];
            parcel.bundle.push(pair, meta);
            parcel.hashes.push(hash);
        }
        let mut dropped = Dropped::default();
        for (kernel, mut parcel) in self.kernels.iter_mut().zip(parcels) {
            let of_one = kernel.add(&mut parcel, self.epoch).expect("takes every element");
            dropped.late += of_one.late;
            dropped.closed += of_one.closed;
        }
        dropped
    }

    fn advance(&mut self, watermark: Timestamp, now: Timestamp) {
        (self.watermark, self.now) = (watermark, now);
        for kernel in &mut self.kernels {
            kernel.advance(watermark, now);
        }
    }

    /// Everything that is due, worker by worker.
    fn results(&mut self) -> Vec<String> {
        self.poll(usize::MAX)
    }

    /// What comes of so many polls of each worker.
    fn poll(&mut self, times: usize) -> Vec<String> {
        let mut results = Bundle::default();
        for kernel in &mut self.kernels {
            for _ in 0..times {
                let mut out = Bundle::default();
                let more = kernel.poll(&mut out).expect("nothing fails");
                out.drain().for_each(|(value, meta)| results.push(value, meta));
                if !more {
                    break;
                }
            }
        }
        results.drain().map(|(value, meta)| format!("{value:?} {meta:?}")).collect()
    }

    /// What those downstream and the worker's clock see.
    fn marks(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let output = self.kernels.iter().map(Kernel::output_watermark).min();
        (output, self.kernels.iter().filter_map(Kernel::deadline).min())
    }

    fn take_break(&mut self, what: &Break) {
        match *what {
            Break::None => {}
            Break::Barrier { whole } => self.save(whole),
            Break::Restart { whole, workers, later } => {
                self.save(whole);
                self.now = self.now.offset_micros(later);
                self.start(workers);
            }
        }
    }

    fn save(&mut self, whole: bool) {
        let whole = whole || std::mem::take(&mut self.fresh);
        if whole {
            self.records.borrow_mut().clear();
        }
        let mut saving = Saving::new(self.epoch, whole, Box::new(Log(Rc::clone(&self.records))));
        for kernel in &mut self.kernels {
            kernel.save(&mut saving.of_step(StepId(0))).expect("a log in memory takes everything");
        }
        self.epoch += 1;
    }

    fn start(&mut self, workers: usize) {
        self.kernels = (0..workers).map(|worker| self.kernel(worker, workers)).collect();
        for (hash, record) in &*self.records.borrow() {
            let of_one = hash.map(|hash| owner(hash, workers));
            for (worker, kernel) in self.kernels.iter_mut().enumerate() {
                if of_one.is_none_or(|owner| owner == worker) {
                    kernel.restore(record).expect("what was written is read");
                }
            }
        }
        for kernel in &mut self.kernels {
            kernel.restored(self.watermark, self.now);
        }
        self.fresh = true;
    }
}

/// One set of workers that takes breaks and one that does not.
pub(super) struct Pair<In, Out, G> {
    steady: Workers<u8, In, Out, G>,
    broken: Workers<u8, In, Out, G>,
    /// There was one worker all the time, so that the order of results is the same too.
    in_order: bool,
}

impl<In: Clone, Out: Debug, G: Kernel<u8, In, Out>> Pair<In, Out, G> {
    /// `make` is told the number of the worker and of how many.
    pub(super) fn new(make: impl Fn(usize, usize) -> G + 'static) -> Self {
        let make: Make<G> = Rc::new(make);
        Pair { steady: Workers::new(Rc::clone(&make)), broken: Workers::new(make), in_order: true }
    }

    /// Goes through a script and to the end of the input, with a break after each step. The values of the elements are
    /// made of 1, 2, 3 ...
    pub(super) fn run(
        mut self,
        windows: &Windows,
        script: &[Step],
        breaks: &[Break],
        value: fn(i64) -> In,
    ) -> Result<(), TestCaseError> {
        let mut values = 0;
        // In which order several keys of a bundle are looked at after their windows have merged is nobody's promise.
        self.in_order = !matches!(windows, Windows::Sessions);
        for (step, what) in script.iter().chain(&END).zip(breaks) {
            let Workers { watermark, now, .. } = self.steady;
            match step {
                Step::Elements(elements) => {
                    let mut bundle = Vec::new();
                    for (key, at) in elements {
                        let time = Timestamp::from_millis(*at);
                        values += 1;
                        bundle.extend(assigned(windows, time).into_iter().map(|window| {
                            ((*key, value(values)), Meta { time, window, pane: Pane::default() })
                        }));
                    }
                    self.add(&bundle)?;
                }
                Step::Watermark(i64::MAX) => self.advance(Timestamp::MAX, now),
                Step::Watermark(by) => {
                    self.advance(watermark.max(Timestamp::from_millis(0)).offset_micros(*by), now);
                }
                Step::Clock(by) => self.advance(watermark, now.offset_micros(*by)),
            }
            self.agree()?;
            self.take_break(what);
            self.agree()?;
        }
        Ok(())
    }

    fn add(&mut self, bundle: &[((u8, In), Meta)]) -> Result<(), TestCaseError> {
        let steady = self.steady.add(bundle.iter().cloned());
        prop_assert_eq!(self.broken.add(bundle.iter().cloned()), steady);
        Ok(())
    }

    fn advance(&mut self, watermark: Timestamp, now: Timestamp) {
        self.steady.advance(watermark, now);
        self.broken.advance(watermark, now);
    }

    fn take_break(&mut self, what: &Break) {
        self.broken.take_break(what);
        self.in_order &= self.broken.kernels.len() == 1;
        self.steady.advance(self.steady.watermark, self.broken.now);
    }

    fn agree(&mut self) -> Result<(), TestCaseError> {
        let (mut steady, mut broken) = (self.steady.results(), self.broken.results());
        if !self.in_order {
            steady.sort();
            broken.sort();
        }
        prop_assert_eq!(broken, steady);
        prop_assert_eq!(self.broken.marks(), self.steady.marks());
        Ok(())
    }
}
