//! What is saved and restored goes on as if nothing had happened.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::super::{Collected, Tables};
use crate::exec::{Saving, StateLog, StepId, decode_record};
use crate::group::{Collect, Group};
use crate::keyed::hash::{key_hash, owner};
use crate::keyed::kernel::{ForAll, Kernel, Keyed};
use crate::scratch::{MemoryScratch, Space};
use crate::window::{Fixed, Global, Sliding, Window, WindowFn, WindowInto, Windowing};
use crate::{Bundle, Meta, Pane, Result, Timestamp};

#[derive(Clone, Debug)]
enum Step {
    /// Elements of a key, at milliseconds.
    Elements(Vec<(u8, i64)>),
    /// By so many microseconds.
    Watermark(i64),
    Barrier {
        whole: bool,
    },
    /// With so many workers.
    Restart(usize),
}

#[derive(Clone, Copy, Debug)]
enum Windows {
    Global,
    Fixed,
    Sliding,
}

#[derive(Clone, Debug)]
struct Settings {
    windows: Windows,
    lateness: u64,
    accumulating: bool,
    default: bool,
    /// Bytes that tables may take.
    memory: usize,
}

fn settings() -> impl Strategy<Value = Settings> {
    let windows = prop_oneof![Just(Windows::Global), Just(Windows::Fixed), Just(Windows::Sliding)];
    let memory = prop_oneof![Just(0), 0..1000_usize, Just(1 << 20)];
    (windows, prop_oneof![Just(0), 0..60_u64], any::<bool>(), any::<bool>(), memory).prop_map(
        |(windows, lateness, accumulating, default, memory)| Settings {
            windows,
            lateness,
            accumulating,
            default,
            memory,
        },
    )
}

fn script() -> impl Strategy<Value = Vec<Step>> {
    let elements = prop::collection::vec((0..6_u8, 0..120_i64), 1..6);
    let moved = prop_oneof![
        (0..20_i64).prop_map(|millis| 1000 * millis),
        (1..20_i64).prop_map(|millis| 1000 * millis - 1),
        Just(i64::MAX),
    ];
    let step = prop_oneof![
        5 => elements.prop_map(Step::Elements),
        3 => moved.prop_map(Step::Watermark),
        3 => any::<bool>().prop_map(|whole| Step::Barrier { whole }),
        1 => (1..4_usize).prop_map(Step::Restart),
    ];
    prop::collection::vec(step, 1..30)
}

impl Settings {
    fn windowing(&self) -> Windowing {
        match self.windows {
            Windows::Global => self.with(Global::windows()),
            Windows::Fixed => self.with(fixed()),
            Windows::Sliding => self.with(sliding()),
        }
    }

    fn with<F: WindowFn<i64>>(&self, windows: WindowInto<F>) -> Windowing {
        let windows = windows.allowed_lateness(Duration::from_millis(self.lateness));
        let windows = if self.accumulating { windows.accumulating() } else { windows.discarding() };
        windows.resolve::<i64>(&Windowing::default()).expect("a valid windowing").1
    }

    fn assigned(&self, at: Timestamp) -> Vec<Window> {
        let mut assigned = Vec::new();
        let emit = |window| assigned.push(window);
        match self.windows {
            Windows::Global => Global.assign(&0_i64, at, emit),
            Windows::Fixed => fixed().function().assign(&0_i64, at, emit),
            Windows::Sliding => sliding().function().assign(&0_i64, at, emit),
        }
        assigned
    }

    fn in_memory(&self) -> Settings {
        Settings { memory: 1 << 20, ..self.clone() }
    }

    fn space(&self) -> Space {
        Space::new(Arc::new(MemoryScratch), self.memory)
    }

    /// The key that has the result of an empty global window; then there is no other.
    fn default_key(&self) -> Option<u8> {
        (self.default && matches!(self.windows, Windows::Global)).then_some(3)
    }
}

fn fixed() -> WindowInto<Fixed> {
    Fixed::of(Duration::from_millis(10))
}

fn sliding() -> WindowInto<Sliding> {
    Sliding::of(Duration::from_millis(20), Duration::from_millis(7))
}

type Log = Rc<RefCell<Vec<(Option<u64>, Vec<u8>)>>>;

struct Written(Log);

impl StateLog for Written {
    fn append(&mut self, _: StepId, hash: Option<u64>, record: &[u8]) -> Result<()> {
        self.0.borrow_mut().push((hash, record.to_vec()));
        Ok(())
    }
}

type Kernels = Vec<Tables<u8, i64, Collect<i64>, Collected>>;
/// A key's values in the order of their arrival, and the pane.
type Emitted = (u8, Vec<i64>, Meta);

/// Workers, as far as one step goes.
struct Workers {
    settings: Settings,
    kernels: Kernels,
    watermark: Timestamp,
    log: Log,
    /// The next barrier writes everything.
    fresh: bool,
    late: u64,
}

impl Workers {
    fn new(settings: &Settings, durable: bool) -> Self {
        Workers {
            settings: settings.clone(),
            kernels: kernels(settings, 1, durable),
            watermark: Timestamp::MIN,
            log: Rc::default(),
            fresh: true,
            late: 0,
        }
    }

    fn add(&mut self, elements: &[(u8, i64, i64)]) {
        let workers = self.kernels.len();
        for (worker, kernel) in self.kernels.iter_mut().enumerate() {
            let mut keyed = Keyed::<u8, i64>::default();
            for (key, at, value) in elements {
                let (hash, time) = (key_hash(key), Timestamp::from_millis(*at));
                if owner(hash, workers) == worker {
                    for window in self.settings.assigned(time) {
                        keyed.bundle.push((*key, *value), Meta { time, window, pane: Pane::default() });
                        keyed.hashes.push(hash);
                    }
                }
            }
            self.late += kernel.add(&mut keyed, 1).unwrap().late;
        }
    }

    fn move_watermark(&mut self, by: i64) {
        self.watermark = if by == i64::MAX {
            Timestamp::MAX
        } else {
            self.watermark.max(Timestamp::from_millis(0)) + Duration::from_micros(by.unsigned_abs())
        };
        for kernel in &mut self.kernels {
            Kernel::<u8, i64, _>::advance(kernel, self.watermark, Timestamp::MIN);
        }
    }

    /// What has come of the step, by key and window.
    fn emitted(&mut self) -> Vec<Emitted> {
        let mut emitted = Vec::new();
        for kernel in &mut self.kernels {
            loop {
                let mut out: Bundle<(u8, Group<i64>)> = Bundle::default();
                let more = Kernel::<u8, i64, _>::poll(kernel, &mut out).unwrap();
                emitted.extend(out.drain().map(|((key, values), meta)| (key, values.iter().collect(), meta)));
                if !more {
                    break;
                }
            }
        }
        emitted.sort_by_key(|(key, _, meta)| (*key, meta.window, meta.pane.index));
        emitted
    }

    fn barrier(&mut self, whole: bool) {
        let whole = whole | std::mem::take(&mut self.fresh);
        if whole {
            self.log.borrow_mut().clear();
        }
        let mut saving = Saving::new(1, whole, Box::new(Written(Rc::clone(&self.log))));
        for kernel in &mut self.kernels {
            Kernel::<u8, i64, _>::save(kernel, &mut saving.of_step(StepId(0))).unwrap();
        }
    }

    /// As a run that begins where the last barrier was.
    fn restart(&mut self, workers: usize) {
        self.kernels = kernels(&self.settings, workers, true);
        for (worker, kernel) in self.kernels.iter_mut().enumerate() {
            for (hash, record) in self.log.borrow().iter() {
                restore(kernel, *hash, record, |hash| owner(hash, workers) == worker);
            }
            Kernel::<u8, i64, _>::restored(kernel, self.watermark, Timestamp::MIN);
        }
        self.fresh = true;
    }
}

fn kernels(settings: &Settings, workers: usize, durable: bool) -> Kernels {
    let kernel = |worker| {
        let mut kernel = Tables::new(Collect::new(), &settings.windowing(), worker, settings.space());
        if let Some(key) = settings.default_key().filter(|key| owner(key_hash(key), workers) == worker) {
            kernel.set_default(key);
        }
        if durable {
            Kernel::<u8, i64, _>::track(&mut kernel);
        }
        kernel
    };
    (0..workers).map(kernel).collect()
}

fn restore<G: Kernel<u8, i64, (u8, Group<i64>)>>(
    kernel: &mut G,
    hash: Option<u64>,
    record: &[u8],
    is_mine: impl Fn(u64) -> bool,
) {
    match hash {
        Some(hash) if is_mine(hash) => kernel.restore(record).unwrap(),
        Some(_) => {}
        None => match decode_record(record).unwrap() {
            ForAll::Emitted { worker, window } => kernel.restore_emitted(worker, window).unwrap(),
            ForAll::Watermark(_) => unreachable!("a station writes it"),
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_run_that_is_stopped_at_barriers_goes_on_as_one_that_is_not(settings in settings(), script in script()) {
        let (mut durable, mut plain) = (Workers::new(&settings, true), Workers::new(&settings.in_memory(), false));
        let (mut value, only) = (0, settings.default_key());
        for step in script.iter().chain(&[Step::Restart(2), Step::Watermark(i64::MAX)]) {
            match step {
                Step::Elements(elements) => {
                    let numbered: Vec<(u8, i64, i64)> =
                        (value..).zip(elements).map(|(value, (key, at))| (only.unwrap_or(*key), *at, value)).collect();
                    value += numbered.len() as i64;
                    durable.add(&numbered);
                    plain.add(&numbered);
                }
                Step::Watermark(by) => {
                    durable.move_watermark(*by);
                    plain.move_watermark(*by);
                }
                Step::Barrier { whole } => durable.barrier(*whole),
                Step::Restart(workers) => {
                    durable.barrier(false);
                    durable.restart(*workers);
                }
            }
            prop_assert_eq!(durable.emitted(), plain.emitted(), "after {:?}", step);
            prop_assert_eq!(durable.late, plain.late, "after {:?}", step);
        }
    }
}

fn minute() -> Settings {
    Settings { windows: Windows::Fixed, lateness: 0, accumulating: false, default: false, memory: 1 << 20 }
}

#[test]
fn a_barrier_writes_what_is_new_and_no_more() {
    let mut workers = Workers::new(&minute(), true);
    let mut written = Vec::new();
    workers.add(&(0..5).map(|key| (key, 1, 0)).collect::<Vec<_>>());
    for elements in [[(1, 2, 1)].as_slice(), &[], &[(1, 3, 2), (2, 3, 2)]] {
        workers.barrier(false);
        written.push(workers.log.borrow_mut().drain(..).count());
        workers.add(elements);
    }
    workers.barrier(true);
    written.push(workers.log.borrow().len());
    assert_eq!(written, [5, 1, 0, 5]);
}

#[test]
fn a_window_that_is_over_takes_one_record_however_many_keys_it_has() {
    let mut workers = Workers::new(&minute(), true);
    workers.add(&(0..100).map(|key| (key, 1, 0)).collect::<Vec<_>>());
    workers.barrier(false);
    workers.log.borrow_mut().clear();
    workers.move_watermark(10_000);
    assert_eq!(workers.emitted().len(), 100);
    workers.barrier(false);
    assert_eq!(workers.log.borrow().iter().map(|(hash, _)| *hash).collect::<Vec<_>>(), [None]);
}

/// An input that was idle may have let the watermark of one worker pass a window, and not that of another.
#[test]
fn what_one_worker_has_not_emitted_is_emitted_though_another_has() {
    let settings = minute();
    let mut workers = Workers::new(&settings, true);
    workers.kernels = kernels(&settings, 2, true);
    workers.add(&(0..10).map(|key| (key, 1, i64::from(key))).collect::<Vec<_>>());
    workers.barrier(true);
    workers.watermark = Timestamp::from_secs(1);
    Kernel::<u8, i64, _>::advance(&mut workers.kernels[0], workers.watermark, Timestamp::MIN);
    let before = workers.emitted();
    workers.barrier(false);
    workers.restart(1);
    let after = workers.emitted();
    assert!(!before.is_empty() && !after.is_empty());
    let mut keys: Vec<u8> = before.iter().chain(&after).map(|(key, ..)| *key).collect();
    keys.sort_unstable();
    assert_eq!(keys, (0..10).collect::<Vec<u8>>());
}
