use std::marker::PhantomData;
use std::sync::Arc;

use crate::exec::{
    AnyOutput, BuildCx, Cx, Manner, Op, Output, Receiver, Signal, StepId, StepOp, erased, typed,
};
use crate::window::Slices;
use crate::{Bundle, Result};

/// What a step does with its input, apart from being linked to the next one.
pub(crate) trait Transform<T, U> {
    /// Takes a bundle's elements and passes on what comes of them.
    fn bundle(&mut self, bundle: &mut Bundle<T>, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()>;

    /// Whether it does the same whatever windows its elements are in, and does not look at them.
    fn is_blind_to_windows(&self) -> bool {
        false
    }

    /// Takes a signal; passes it on when it applies.
    fn signal(&mut self, signal: Signal, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()> {
        next.signal(signal, cx)
    }
}

struct Link<S, U> {
    step: StepId,
    transform: S,
    next: Output<U>,
}

impl<T, U, S: Transform<T, U>> Receiver<T> for Link<S, U> {
    fn bundle(&mut self, bundle: &mut Bundle<T>, cx: &mut Cx) -> Result<()> {
        cx.enter_with(self.step, bundle.len());
        self.transform.bundle(bundle, &mut *self.next, cx)
    }

    fn takes_slices(&mut self, slices: Slices) -> bool {
        self.transform.is_blind_to_windows() && self.next.takes_slices(slices)
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        cx.enter(self.step);
        self.transform.signal(signal, &mut *self.next, cx)
    }
}

/// A transform in front of an output.
pub(crate) fn link<T: 'static, U: 'static>(
    step: StepId,
    transform: impl Transform<T, U> + 'static,
    next: Output<U>,
) -> AnyOutput {
    erased::<T>(Link { step, transform, next })
}

/// The one output of a step that has one.
pub(crate) fn one<U: 'static>(mut outputs: Vec<AnyOutput>) -> Output<U> {
    typed(outputs.pop().expect("a step has as many outputs as it made collections"))
}

/// A step with one input and one output, and their types.
pub(crate) struct Typed<T, U> {
    pub(crate) op: Op,
    types: PhantomData<fn(T) -> U>,
}

impl<T, U> From<Op> for Typed<T, U> {
    /// Says what types the step of an op has.
    fn from(op: Op) -> Self {
        Typed { op, types: PhantomData }
    }
}

/// A step made by a closure.
pub(crate) fn each<F>(build: F) -> Op
where
    F: Fn(StepId, Vec<AnyOutput>, &mut BuildCx) -> Result<AnyOutput> + Send + Sync + 'static,
{
    each_that(Manner::AtOnce, build)
}

/// A step made by a closure, in a manner of its own.
pub(crate) fn each_that<F>(manner: Manner, build: F) -> Op
where
    F: Fn(StepId, Vec<AnyOutput>, &mut BuildCx) -> Result<AnyOutput> + Send + Sync + 'static,
{
    Op::Each(Arc::new(ByClosure(manner, build)))
}

struct ByClosure<F>(Manner, F);

impl<F> StepOp for ByClosure<F>
where
    F: Fn(StepId, Vec<AnyOutput>, &mut BuildCx) -> Result<AnyOutput> + Send + Sync,
{
    fn manner(&self) -> Manner {
        self.0
    }

    fn build(&self, step: StepId, outputs: Vec<AnyOutput>, cx: &mut BuildCx) -> Result<AnyOutput> {
        (self.1)(step, outputs, cx)
    }
}
