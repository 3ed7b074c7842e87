use std::sync::Arc;

use super::emit::{Emit, Inner};
use super::link::{Transform, Typed, each, link, one};
use crate::exec::{Cx, Receiver, StepId};
use crate::{BoxError, Bundle, Element, Error, ErrorKind, Meta, Result};

/// What a closure of `process` may return: nothing, or a result whose error ends the run.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what a function of `process` or `stateful` returns",
    label = "neither nothing nor a Result<(), E>",
    note = "results are passed on with `out.emit(..)`; return nothing, or a `Result<(), E>` whose error ends the run",
    note = "a function that returns its result is a `map`, a `filter_map` or a `flat_map`"
)]
pub trait Outcome: sealed::Sealed {
    /// As a result.
    fn into_result(self) -> Result<(), BoxError>;
}

impl Outcome for () {
    #[inline]
    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Into<BoxError>> Outcome for Result<(), E> {
    #[inline]
    fn into_result(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl<E> Sealed for Result<(), E> {}
}

pub(crate) fn process<T, U, R, F>(f: F) -> Typed<T, U>
where
    T: Element,
    U: Element,
    R: Outcome,
    F: Fn(T, &mut Emit<'_, U>) -> R + Send + Sync + 'static,
{
    let f = Arc::new(f);
    Typed::from(each(move |step, outputs, _| {
        Ok(link::<T, U>(step, Process { step, f: Arc::clone(&f), out: Bundle::default() }, one(outputs)))
    }))
}

struct Process<U, F> {
    step: StepId,
    f: Arc<F>,
    out: Bundle<U>,
}

impl<T, U, R, F> Transform<T, U> for Process<U, F>
where
    R: Outcome,
    F: Fn(T, &mut Emit<'_, U>) -> R,
{
    fn bundle(&mut self, bundle: &mut Bundle<T>, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()> {
        for_each(self.step, bundle, &mut self.out, next, cx, |value, out| (self.f)(value, out).into_result())
    }
}

/// Calls `f` for each element with a place for its results, and passes them on a bundle at a time.
pub(super) fn for_each<T, U>(
    step: StepId,
    bundle: &mut Bundle<T>,
    out: &mut Bundle<U>,
    next: &mut dyn Receiver<U>,
    cx: &mut Cx,
    mut f: impl FnMut(T, &mut Emit<'_, U>) -> Result<(), BoxError>,
) -> Result<()> {
    out.clear();
    let shared = bundle.uniform_meta();
    if let Some(meta) = shared {
        *out = Bundle::with(std::mem::take(&mut out.values), meta);
    }
    let inner = Inner { step, out, next, cx, uniform: shared.is_some(), failed: None };
    let mut emit = Emit { inner, meta: shared.unwrap_or_default() };
    let Bundle { values, times, windows, panes } = bundle;
    for (at, value) in values.drain(..).enumerate() {
        if shared.is_none() {
            emit.meta = Meta { time: times.get(at), window: windows.get(at), pane: panes.get(at) };
        }
        let result = f(value, &mut emit);
        if let Err(cause) = result {
            emit.inner.failed.get_or_insert_with(|| user_error(cause));
        }
        if emit.inner.failed.is_some() {
            break;
        }
    }
    let mut inner = emit.inner;
    inner.flush();
    let Inner { failed, cx, .. } = inner;
    failed.map_or(Ok(()), |error| Err(cx.error_here(error)))
}

/// An error that a user's function returned.
pub(super) fn user_error(cause: BoxError) -> Error {
    Error::new(ErrorKind::User, "failed").caused_by(cause)
}
