use super::link::each;
use crate::exec::{Cx, Op, Receiver, Signal, StepId, erased};
use crate::split::{Split, Variants};
use crate::{Bundle, Result};

pub(crate) fn split<T: Split>() -> Op {
    each(|step, outputs, _| {
        Ok(erased::<T>(SplitStep::<T> {
            step,
            bundles: Default::default(),
            outputs: <T::Variants as Variants>::typed(outputs),
        }))
    })
}

struct SplitStep<T: Split> {
    step: StepId,
    bundles: <T::Variants as Variants>::Bundles,
    outputs: <T::Variants as Variants>::Outputs,
}

impl<T: Split> Receiver<T> for SplitStep<T> {
    fn bundle(&mut self, bundle: &mut Bundle<T>, cx: &mut Cx) -> Result<()> {
        cx.enter_with(self.step, bundle.len());
        for (value, meta) in bundle.drain() {
            value.route(meta, &mut self.bundles);
        }
        T::Variants::pass_on(self.step, &mut self.bundles, &mut self.outputs, cx)
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        if let Signal::Discard(_) = signal {
            self.bundles = Default::default();
        }
        T::Variants::signal(&mut self.outputs, signal, cx)
    }
}
