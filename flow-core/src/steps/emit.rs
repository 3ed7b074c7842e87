use super::process::user_error;
use crate::exec::{Cx, Receiver, StepId};
use crate::window::Window;
use crate::{BoxError, Bundle, Error, ErrorKind, Meta, Pane, Timestamp};

/// Where `process` and a [`DoFn`](crate::DoFn) put their results.
///
/// Results take over the timestamp, window and pane of the element that they come from.
pub struct Emit<'a, U> {
    pub(super) inner: Inner<'a, U>,
    pub(super) meta: Meta,
}

impl<U> std::fmt::Debug for Emit<'_, U> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emit").field("meta", &self.meta).finish_non_exhaustive()
    }
}

/// Where results go, and what went wrong on the way.
pub(super) struct Inner<'a, U> {
    pub(super) step: StepId,
    pub(super) out: &'a mut Bundle<U>,
    pub(super) next: &'a mut dyn Receiver<U>,
    pub(super) cx: &'a mut Cx,
    /// All results so far in `out` share the meta, so that values alone need pushing.
    pub(super) uniform: bool,
    pub(super) failed: Option<Error>,
}

impl<U> Inner<'_, U> {
    #[inline]
    fn push(&mut self, value: U, meta: Meta) {
        if self.uniform {
            self.out.values.push(value);
        } else {
            self.out.push(value, meta);
        }
        if self.out.is_full() {
            self.flush();
        }
    }

    pub(super) fn flush(&mut self) {
        let refill = self.out.uniform_meta().filter(|_| self.uniform);
        self.cx.emitted(self.step, self.out.len());
        if self.failed.is_none() && !self.out.is_empty() {
            self.failed = self.next.bundle(self.out, self.cx).err();
        }
        self.out.clear();
        if let Some(meta) = refill {
            *self.out = Bundle::with(std::mem::take(&mut self.out.values), meta);
        }
        self.cx.enter(self.step);
    }
}

impl<U> Emit<'_, U> {
    /// Passes a result on.
    #[inline]
    pub fn emit(&mut self, value: U) {
        self.inner.push(value, self.meta);
    }

    /// Passes a result on with a timestamp of its own, not before that of the element it comes from: the step
    /// fails otherwise, since the watermark may have passed it.
    pub fn emit_at(&mut self, value: U, at: Timestamp) {
        if at < self.meta.time && self.inner.failed.is_none() {
            let message = format!(
                "a result at {at} would lie before its element at {}: the allowed skew is zero",
                self.meta.time
            );
            self.inner.failed = Some(Error::new(ErrorKind::User, message));
            return;
        }
        if at != self.meta.time {
            self.inner.uniform = false;
        }
        self.inner.push(value, Meta { time: at, ..self.meta });
    }

    /// The element's timestamp.
    pub fn timestamp(&self) -> Timestamp {
        self.meta.time
    }

    /// The element's window.
    pub fn window(&self) -> Window {
        self.meta.window
    }

    /// The element's pane.
    pub fn pane(&self) -> Pane {
        self.meta.pane
    }

    /// Processing time, as the runner's clock says.
    pub fn now(&self) -> Timestamp {
        self.inner.cx.now
    }
}

/// Where the results of a bundle's end go.
pub(super) struct BundleEnd<'a, U> {
    pub(super) step: StepId,
    pub(super) out: &'a mut Bundle<U>,
    pub(super) next: &'a mut dyn Receiver<U>,
    pub(super) cx: &'a mut Cx,
}

impl<U> BundleEnd<'_, U> {
    /// Calls a function with a place for its results, and passes them on.
    pub(super) fn emit(
        self,
        f: impl FnOnce(&mut BundleEmit<'_, U>) -> Result<(), BoxError>,
    ) -> crate::Result<()> {
        let BundleEnd { step, out, next, cx } = self;
        out.clear();
        let mut emit = BundleEmit { inner: Inner { step, out, next, cx, uniform: false, failed: None } };
        let result = f(&mut emit);
        let mut inner = emit.inner;
        inner.flush();
        let Inner { failed, cx, .. } = inner;
        result.map_err(|e| cx.error_here(user_error(e)))?;
        failed.map_or(Ok(()), |error| Err(cx.error_here(error)))
    }
}

/// Where [`DoFn::finish_bundle`](crate::DoFn::finish_bundle) puts its results: without an element to take them
/// from, timestamp and window must be said.
pub struct BundleEmit<'a, U> {
    pub(super) inner: Inner<'a, U>,
}

impl<U> std::fmt::Debug for BundleEmit<'_, U> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BundleEmit")
    }
}

impl<U> BundleEmit<'_, U> {
    /// Passes a result on.
    pub fn emit(&mut self, value: U, at: Timestamp, window: Window) {
        self.inner.push(value, Meta { time: at, window, pane: Pane::default() });
    }

    /// Processing time, as the runner's clock says.
    pub fn now(&self) -> Timestamp {
        self.inner.cx.now
    }
}
