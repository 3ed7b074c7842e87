use std::marker::PhantomData;
use std::sync::Arc;

use super::scatter::{bytes_of, parcel_len};
use crate::element::Wire;
use crate::exec::{
    AnyOutput, BuildCx, Cx, ExchangeOp, Inbox, Op, Outbox, Output, Parcel, Receiver, Routing, Signal, StepId,
    erased, typed,
};
use crate::steps::Typed;
use crate::{Bundle, Error, ErrorKind, Result};

/// Spreads elements evenly over the workers.
pub(crate) fn spread<T: Wire>() -> Typed<T, T> {
    Op::Exchange(Arc::new(Spread::<T>(PhantomData))).into()
}

struct Spread<T>(PhantomData<fn(T)>);

impl<T: Wire> ExchangeOp for Spread<T> {
    fn routing(&self) -> Routing {
        Routing::Spread
    }

    fn sender(&self, step: StepId, outbox: Box<dyn Outbox>, cx: &mut BuildCx) -> AnyOutput {
        erased::<T>(Sender { step, next: cx.worker, outbox, part: Bundle::default() })
    }

    fn receiver(&self, step: StepId, output: AnyOutput, _: &mut BuildCx) -> Box<dyn Inbox> {
        Box::new(PassOn::<T> { step, output: typed(output) })
    }

    fn inline(&self, _: StepId, output: AnyOutput, _: &mut BuildCx) -> AnyOutput {
        output
    }
}

struct Sender<T> {
    step: StepId,
    next: usize,
    outbox: Box<dyn Outbox>,
    part: Bundle<T>,
}

impl<T: Wire> Sender<T> {
    fn send(&mut self) {
        if self.part.is_empty() {
            return;
        }
        let bytes = bytes_of(&self.part);
        self.next = (self.next + 1) % self.outbox.workers();
        self.outbox.send(self.next, Parcel { data: Box::new(self.part.take()), bytes });
    }
}

impl<T: Wire> Receiver<T> for Sender<T> {
    fn bundle(&mut self, bundle: &mut Bundle<T>, cx: &mut Cx) -> Result<()> {
        cx.enter_with(self.step, bundle.len());
        self.part.append(bundle);
        if self.part.len() >= parcel_len::<T>() {
            self.send();
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        cx.enter(self.step);
        self.send();
        self.outbox.signal(signal);
        Ok(())
    }
}

/// Passes on what arrives.
pub(super) struct PassOn<T> {
    pub(super) step: StepId,
    pub(super) output: Output<T>,
}

impl<T: 'static> Inbox for PassOn<T> {
    fn parcel(&mut self, parcel: Parcel, cx: &mut Cx) -> Result<()> {
        cx.enter(self.step);
        let mut bundle =
            parcel.data.downcast::<Bundle<T>>().expect("both ends of an exchange agree on a type");
        cx.emitted(self.step, bundle.len());
        self.output.bundle(&mut bundle, cx)
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        self.output.signal(signal, cx)
    }

    fn work(&mut self, _: &mut Cx) -> Result<bool> {
        Ok(false)
    }

    fn restore(&mut self, _: Option<u64>, _: &[u8], cx: &mut Cx) -> Result<()> {
        cx.enter(self.step);
        let message = "it keeps nothing now, but an earlier run kept something for it";
        Err(cx.error_here(Error::new(ErrorKind::State, message)))
    }
}
