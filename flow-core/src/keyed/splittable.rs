//! Splittable functions as two steps: one cuts elements into parts, and behind an exchange they are read.

use std::marker::PhantomData;
use std::sync::Arc;

use super::exchange;
use super::inbox::Station;
use super::splitting::{Splitting, failed};
use crate::element::{Element, Wire};
use crate::exec::{
    AnyOutput, BuildCx, Cx, ExchangeOp, Inbox, Op, Outbox, Receiver, Routing, StepId, erased, typed,
};
use crate::splittable::SplittableFn;
use crate::steps::{Transform, Typed, each, link, one};
use crate::{BoxError, Bundle, Result};

/// How many parts of one element are asked for, for each worker.
const PARTS: usize = 4;

/// The parts of elements, with numbers to deal them out by.
pub(crate) fn parts<T, Out, F>(f: F) -> Typed<T, (u64, (T, F::Restriction))>
where
    T: Element,
    Out: Element,
    F: SplittableFn<T, Out>,
{
    Typed::from(each(move |step, outputs, cx| {
        let parts = Parts {
            f: f.clone(),
            desired: cx.workers * PARTS,
            dealt: 0,
            out: Bundle::default(),
            types: PhantomData,
        };
        Ok(link::<T, (u64, (T, F::Restriction))>(step, parts, one(outputs)))
    }))
}

struct Parts<T, Out, F: SplittableFn<T, Out>> {
    f: F,
    desired: usize,
    dealt: u64,
    out: Bundle<(u64, (T, F::Restriction))>,
    types: PhantomData<fn(Out)>,
}

impl<T: Element, Out, F: SplittableFn<T, Out>> Parts<T, Out, F> {
    fn split(&self, element: &T) -> Result<Vec<F::Restriction>, BoxError> {
        self.f.split(element, self.f.restriction(element)?, self.desired)
    }
}

impl<T: Element, Out, F: SplittableFn<T, Out>> Transform<T, (u64, (T, F::Restriction))> for Parts<T, Out, F> {
    fn bundle(
        &mut self,
        bundle: &mut Bundle<T>,
        next: &mut dyn Receiver<(u64, (T, F::Restriction))>,
        cx: &mut Cx,
    ) -> Result<()> {
        for (element, meta) in bundle.drain() {
            for part in self.split(&element).map_err(|e| cx.error_here(failed(e)))? {
                self.dealt += 1;
                self.out.push((self.dealt, (element.clone(), part)), meta);
            }
        }
        next.bundle(&mut self.out, cx)?;
        self.out.clear();
        Ok(())
    }
}

/// Deals parts out: numbers one after the other lie as far apart as they can where workers are chosen by the hash.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape of a hash of keys")]
pub(super) fn dealt(number: &u64) -> u64 {
    u64::from((*number as u32).wrapping_mul(0x9e37_79b9)) << 20
}

/// The step that reads the parts.
pub(crate) fn splittable<T, Out, F>(f: F) -> Typed<(u64, (T, F::Restriction)), Out>
where
    T: Wire,
    Out: Element,
    F: SplittableFn<T, Out>,
{
    Op::Exchange(Arc::new(SplittableStep { f, types: PhantomData::<fn(T, Out)> })).into()
}

struct SplittableStep<T, Out, F> {
    f: F,
    types: PhantomData<fn(T, Out)>,
}

type StationOf<T, Out, F> =
    Station<u64, (T, <F as SplittableFn<T, Out>>::Restriction), Out, Splitting<T, Out, F>>;

impl<T: Wire, Out: Element, F: SplittableFn<T, Out>> SplittableStep<T, Out, F> {
    fn station(&self, step: StepId, output: AnyOutput, cx: &BuildCx) -> StationOf<T, Out, F> {
        Station::new(step, Splitting::new(self.f.clone(), cx.worker), typed(output), dealt, cx)
    }
}

impl<T: Wire, Out: Element, F: SplittableFn<T, Out>> ExchangeOp for SplittableStep<T, Out, F> {
    fn routing(&self) -> Routing {
        Routing::Spread
    }

    fn holds_without_end(&self) -> bool {
        !self.f.is_bounded()
    }

    fn sender(&self, step: StepId, outbox: Box<dyn Outbox>, _: &mut BuildCx) -> AnyOutput {
        exchange::sender_by::<u64, (T, F::Restriction)>(step, outbox, dealt)
    }

    fn receiver(&self, step: StepId, output: AnyOutput, cx: &mut BuildCx) -> Box<dyn Inbox> {
        Box::new(self.station(step, output, cx))
    }

    fn inline(&self, step: StepId, output: AnyOutput, cx: &mut BuildCx) -> AnyOutput {
        erased::<(u64, (T, F::Restriction))>(self.station(step, output, cx))
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash::owner;
    use super::*;

    #[test]
    fn parts_are_dealt_out_evenly() {
        for workers in [1, 2, 3, 4, 8] {
            let mut dealt_to = vec![0; workers];
            (1..=4 * workers as u64).for_each(|number| dealt_to[owner(dealt(&number), workers)] += 1);
            assert!(dealt_to.iter().all(|parts| (3..=5).contains(parts)), "{dealt_to:?}");
        }
    }
}
