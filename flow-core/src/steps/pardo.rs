use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::emit::{BundleEmit, BundleEnd, Emit};
use super::link::{Transform, Typed, each, link, one};
use super::process::{for_each, user_error};
use super::side::{Body, side};
use crate::exec::{Cx, Receiver, Signal, StepId, panicked};
use crate::views::Views;
use crate::window::Windowing;
use crate::{BoxError, Bundle, Element, Error, Result, Wire};

/// A step with a life of its own: connections set up once, work collected by the bundle.
///
/// Each worker has a clone. The calls come in the order `setup`, then for each bundle `start_bundle`, `process` for
/// every element, `finish_bundle`; and `teardown` at the end, also after a failure. Bundles are as long as the
/// engine likes; the watermark stands still while one is open. For a plain function use
/// [`PCollection::process`](crate::PCollection::process).
///
/// In a region of [dead letters](crate::PCollection::with_dead_letters), a failure ends the life of the worker's clone and not the
/// run: it is torn down, and a fresh clone is set up for the next try.
///
/// ```
/// use flow_core::prelude::*;
///
/// /// Numbers the elements that each worker sees.
/// #[derive(Clone, Default)]
/// struct Numbered { next: u64 }
///
/// impl DoFn<String, (u64, String)> for Numbered {
///     fn process(&mut self, line: String, out: &mut Emit<'_, (u64, String)>) -> Result<(), BoxError> {
///         self.next += 1;
///         out.emit((self.next, line));
///         Ok(())
///     }
/// }
/// let numbered = apply(["a", "b"], |lines: &PCollection<String>| lines.par_do(Numbered::default()));
/// assert_eq!(numbered, [(1, "a".to_string()), (2, "b".to_string())]);
/// ```
pub trait DoFn<In, Out>: Clone + Send + Sync + 'static {
    /// Called once for each worker's clone, before anything else.
    fn setup(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// Called before the first element of a bundle.
    fn start_bundle(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// Called for every element.
    fn process(&mut self, element: In, out: &mut Emit<'_, Out>) -> Result<(), BoxError>;

    /// Called after the last element of a bundle: whatever was collected must be passed on now.
    fn finish_bundle(&mut self, out: &mut BundleEmit<'_, Out>) -> Result<(), BoxError> {
        let _ = out;
        Ok(())
    }

    /// Called at the end, whatever happened, if `setup` was called. A panic in here is printed and changes nothing.
    fn teardown(&mut self) {}
}

/// A [`DoFn`] that looks things up in views; run with [`With::par_do`](crate::With::par_do).
///
/// Its life is that of a `DoFn`. `S` is what was given to [`with`](crate::PCollection::with), without references: one
/// [`View`](crate::View), or a tuple of them; `process` gets what they hold for the element's window.
///
/// ```
/// use flow_core::prelude::*;
///
/// /// Adds an offset to numbers, and counts the elements that it saw.
/// #[derive(Clone)]
/// struct Shift { seen: Counter }
///
/// impl DoFnWith<u32, View<u32>, u32> for Shift {
///     fn process(&mut self, n: u32, offset: &u32, out: &mut Emit<'_, u32>) -> Result<(), BoxError> {
///         self.seen.inc();
///         out.emit(n + offset);
///         Ok(())
///     }
/// }
/// let p = Pipeline::new();
/// let numbers = p.create([1, 2]);
/// let sum = numbers.combine(Sum).as_single();
/// let shifted = flow_core::testing::collect(&numbers.with(&sum).par_do(Shift { seen: p.counter("seen") }));
/// let report = ReferenceRunner::new().run(p)?;
/// assert_eq!((shifted.values(), report.counter("seen")), (vec![4, 5], 2));
/// # Ok::<(), flow_core::Error>(())
/// ```
pub trait DoFnWith<In, S: Views, Out>: Clone + Send + Sync + 'static {
    /// Called once for each worker's clone, before anything else.
    fn setup(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// Called before the first element of a bundle.
    fn start_bundle(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// Called for every element, with its views.
    fn process(&mut self, element: In, views: S::Values<'_>, out: &mut Emit<'_, Out>)
    -> Result<(), BoxError>;

    /// Called after the last element of a bundle: whatever was collected must be passed on now.
    fn finish_bundle(&mut self, out: &mut BundleEmit<'_, Out>) -> Result<(), BoxError> {
        let _ = out;
        Ok(())
    }

    /// Called at the end, whatever happened, if `setup` was called. A panic in here is printed and changes nothing.
    fn teardown(&mut self) {}
}

pub(crate) fn par_do<T: Element, U: Element, D: DoFn<T, U>>(dofn: D) -> Typed<T, U> {
    let dofn = Arc::new(dofn);
    Typed::from(each(move |step, outputs, _| {
        let dofn = Arc::clone(&dofn);
        let life = Life::new(move || Plain(D::clone(&dofn), PhantomData));
        Ok(link::<T, U>(step, ParDo { step, life, out: Bundle::default() }, one(outputs)))
    }))
}

pub(crate) fn side_par_do<T, S, U, D>(views: S, windowing: Windowing, dofn: D) -> Typed<T, U>
where
    T: Wire,
    S: Views,
    U: Element,
    D: DoFnWith<T, S, U>,
{
    let dofn = Arc::new(dofn);
    side(views, windowing, move || {
        let dofn = Arc::clone(&dofn);
        Life::new(move || Viewing(D::clone(&dofn), PhantomData))
    })
}

/// What the lives of both kinds of function have in common.
trait Phases<U> {
    fn setup(&mut self) -> Result<(), BoxError>;
    fn start_bundle(&mut self) -> Result<(), BoxError>;
    fn finish_bundle(&mut self, out: &mut BundleEmit<'_, U>) -> Result<(), BoxError>;
    fn teardown(&mut self);
}

macro_rules! phases {
    () => {
        fn setup(&mut self) -> Result<(), BoxError> {
            self.0.setup()
        }
        fn start_bundle(&mut self) -> Result<(), BoxError> {
            self.0.start_bundle()
        }
        fn finish_bundle(&mut self, out: &mut BundleEmit<'_, U>) -> Result<(), BoxError> {
            self.0.finish_bundle(out)
        }
        fn teardown(&mut self) {
            self.0.teardown();
        }
    };
}

struct Plain<T, D>(D, PhantomData<fn(T)>);

impl<T, U, D: DoFn<T, U>> Phases<U> for Plain<T, D> {
    phases!();
}

struct Viewing<T, S, D>(D, PhantomData<fn(T, S)>);

impl<T, S: Views, U, D: DoFnWith<T, S, U>> Phases<U> for Viewing<T, S, D> {
    phases!();
}

/// A function and where it is in its life; ending it tears it down.
struct Life<U, P: Phases<U>> {
    phases: P,
    /// Makes the next one, if this must be given up.
    renew: Box<dyn Fn() -> P>,
    alive: bool,
    /// In a bundle, or failed in it.
    open: bool,
    output: PhantomData<fn() -> U>,
}

impl<U, P: Phases<U>> Drop for Life<U, P> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<U, P: Phases<U>> Life<U, P> {
    fn new(make: impl Fn() -> P + 'static) -> Self {
        Life { phases: make(), renew: Box::new(make), alive: false, open: false, output: PhantomData }
    }

    fn start(&mut self) -> Result<()> {
        if !self.alive {
            self.alive = true;
            let set_up = catch_unwind(AssertUnwindSafe(|| self.phases.setup().map_err(user_error)));
            // It fails for every element alike.
            set_up.unwrap_or_else(|panic| Err(panicked(&*panic))).map_err(Error::ending_the_run)?;
        }
        if !self.open {
            self.open = true;
            self.phases.start_bundle().map_err(user_error)?;
        }
        Ok(())
    }

    fn finish(&mut self, end: BundleEnd<'_, U>) -> Result<()> {
        if self.open {
            end.emit(|out| self.phases.finish_bundle(out))?;
            self.open = false;
        }
        Ok(())
    }

    /// Forgets the bundle, and with it the clone that has a part of it.
    fn discard(&mut self) {
        if std::mem::take(&mut self.open) {
            self.end();
            self.phases = (self.renew)();
        }
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.alive) {
            // What it failed with stands, and a second panic would abort the process.
            let _ = catch_unwind(AssertUnwindSafe(|| self.phases.teardown()));
        }
    }
}

impl<T, S: Views, U, D: DoFnWith<T, S, U>> Body<T, S, U> for Life<U, Viewing<T, S, D>> {
    fn start(&mut self) -> Result<()> {
        Life::start(self)
    }

    fn process(&mut self, value: T, views: S::Values<'_>, out: &mut Emit<'_, U>) -> Result<(), BoxError> {
        self.phases.0.process(value, views, out)
    }

    fn finish(&mut self, end: BundleEnd<'_, U>) -> Result<()> {
        Life::finish(self, end)
    }

    fn discard(&mut self) {
        Life::discard(self);
    }
}

struct ParDo<T, U, D: DoFn<T, U>> {
    step: StepId,
    life: Life<U, Plain<T, D>>,
    out: Bundle<U>,
}

impl<T: Element, U: Element, D: DoFn<T, U>> Transform<T, U> for ParDo<T, U, D> {
    fn bundle(&mut self, bundle: &mut Bundle<T>, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()> {
        if bundle.is_empty() {
            return Ok(());
        }
        self.life.start().map_err(|e| cx.error_here(e))?;
        let dofn = &mut self.life.phases.0;
        for_each(self.step, bundle, &mut self.out, next, cx, |value, out| dofn.process(value, out))
    }

    fn signal(&mut self, signal: Signal, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()> {
        match signal {
            Signal::Discard(_) => self.life.discard(),
            _ => self.life.finish(BundleEnd { step: self.step, out: &mut self.out, next, cx })?,
        }
        next.signal(signal, cx)
    }
}
