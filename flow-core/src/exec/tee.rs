use super::{Cx, Output, Receiver, Signal};
use crate::{Bundle, Element, Result};

/// Passes elements to several outputs; the last gets them moved.
pub(super) struct Tee<T> {
    pub(super) outputs: Vec<Output<T>>,
    pub(super) spare: Bundle<T>,
}

impl<T: Element> Receiver<T> for Tee<T> {
    fn bundle(&mut self, bundle: &mut Bundle<T>, cx: &mut Cx) -> Result<()> {
        let Some((last, others)) = self.outputs.split_last_mut() else {
            return Ok(());
        };
        for output in others {
            self.spare.clone_from(bundle);
            output.bundle(&mut self.spare, cx)?;
        }
        last.bundle(bundle, cx)
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        if self.outputs.is_empty() && matches!(signal, Signal::Barrier { .. }) {
            cx.leaves_passed += 1;
        }
        self.outputs.iter_mut().try_for_each(|output| output.signal(signal, cx))
    }
}
