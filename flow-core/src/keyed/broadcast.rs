use std::marker::PhantomData;

use crate::element::Element;
use crate::exec::{
    AnyOutput, BuildCx, Cx, ExchangeOp, Inbox, Outbox, Parcel, Receiver, Routing, Signal, StepId, erased,
};
use crate::{Bundle, Result};

/// What takes the elements of a broadcast on a worker, and what was written of them in an earlier run.
pub(crate) trait Restored {
    /// See [`Inbox::restore`].
    fn restore(&mut self, record: &[u8]) -> Result<()>;

    /// See [`Inbox::restored`].
    fn restored(&mut self, cx: &mut Cx);
}

/// Hands every element to all workers, each of which puts it into a receiver of its own.
pub(crate) struct Broadcast<T, R, F> {
    receiver: F,
    types: PhantomData<fn(T) -> R>,
}

impl<T, R, F> Broadcast<T, R, F>
where
    F: Fn(StepId, &mut BuildCx) -> R + Send + Sync,
{
    pub(crate) fn new(receiver: F) -> Self {
        Broadcast { receiver, types: PhantomData }
    }
}

impl<T, R, F> ExchangeOp for Broadcast<T, R, F>
where
    T: Element,
    R: Receiver<T> + Restored + 'static,
    F: Fn(StepId, &mut BuildCx) -> R + Send + Sync,
{
    fn routing(&self) -> Routing {
        Routing::All
    }

    fn sender(&self, step: StepId, outbox: Box<dyn Outbox>, _: &mut BuildCx) -> AnyOutput {
        erased::<T>(Sender { step, outbox })
    }

    fn receiver(&self, step: StepId, _: AnyOutput, cx: &mut BuildCx) -> Box<dyn Inbox> {
        let receiver = (self.receiver)(step, cx);
        Box::new(Arriving { step, receiver, types: PhantomData::<fn(T)> })
    }

    fn inline(&self, step: StepId, _: AnyOutput, cx: &mut BuildCx) -> AnyOutput {
        erased::<T>((self.receiver)(step, cx))
    }
}

/// The receiver on one worker.
struct Arriving<T, R> {
    step: StepId,
    receiver: R,
    types: PhantomData<fn(T)>,
}

impl<T: Element, R: Receiver<T> + Restored> Inbox for Arriving<T, R> {
    fn parcel(&mut self, parcel: Parcel, cx: &mut Cx) -> Result<()> {
        cx.enter(self.step);
        let mut bundle =
            parcel.data.downcast::<Bundle<T>>().expect("both ends of an exchange agree on a type");
        cx.emitted(self.step, bundle.len());
        self.receiver.bundle(&mut bundle, cx)
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        self.receiver.signal(signal, cx)
    }

    fn work(&mut self, _: &mut Cx) -> Result<bool> {
        Ok(false)
    }

    fn restore(&mut self, _: Option<u64>, record: &[u8], cx: &mut Cx) -> Result<()> {
        cx.enter(self.step);
        self.receiver.restore(record).map_err(|e| cx.error_here(e))
    }

    fn restored(&mut self, cx: &mut Cx) {
        self.receiver.restored(cx);
    }
}

struct Sender {
    step: StepId,
    outbox: Box<dyn Outbox>,
}

impl<T: Element> Receiver<T> for Sender {
    fn bundle(&mut self, bundle: &mut Bundle<T>, cx: &mut Cx) -> Result<()> {
        cx.enter_with(self.step, bundle.len());
        for worker in 0..self.outbox.workers() {
            let parcel = Parcel { data: Box::new(bundle.clone()), bytes: bundle.shallow_bytes() };
            self.outbox.send(worker, parcel);
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, _: &mut Cx) -> Result<()> {
        self.outbox.signal(signal);
        Ok(())
    }
}
