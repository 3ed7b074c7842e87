use super::emit::{BundleEmit, Emit, Inner};
use super::link::{Transform, Typed, each, link, one};
use super::process::{for_each, user_error};
use crate::exec::{Cx, Receiver, Signal, StepId};
use crate::{BoxError, Bundle, Element, Result};

/// A step with a life of its own: connections set up once, work collected by the bundle.
///
/// Each worker has a clone. The calls come in the order `setup`, then for each bundle `start_bundle`, `process` for
/// every element, `finish_bundle`; and `teardown` at the end, also after a failure. Bundles are as long as the
/// engine likes; the watermark stands still while one is open. For a plain function use
/// [`PCollection::process`](crate::PCollection::process).
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

pub(crate) fn par_do<T: Element, U: Element, D: DoFn<T, U>>(dofn: D) -> Typed<T, U> {
    Typed::from(each(move |step, outputs, _| {
        let life = Life { dofn: dofn.clone(), alive: false, open: false, types: std::marker::PhantomData };
        Ok(link::<T, U>(step, ParDo { step, life, out: Bundle::default() }, one(outputs)))
    }))
}

struct ParDo<T, U, D: DoFn<T, U>> {
    step: StepId,
    life: Life<T, U, D>,
    out: Bundle<U>,
}

/// A DoFn and where it is in its life; ending it tears it down.
struct Life<T, U, D: DoFn<T, U>> {
    dofn: D,
    alive: bool,
    open: bool,
    types: std::marker::PhantomData<fn(T) -> U>,
}

impl<T, U, D: DoFn<T, U>> Drop for Life<T, U, D> {
    fn drop(&mut self) {
        if self.alive {
            // The run is over, well or badly: its outcome stands, and a second panic would abort the process.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.dofn.teardown()));
        }
    }
}

impl<T, U, D: DoFn<T, U>> Life<T, U, D> {
    fn start(&mut self) -> Result<(), BoxError> {
        if !self.alive {
            self.alive = true;
            self.dofn.setup()?;
        }
        if !self.open {
            self.open = true;
            self.dofn.start_bundle()?;
        }
        Ok(())
    }
}

impl<T: Element, U: Element, D: DoFn<T, U>> Transform<T, U> for ParDo<T, U, D> {
    fn bundle(&mut self, bundle: &mut Bundle<T>, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()> {
        if bundle.is_empty() {
            return Ok(());
        }
        self.life.start().map_err(|e| cx.error_here(user_error(e)))?;
        let dofn = &mut self.life.dofn;
        for_each(self.step, bundle, &mut self.out, next, cx, |value, out| dofn.process(value, out))
    }

    fn signal(&mut self, signal: Signal, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()> {
        if self.life.open {
            self.life.open = false;
            self.out.clear();
            let inner = Inner { step: self.step, out: &mut self.out, next, cx, uniform: false, failed: None };
            let mut emit = BundleEmit { inner };
            let result = self.life.dofn.finish_bundle(&mut emit);
            let mut inner = emit.inner;
            inner.flush();
            let Inner { failed, cx, .. } = inner;
            result.map_err(|e| cx.error_here(user_error(e)))?;
            if let Some(error) = failed {
                return Err(cx.error_here(error));
            }
        }
        next.signal(signal, cx)
    }
}
