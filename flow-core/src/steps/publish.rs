//! The step behind a view: puts what it gets into the table of its worker.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::kept::{Build, Keep, Published, Rebuild, built};
use super::link::{Transform, Typed, each, link, one};
use super::view::{ViewTable, at};
use crate::element::Wire;
use crate::exec::{BuildCx, Cx, ExchangeOp, Op, Receiver, Signal, StepId, StepSaving, decode_record};
use crate::keyed::{Broadcast, Restored};
use crate::scratch::Space;
use crate::window::{Window, Windowing};
use crate::{BoxError, Bundle, Error, Group, Result, Timestamp};

/// Makes a value of the elements of each pane.
pub(crate) fn build_view<T: Wire, V: Send + Sync + 'static>(
    build: Build<T, V>,
) -> Typed<((), Group<T>), Published<V>> {
    Typed::from(each(move |step, outputs, cx| {
        let building = Building { step, build: Arc::clone(&build), is_durable: cx.is_durable() };
        Ok(link::<((), Group<T>), Published<V>>(step, building, one(outputs)))
    }))
}

struct Building<T, V> {
    step: StepId,
    build: Build<T, V>,
    is_durable: bool,
}

impl<T: Wire, V: Send + Sync + 'static> Transform<((), Group<T>), Published<V>> for Building<T, V> {
    fn bundle(
        &mut self,
        bundle: &mut Bundle<((), Group<T>)>,
        next: &mut dyn Receiver<Published<V>>,
        cx: &mut Cx,
    ) -> Result<()> {
        let mut views = Bundle::default();
        // Nothing new: the view stays as it was. One that never had an element is empty when asked.
        for (((), values), meta) in bundle.drain().filter(|(((), values), _)| !values.is_empty()) {
            let view = built(&self.build, values.into_iter().collect(), self.is_durable);
            views.push(view.map_err(|e| cx.error_here(e))?, meta);
        }
        cx.emitted(self.step, views.len());
        next.bundle(&mut views, cx)
    }
}

/// Stores what a view's step publishes. Without `keep` its values are not written down: they will be loaded again.
pub(crate) fn publish<V: Send + Sync + 'static>(
    windowing: Windowing,
    empty: Arc<dyn Fn() -> Result<V, BoxError> + Send + Sync>,
    keep: Option<Arc<dyn Keep<V>>>,
) -> Op {
    let shared = Arc::new(Shared { again: Mutex::new(None), progress: Mutex::new(Vec::new()) });
    let op: Arc<dyn ExchangeOp> = Arc::new(Broadcast::new(move |step, cx: &mut BuildCx| {
        let table = cx.shared(step, || ViewTable::new(windowing.clone(), Arc::clone(&empty)));
        // Every worker has the same.
        let writes = cx.is_durable() && cx.worker == 0 && keep.is_some();
        if writes {
            table.floor.set(Timestamp::MIN);
        }
        Publish {
            step,
            worker: cx.worker,
            table,
            writes,
            keep: keep.clone(),
            changed: BTreeSet::new(),
            told: Told::default(),
            least: Timestamp::MIN,
            restoring: Restoring::new(Arc::clone(&shared), cx),
            failed: None,
        }
    }));
    Op::Exchange(op)
}

struct Publish<V> {
    step: StepId,
    worker: usize,
    table: Rc<ViewTable<V>>,
    writes: bool,
    keep: Option<Arc<dyn Keep<V>>>,
    /// Windows with values that are not written.
    changed: BTreeSet<(Timestamp, Window)>,
    told: Told,
    /// What steps of this worker did not ask for any more at the last barrier.
    least: Timestamp,
    restoring: Restoring<V>,
    /// What was written could not be made into a value: everything waits, and the next signal fails.
    failed: Option<Error>,
}

/// What has been written beside values.
#[derive(Default)]
struct Told {
    watermark: Option<Timestamp>,
    forgotten: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
enum Record<B> {
    Watermark(Timestamp),
    /// Windows that end before here are gone.
    Forgotten(Timestamp),
    /// A piece of the value of a window; the first one takes the place of what was before.
    Piece {
        window: Window,
        first: bool,
        bytes: B,
    },
}

impl<V: Send + Sync + 'static> Publish<V> {
    /// Says what steps here will not ask for again, if the run goes on from this barrier. As of the last one: its readers
    /// may be behind this one already, and ahead of what they would then read again.
    fn tell_progress(&mut self) {
        let mut progress = self.restoring.shared.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.resize(self.restoring.workers, Timestamp::MIN);
        progress[self.worker] = std::mem::replace(&mut self.least, self.table.least());
        if self.writes {
            self.table.floor.set(progress.iter().copied().min().unwrap_or(Timestamp::MIN));
        }
    }

    fn save(&mut self, cx: &mut Cx) -> Result<()> {
        let Some(keep) = self.keep.clone().filter(|_| self.writes && !self.table.is_unread()) else {
            return Ok(());
        };
        let Some(mut saving) = cx.saving_of(self.step) else { return Ok(()) };
        let saved = self.save_marks(&mut saving).and_then(|()| self.save_values(&*keep, &mut saving));
        saved.map_err(|e| cx.error_here(e))
    }

    fn save_marks(&mut self, saving: &mut StepSaving<'_>) -> Result<()> {
        let whole = saving.whole();
        let mut tell = |told: &mut Option<Timestamp>, now: Timestamp, record: fn(Timestamp) -> Record<()>| {
            if whole || *told != Some(now) {
                *told = Some(now);
                return saving.put_for_all(&record(now));
            }
            Ok(())
        };
        tell(&mut self.told.watermark, self.table.watermark.get(), Record::Watermark)?;
        tell(&mut self.told.forgotten, self.table.forgotten.get(), Record::Forgotten)
    }

    fn save_values(&mut self, keep: &dyn Keep<V>, saving: &mut StepSaving<'_>) -> Result<()> {
        let by_window = self.table.by_window.borrow();
        let mut changed = std::mem::take(&mut self.changed);
        if saving.whole() {
            changed = by_window.keys().copied().collect();
        }
        for window in changed {
            let Some(value) = by_window.get(&window) else { continue };
            let mut first = true;
            keep.write(value, &mut |bytes| {
                let first = std::mem::take(&mut first);
                saving.put_for_all(&Record::Piece { window: window.1, first, bytes })
            })?;
        }
        Ok(())
    }
}

impl<V: Send + Sync + 'static> Receiver<Published<V>> for Publish<V> {
    fn bundle(&mut self, bundle: &mut Bundle<Published<V>>, cx: &mut Cx) -> Result<()> {
        let mut by_window = self.table.by_window.borrow_mut();
        let is_read = !self.table.is_unread();
        for (value, meta) in bundle.drain().filter(|_| is_read) {
            if self.writes {
                self.changed.insert(at(meta.window));
            }
            by_window.insert(at(meta.window), value);
        }
        cx.views_changed = true;
        Ok(())
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(cx.error_here(error));
        }
        if let Signal::Watermark(to) = signal {
            // A run that goes on may begin with sources that do not know yet how far they were.
            self.table.watermark.set(to.max(self.table.watermark.get()));
            cx.views_changed = true;
        }
        if let Signal::Barrier { .. } = signal {
            cx.enter(self.step);
            self.tell_progress();
            self.save(cx)?;
            cx.leaves_passed += 1;
        }
        Ok(())
    }
}

impl<V: Send + Sync + 'static> Restored for Publish<V> {
    fn restore(&mut self, record: &[u8]) -> Result<()> {
        let Some(keep) = &self.keep else { return Ok(()) };
        self.restoring.take(&**keep, decode_record(record)?)
    }

    fn restored(&mut self, cx: &mut Cx) {
        if self.table.is_unread() {
            return;
        }
        match self.restoring.values() {
            Ok(values) => {
                self.table.by_window.borrow_mut().extend(values);
                self.table.watermark.set(self.restoring.watermark);
                cx.views_changed = true;
            }
            Err(error) => self.failed = Some(error),
        }
    }
}

/// The values of an earlier run as they come back.
struct Restoring<V> {
    space: Space,
    windows: BTreeMap<(Timestamp, Window), Box<dyn Rebuild<V>>>,
    watermark: Timestamp,
    forgotten: Timestamp,
    workers: usize,
    shared: Arc<Shared<V>>,
}

type Values<V> = Vec<((Timestamp, Window), Published<V>)>;

/// What the workers know of each other.
struct Shared<V> {
    /// What the first worker has rebuilt, for the others, so that they share it as they shared what was published; and
    /// for how many.
    again: Mutex<Option<(usize, Values<V>)>>,
    /// For each worker, the end of the windows that it does not ask for any more.
    progress: Mutex<Vec<Timestamp>>,
}

impl<V> Restoring<V> {
    fn new(shared: Arc<Shared<V>>, cx: &BuildCx) -> Self {
        Restoring {
            space: cx.space().clone(),
            windows: BTreeMap::new(),
            watermark: Timestamp::MIN,
            forgotten: Timestamp::MIN,
            workers: cx.workers,
            shared,
        }
    }

    fn take(&mut self, keep: &dyn Keep<V>, record: Record<Vec<u8>>) -> Result<()> {
        match record {
            Record::Watermark(watermark) => self.watermark = watermark,
            Record::Forgotten(before) => self.forgotten = before,
            Record::Piece { window, first, bytes } => {
                if first {
                    self.windows.insert(at(window), keep.rebuild(&self.space));
                }
                if let Some(rebuild) = self.windows.get_mut(&at(window)) {
                    rebuild.take(&bytes)?;
                }
            }
        }
        Ok(())
    }

    /// The values of the windows that are not forgotten, by whoever asks first.
    fn values(&mut self) -> Result<Values<V>> {
        let windows = std::mem::take(&mut self.windows);
        let mut shared = self.shared.again.lock().unwrap_or_else(PoisonError::into_inner);
        let (others, values) = if let Some(shared) = shared.take() {
            shared
        } else {
            let kept = windows.into_iter().filter(|((end, _), _)| *end >= self.forgotten);
            let values = kept.map(|(window, rebuild)| Ok((window, rebuild.finish()?)));
            (self.workers, values.collect::<Result<Values<V>>>()?)
        };
        if others > 1 {
            *shared = Some((others - 1, values.clone()));
        }
        Ok(values)
    }
}
