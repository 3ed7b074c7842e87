use std::sync::Arc;

use super::link::each;
use crate::exec::{Cx, Op, Output, Receiver, Signal, StepId, erased, typed};
use crate::{Bundle, Element, Error, ErrorKind, Result};

pub(crate) fn partition<T: Element>(
    parts: usize,
    choose: impl Fn(&T) -> usize + Send + Sync + 'static,
) -> Op {
    let choose = Arc::new(choose);
    each(move |step, outputs, _| {
        let outputs: Vec<Output<T>> = outputs.into_iter().map(typed::<T>).collect();
        let bundles = (0..parts).map(|_| Bundle::default()).collect();
        Ok(erased(Partition { step, choose: Arc::clone(&choose), outputs, bundles }))
    })
}

struct Partition<T, F> {
    step: StepId,
    choose: Arc<F>,
    outputs: Vec<Output<T>>,
    bundles: Vec<Bundle<T>>,
}

impl<T: Element, F: Fn(&T) -> usize> Receiver<T> for Partition<T, F> {
    fn bundle(&mut self, bundle: &mut Bundle<T>, cx: &mut Cx) -> Result<()> {
        cx.enter_with(self.step, bundle.len());
        for (value, meta) in bundle.drain() {
            let chosen = (self.choose)(&value);
            let Some(part) = self.bundles.get_mut(chosen) else {
                let message = format!(
                    "the function chose part {chosen}, but there are {} parts, from 0",
                    self.outputs.len()
                );
                return Err(cx.error_here(Error::new(ErrorKind::User, message)));
            };
            part.push(value, meta);
        }
        for (part, output) in self.bundles.iter_mut().zip(&mut self.outputs) {
            if !part.is_empty() {
                cx.emitted(self.step, part.len());
                output.bundle(part, cx)?;
                part.clear();
            }
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        if let Signal::Discard(_) = signal {
            self.bundles.iter_mut().for_each(Bundle::clear);
        }
        self.outputs.iter_mut().try_for_each(|output| output.signal(signal, cx))
    }
}
