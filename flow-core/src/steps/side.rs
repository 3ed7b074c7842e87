use std::collections::BTreeSet;
use std::sync::Arc;

use super::emit::{BundleEnd, Emit};
use super::held::{self, Saved};
use super::late::keep_in_time;
use super::link::{Transform, Typed, each, link, one};
use super::process::{Outcome, for_each, user_error};
use crate::exec::{AnyOutput, BuildCx, Cx, Epoch, Output, Receiver, Signal, StepId};
use crate::views::{AllOf, Awaited, Views};
use crate::window::{Window, Windowing};
use crate::{BoxError, Bundle, Element, Result, Timestamp, Wire};

/// How many bundles of elements may wait for a view before sources pause.
const MOST_HELD: usize = 64;

/// What is done with an element whose views are there, in bundles that end at signals.
pub(super) trait Body<T, S: Views, U> {
    /// Whether elements whose window has expired are dropped.
    const DROPS_LATE: bool = true;

    /// Called with some elements of one window.
    fn all(&mut self, found: &S::Found, bundle: &mut Bundle<T>, end: BundleEnd<'_, U>) -> Result<()> {
        let BundleEnd { step, out, next, cx } = end;
        self.start().map_err(|e| cx.error_here(e))?;
        for_each(step, bundle, out, next, cx, |value, out| self.process(value, S::values(found), out))
    }

    /// Called before some elements.
    fn start(&mut self) -> Result<()> {
        Ok(())
    }

    /// Called for every element.
    fn process(&mut self, value: T, views: S::Values<'_>, out: &mut Emit<'_, U>) -> Result<(), BoxError>;

    /// Called when what was started must be passed on.
    fn finish(&mut self, end: BundleEnd<'_, U>) -> Result<()> {
        let _ = end;
        Ok(())
    }

    /// Called when what was started failed somewhere, and will come again.
    fn discard(&mut self) {}
}

/// A function as a body.
struct Function<F>(Arc<F>);

impl<T, S, U, R, F> Body<T, S, U> for Function<F>
where
    S: Views,
    R: Outcome,
    F: for<'v> Fn(T, S::Values<'v>, &mut Emit<'_, U>) -> R,
{
    fn process(&mut self, value: T, views: S::Values<'_>, out: &mut Emit<'_, U>) -> Result<(), BoxError> {
        (self.0)(value, views, out).into_result()
    }
}

pub(crate) fn side_process<T, U, S, R, F>(views: S, windowing: Windowing, f: F) -> Typed<T, U>
where
    T: Wire,
    U: Element,
    S: Views,
    R: Outcome,
    F: for<'v> Fn(T, S::Values<'v>, &mut Emit<'_, U>) -> R + Send + Sync + 'static,
{
    let f = Arc::new(f);
    side(views, windowing, move || Function(Arc::clone(&f)))
}

/// The step that calls a body, of which each worker has its own.
pub(super) fn side<T, U, S, B>(
    views: S,
    windowing: Windowing,
    body: impl Fn() -> B + Send + Sync + 'static,
) -> Typed<T, U>
where
    T: Wire,
    U: Element,
    S: Views,
    B: Body<T, S, U> + 'static,
{
    Typed::from(each(move |step, outputs, cx| {
        let side = Side::<T, U, S, B>::new(step, &views, windowing.lateness, body(), cx)?;
        Ok(link::<T, U>(step, side, one(outputs)))
    }))
}

/// What elements wait in until all of some views are there; all that comes behind may look into them at once.
pub(crate) fn gate<T: Wire>(
    step: StepId,
    views: Vec<Awaited>,
    next: Output<T>,
    cx: &mut BuildCx,
) -> Result<AnyOutput> {
    let side = Side::<T, T, AllOf, Pass>::new(step, &AllOf(views), 0, Pass, cx)?;
    Ok(link::<T, T>(step, side, next))
}

/// Passes elements on, late ones too: what looks into the views drops them.
struct Pass;

impl<T> Body<T, AllOf, T> for Pass {
    const DROPS_LATE: bool = false;

    fn all(&mut self, (): &(), bundle: &mut Bundle<T>, end: BundleEnd<'_, T>) -> Result<()> {
        end.next.bundle(bundle, end.cx)
    }

    fn process(&mut self, value: T, (): (), out: &mut Emit<'_, T>) -> Result<(), BoxError> {
        out.emit(value);
        Ok(())
    }
}

/// Calls a function with what views hold for the element's window; elements whose views are not there yet wait,
/// and hold the watermark.
struct Side<T, U, S: Views, B> {
    step: StepId,
    body: B,
    tables: S::Tables,
    lateness: i64,
    held: Bundle<T>,
    /// The windows of what is held, so that it is gone through only when there is something for one of them.
    windows: BTreeSet<Window>,
    /// The least timestamp of what is held, or the end of a window of it.
    oldest: Timestamp,
    held_since: Option<Epoch>,
    /// A signal that what is held must be in front of.
    waiting: Option<Signal>,
    /// The input is idle.
    idle: bool,
    /// Those behind know it: the next watermark says that this counts again.
    told_idle: bool,
    watermark: Timestamp,
    passed: Timestamp,
    epoch: Epoch,
    out: Bundle<U>,
    saved: Saved,
    /// What is held came back from an earlier run, and was not looked at yet.
    is_restored: bool,
}

impl<T: Wire, U: Element, S: Views, B: Body<T, S, U>> Side<T, U, S, B> {
    fn new(step: StepId, views: &S, lateness: i64, body: B, cx: &mut BuildCx) -> Result<Self> {
        let mut side = Side {
            step,
            body,
            tables: views.tables(cx),
            lateness,
            held: Bundle::default(),
            windows: BTreeSet::new(),
            oldest: Timestamp::MAX,
            held_since: None,
            waiting: None,
            idle: false,
            told_idle: false,
            watermark: Timestamp::MIN,
            passed: Timestamp::MIN,
            epoch: 1,
            out: Bundle::default(),
            saved: Saved::new(cx.worker),
            is_restored: false,
        };
        side.restore(cx.take_restored(step)).map_err(|e| e.at(cx.label(step)))?;
        Ok(side)
    }

    /// Drops and counts elements whose window has expired: the views of it are forgotten.
    fn drop_late(&self, bundle: &mut Bundle<T>, cx: &mut Cx) {
        let is_late = |window: Window| self.passed > window.expiry(self.lateness);
        let in_time: Vec<bool> = match bundle.windows.uniform() {
            Some(window) if !is_late(window) => return,
            _ => (0..bundle.len()).map(|at| !is_late(bundle.windows.get(at))).collect(),
        };
        keep_in_time(bundle, &in_time, self.step, cx);
    }

    /// Works on the elements whose views are there; keeps the others.
    fn offer(&mut self, bundle: &mut Bundle<T>, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()> {
        if let Some(window) = bundle.windows.uniform() {
            let Some(found) = self.find(window, cx)? else {
                self.hold(bundle, cx);
                return Ok(());
            };
            return self.call(&found, bundle, next, cx);
        }
        let mut run: Bundle<T> = Bundle::default();
        let (mut current, mut waiting) = (None, Bundle::default());
        for (value, meta) in bundle.drain() {
            let known = current.as_ref().is_some_and(|(window, _)| *window == meta.window);
            if !known {
                if let Some((_, Some(found))) = &current {
                    self.call(found, &mut run, next, cx)?;
                }
                run.clear();
                current = Some((meta.window, self.find(meta.window, cx)?));
            }
            let is_ready = current.as_ref().is_some_and(|(_, found)| found.is_some());
            if is_ready { run.push(value, meta) } else { waiting.push(value, meta) }
        }
        if let Some((_, Some(found))) = &current {
            self.call(found, &mut run, next, cx)?;
        }
        if !waiting.is_empty() {
            self.hold(&mut waiting, cx);
        }
        Ok(())
    }

    fn find(&self, window: Window, cx: &Cx) -> Result<Option<S::Found>> {
        // What is wrong with a view is so for all elements of the window.
        S::lookup(&self.tables, window).map_err(|e| cx.error_here(user_error(e).ending_the_run()))
    }

    fn call(
        &mut self,
        found: &S::Found,
        bundle: &mut Bundle<T>,
        next: &mut dyn Receiver<U>,
        cx: &mut Cx,
    ) -> Result<()> {
        if bundle.is_empty() {
            return Ok(());
        }
        self.body.all(found, bundle, BundleEnd { step: self.step, out: &mut self.out, next, cx })
    }

    /// Has the body pass on what it collected, before the watermark moves.
    fn finish(&mut self, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()> {
        self.body.finish(BundleEnd { step: self.step, out: &mut self.out, next, cx })
    }

    fn hold(&mut self, bundle: &mut Bundle<T>, cx: &mut Cx) {
        self.held_since = Some(self.held_since.map_or(self.epoch, |since| since.min(self.epoch)));
        self.keep(bundle);
        self.show(cx);
    }

    fn keep(&mut self, bundle: &mut Bundle<T>) {
        // A timestamp may lie behind its window, which must not end meanwhile all the same.
        let end = |at| bundle.windows.get(at).max_timestamp();
        let oldest = (0..bundle.len()).map(|at| bundle.times.get(at).min(end(at))).min();
        self.oldest = oldest.unwrap_or(Timestamp::MAX).min(self.oldest);
        match bundle.windows.uniform() {
            Some(window) => self.windows.extend([window]),
            None => self.windows.extend((0..bundle.len()).map(|at| bundle.windows.get(at))),
        }
        self.held.append(bundle);
    }

    /// Takes back what waited when an epoch of an earlier run ended.
    fn restore(&mut self, records: Vec<Vec<u8>>) -> Result<()> {
        let mut held: Bundle<T> = held::restored(records)?;
        self.is_restored = !held.is_empty();
        if self.is_restored {
            self.keep(&mut held);
        }
        Ok(())
    }

    /// Shows how much is held, so that sources pause; more than some bundles counts as too much, whatever their elements
    /// point to.
    fn show(&self, cx: &mut Cx) {
        let is_long = self.held.len() > MOST_HELD * Bundle::<T>::TARGET_LEN;
        cx.holding[self.step.index()] = if is_long { usize::MAX } else { self.held.shallow_bytes() };
    }

    /// Whether the views are there for something that is held.
    fn is_any_there(&self, cx: &Cx) -> Result<bool> {
        for window in &self.windows {
            if self.find(*window, cx)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn retry(&mut self, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()> {
        if !self.is_any_there(cx)? {
            return Ok(());
        }
        self.windows.clear();
        let since = self.held_since.take();
        let mut held = self.held.take();
        self.saved.changed();
        self.oldest = Timestamp::MAX;
        self.offer(&mut held, next, cx)?;
        self.finish(next, cx)?;
        self.show(cx);
        if !self.held.is_empty() {
            self.held_since = since;
        }
        self.pass_watermark(next, cx)?;
        match self.waiting.take_if(|_| self.held.is_empty()) {
            Some(signal) => self.pass_barrier(signal, next, cx),
            None => Ok(()),
        }
    }

    /// At a barrier: writes down what is held, and says since when it is.
    fn pass_barrier(&mut self, signal: Signal, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()> {
        let Signal::Barrier { epoch, last, since } = signal else { return next.signal(signal, cx) };
        self.epoch = since;
        if let Some(mut saving) = cx.saving_of(self.step) {
            let saved = self.saved.save(&self.held, &mut saving);
            saved.map_err(|e| cx.error_here(e))?;
        }
        if let Some(held) = self.held_since {
            cx.holds_since(held);
        }
        let since = self.held_since.map_or(since, |held| held.min(since));
        next.signal(Signal::Barrier { epoch, last, since }, cx)
    }

    fn pass_watermark(&mut self, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()> {
        let to = self.watermark.min(self.oldest);
        if to > self.passed {
            self.passed = to;
            self.told_idle = false;
            S::expire(&self.tables, to, self.lateness);
            next.signal(Signal::Watermark(to), cx)?;
        }
        self.tell_idle(next, cx)
    }

    /// Is idle as the input is, once nothing is held any more.
    fn tell_idle(&mut self, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()> {
        if self.idle && !self.told_idle && self.held.is_empty() {
            self.told_idle = true;
            return next.signal(Signal::Idle, cx);
        }
        Ok(())
    }
}

impl<T: Wire, U: Element, S: Views, B: Body<T, S, U>> Transform<T, U> for Side<T, U, S, B> {
    fn bundle(&mut self, bundle: &mut Bundle<T>, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()> {
        if B::DROPS_LATE {
            self.drop_late(bundle, cx);
        }
        self.offer(bundle, next, cx)
    }

    fn signal(&mut self, signal: Signal, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()> {
        if let Signal::Discard(_) = signal {
            self.body.discard();
            return next.signal(signal, cx);
        }
        self.finish(next, cx)?;
        if std::mem::take(&mut self.is_restored) {
            // Its views may have come before the end of the epoch in which it was written: no poke will say so again.
            self.retry(next, cx)?;
        }
        match signal {
            Signal::Watermark(to) => {
                self.watermark = to;
                self.idle = false;
                if std::mem::take(&mut self.told_idle) {
                    next.signal(Signal::Watermark(self.passed), cx)?;
                }
                return self.pass_watermark(next, cx);
            }
            // After the last barrier nothing is written any more.
            Signal::Barrier { last: true, .. } if !self.held.is_empty() => {
                self.waiting = Some(signal);
                return Ok(());
            }
            Signal::Barrier { .. } => return self.pass_barrier(signal, next, cx),
            Signal::Poke(_) => self.retry(next, cx)?,
            Signal::Idle => {
                self.idle = true;
                return self.tell_idle(next, cx);
            }
            Signal::Finish(_) | Signal::Discard(_) => {}
        }
        next.signal(signal, cx)
    }
}
