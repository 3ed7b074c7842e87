use std::cell::RefCell;
use std::rc::Rc;

use super::{Arrival, Cx, Inputs, Output, Receiver, Signal};
use crate::{Bundle, Result};

/// One of several inputs of a receiver.
pub(super) struct Port<T> {
    index: usize,
    shared: Rc<RefCell<Merge<T>>>,
}

struct Merge<T> {
    inputs: Inputs<Bundle<T>>,
    aligning: bool,
    output: Output<T>,
}

/// As many inputs as asked for, in front of one output.
pub(super) fn ports<T>(output: Output<T>, inputs: usize) -> Vec<Port<T>> {
    let shared = Rc::new(RefCell::new(Merge { inputs: Inputs::new(inputs), aligning: false, output }));
    (0..inputs).map(|index| Port { index, shared: Rc::clone(&shared) }).collect()
}

impl<T> Receiver<T> for Port<T> {
    fn bundle(&mut self, bundle: &mut Bundle<T>, cx: &mut Cx) -> Result<()> {
        let merge = &mut *self.shared.borrow_mut();
        if !merge.aligning {
            return merge.output.bundle(bundle, cx);
        }
        let arrived = merge.inputs.accept(self.index, Arrival::Data(bundle.take()));
        merge.pass_on(arrived, cx)
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        let merge = &mut *self.shared.borrow_mut();
        merge.aligning |= matches!(signal, Signal::Barrier { .. });
        let arrived = merge.inputs.accept(self.index, Arrival::Signal(signal));
        merge.pass_on(arrived, cx)
    }
}

impl<T> Merge<T> {
    fn pass_on(&mut self, arrived: Option<Arrival<Bundle<T>>>, cx: &mut Cx) -> Result<()> {
        let mut next = arrived;
        while let Some(arrival) = next {
            match arrival {
                Arrival::Data(mut bundle) => self.output.bundle(&mut bundle, cx)?,
                Arrival::Signal(signal) => self.output.signal(signal, cx)?,
            }
            next = self.inputs.next_released();
        }
        self.aligning = self.inputs.is_aligning();
        Ok(())
    }
}
