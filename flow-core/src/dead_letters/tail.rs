use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::exec::{BuildCx, Cx, Op, Output, Receiver, Signal, StepId, erased};
use crate::steps::{each, one};
use crate::{Bundle, Element, Result};

/// What the head of a region and its tails share on one worker.
#[derive(Default)]
pub(super) struct Region {
    /// The number of the head's last signal to its own region, which goes no further.
    own: Cell<u64>,
    tails: RefCell<Vec<Rc<dyn Tail>>>,
}

impl Region {
    /// Of the head of this step on this worker.
    pub(super) fn of(head: StepId, cx: &mut BuildCx) -> Rc<Region> {
        cx.shared(head, Region::default)
    }

    /// A number for a signal of the head to its own region.
    pub(super) fn number(&self, cx: &mut Cx) -> u64 {
        let number = cx.next_attempt();
        self.own.set(number);
        number
    }

    /// Passes on what the tails hold, in order of construction. They were built from the graph's end.
    pub(super) fn release(&self, cx: &mut Cx) -> Result<()> {
        self.tails.borrow().iter().rev().try_for_each(|tail| tail.release(cx))
    }
}

/// An end of a region, as its head sees it.
trait Tail {
    /// Passes on what was held back.
    fn release(&self, cx: &mut Cx) -> Result<()>;
}

/// The step at an end of a region, that of a head.
pub(super) fn tail<T: Element>(of: StepId) -> Op {
    each(move |step, outputs, cx| {
        let region = Region::of(of, cx);
        let next = one::<T>(outputs);
        let held = Rc::new(RefCell::new(Held { step, bundles: Vec::new(), spare: Vec::new(), next }));
        region.tails.borrow_mut().push(Rc::<RefCell<Held<T>>>::clone(&held));
        Ok(erased::<T>(Holding { region, held }))
    })
}

/// As many emptied bundles are kept for what comes next.
const MOST_SPARE: usize = 4;

struct Held<T> {
    step: StepId,
    bundles: Vec<Bundle<T>>,
    spare: Vec<Bundle<T>>,
    next: Output<T>,
}

struct Holding<T> {
    region: Rc<Region>,
    held: Rc<RefCell<Held<T>>>,
}

impl<T: Element> Receiver<T> for Holding<T> {
    fn bundle(&mut self, bundle: &mut Bundle<T>, _: &mut Cx) -> Result<()> {
        let held = &mut *self.held.borrow_mut();
        let mut taken = held.spare.pop().unwrap_or_default();
        // Whoever sent it fills the other one again.
        std::mem::swap(&mut taken, bundle);
        held.bundles.push(taken);
        Ok(())
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        let held = &mut *self.held.borrow_mut();
        if let Signal::Discard(_) = signal {
            held.bundles.clear();
        }
        match signal {
            Signal::Finish(number) | Signal::Discard(number) if number == self.region.own.get() => Ok(()),
            _ => held.next.signal(signal, cx),
        }
    }
}

impl<T: Element> Tail for RefCell<Held<T>> {
    fn release(&self, cx: &mut Cx) -> Result<()> {
        let Held { step, bundles, spare, next } = &mut *self.borrow_mut();
        for mut bundle in bundles.drain(..) {
            cx.enter_with(*step, bundle.len());
            cx.emitted(*step, bundle.len());
            next.bundle(&mut bundle, cx)?;
            if spare.len() < MOST_SPARE {
                bundle.clear();
                spare.push(bundle);
            }
        }
        Ok(())
    }
}
