use std::marker::PhantomData;
use std::sync::Arc;

use super::spread::PassOn;
use crate::exec::{
    AnyOutput, BuildCx, Cx, ExchangeOp, Inbox, Outbox, Output, Parcel, Receiver, Routing, Signal, StepId,
    erased,
};
use crate::{Bundle, Result};

/// Hands every element to all workers, each of which puts it into a receiver of its own.
pub(crate) struct Broadcast<V, F> {
    receiver: F,
    value: PhantomData<fn(V)>,
}

impl<V, F> Broadcast<V, F>
where
    F: Fn(StepId, &mut BuildCx) -> Output<Arc<V>> + Send + Sync,
{
    pub(crate) fn new(receiver: F) -> Self {
        Broadcast { receiver, value: PhantomData }
    }
}

impl<V, F> ExchangeOp for Broadcast<V, F>
where
    V: Send + Sync + 'static,
    F: Fn(StepId, &mut BuildCx) -> Output<Arc<V>> + Send + Sync,
{
    fn routing(&self) -> Routing {
        Routing::All
    }

    fn sender(&self, step: StepId, outbox: Box<dyn Outbox>, _: &mut BuildCx) -> AnyOutput {
        erased::<Arc<V>>(Sender { step, outbox })
    }

    fn receiver(&self, step: StepId, _: AnyOutput, cx: &mut BuildCx) -> Box<dyn Inbox> {
        Box::new(PassOn { step, output: (self.receiver)(step, cx) })
    }

    fn inline(&self, step: StepId, _: AnyOutput, cx: &mut BuildCx) -> AnyOutput {
        Box::new((self.receiver)(step, cx))
    }
}

struct Sender {
    step: StepId,
    outbox: Box<dyn Outbox>,
}

impl<V: Send + Sync + 'static> Receiver<Arc<V>> for Sender {
    fn bundle(&mut self, bundle: &mut Bundle<Arc<V>>, cx: &mut Cx) -> Result<()> {
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
