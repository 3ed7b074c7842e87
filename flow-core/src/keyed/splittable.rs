//! Splittable functions as a kernel: what is left of every element, in turn, each for a while.

use std::collections::{BTreeMap, VecDeque};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::exchange;
use super::inbox::Station;
use super::kernel::{Dropped, Kernel, Keyed};
use crate::element::{Element, Wire};
use crate::exec::{
    AnyOutput, BuildCx, Cx, Epoch, ExchangeOp, Inbox, Op, Outbox, Receiver, Routing, StepId, erased, typed,
};
use crate::group::Multiset;
use crate::splittable::{Claims, Restriction, Resume, SplittableCx, SplittableFn};
use crate::steps::{Transform, Typed, each, link, one};
use crate::{BoxError, Bundle, Error, ErrorKind, Meta, Result, Timestamp};

/// How many claims go by before it is the turn of others.
const CLAIMS: usize = 1024;

/// How many parts of one element are asked for, for each worker.
const PARTS: usize = 4;

/// From how many parts on new ones come in more slowly than old ones are worked on, and how much more slowly.
const MANY: usize = 64;

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

fn failed(cause: BoxError) -> Error {
    Error::new(ErrorKind::User, "failed").caused_by(cause)
}

/// Deals parts out: numbers one after the other lie as far apart as they can where workers are chosen by the hash.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape of a hash of keys")]
fn dealt(number: &u64) -> u64 {
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
        Station::new(step, Splitting::new(self.f.clone()), typed(output), dealt, cx)
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

/// Everything that is still to be read here.
struct Splitting<T, Out, F: SplittableFn<T, Out>> {
    f: F,
    ready: VecDeque<Part<T, F::Restriction>>,
    /// Those that wait, by when and in the order in which they began to.
    asleep: BTreeMap<(Timestamp, u64), Part<T, F::Restriction>>,
    slept: u64,
    holds: Multiset<Timestamp>,
    epochs: Multiset<Epoch>,
    watermark: Timestamp,
    now: Timestamp,
    draining: bool,
    /// How often it was worked since something came.
    turns: usize,
    types: PhantomData<fn(Out)>,
}

/// What is left of an element.
struct Part<T, R> {
    element: T,
    restriction: R,
    meta: Meta,
    /// No result before this moment is to come of it.
    watermark: Timestamp,
    since: Epoch,
}

impl<T, Out, F: SplittableFn<T, Out>> Splitting<T, Out, F> {
    fn new(f: F) -> Self {
        Splitting {
            f,
            ready: VecDeque::new(),
            asleep: BTreeMap::new(),
            slept: 0,
            holds: Multiset::new(),
            epochs: Multiset::new(),
            watermark: Timestamp::MIN,
            now: Timestamp::MIN,
            draining: false,
            turns: 0,
            types: PhantomData,
        }
    }

    /// Works on one part, for `claims` of them at most; how many it took.
    fn work(
        &mut self,
        mut part: Part<T, F::Restriction>,
        claims: usize,
        out: &mut Bundle<Out>,
    ) -> Result<usize> {
        let before = part.watermark;
        let mut cx = SplittableCx {
            restriction: &mut part.restriction,
            out,
            meta: part.meta,
            watermark: &mut part.watermark,
            now: self.now,
            claims: Claims { left: claims, made: 0, interrupted: false },
            failed: None,
        };
        let resume = self.f.process(&part.element, &mut cx).map_err(failed)?;
        let Claims { made, interrupted, .. } = cx.claims;
        cx.failed.map_or(Ok(()), Err)?;
        let Some(rest) = part.restriction.split_off() else {
            self.let_go(before, part.since);
            return Ok(made);
        };
        if resume == Resume::Done && !interrupted {
            let message = format!("it is done, but has not claimed {rest:?}: that would be lost");
            return Err(Error::new(ErrorKind::User, message));
        }
        part.restriction = rest;
        self.holds.change(Some(before), Some(part.watermark));
        match resume {
            Resume::Done => self.ready.push_back(part),
            Resume::After(pause) if interrupted || pause.is_zero() => self.ready.push_back(part),
            // One that has an end and claimed nothing waits for something outside, which must still come.
            Resume::After(_) if self.draining && (made > 0 || !self.f.is_bounded()) => self.truncate(part),
            Resume::After(pause) => self.sleep(part, pause),
        }
        Ok(made)
    }

    fn sleep(&mut self, part: Part<T, F::Restriction>, pause: Duration) {
        self.slept += 1;
        self.asleep.insert((self.now + pause, self.slept), part);
    }

    fn let_go(&mut self, hold: Timestamp, since: Epoch) {
        self.holds.change(Some(hold), None);
        self.epochs.change(Some(since), None);
    }

    /// Leaves what must still be read, if that is anything.
    fn truncate(&mut self, mut part: Part<T, F::Restriction>) {
        match self.f.truncate(&part.element, part.restriction) {
            Some(rest) => {
                part.restriction = rest;
                self.ready.push_back(part);
            }
            None => self.let_go(part.watermark, part.since),
        }
    }
}

impl<T, Out, F> Kernel<u64, (T, F::Restriction), Out> for Splitting<T, Out, F>
where
    T: 'static,
    F: SplittableFn<T, Out>,
{
    fn add(&mut self, elements: &mut Keyed<u64, (T, F::Restriction)>, epoch: Epoch) -> Result<Dropped> {
        self.turns = 0;
        for ((_, (element, restriction)), meta) in elements.bundle.drain() {
            self.holds.change(None, Some(meta.time));
            self.epochs.change(None, Some(epoch));
            let part = Part { element, restriction, meta, watermark: meta.time, since: epoch };
            if self.draining { self.truncate(part) } else { self.ready.push_back(part) }
        }
        Ok(Dropped::default())
    }

    fn advance(&mut self, watermark: Timestamp, now: Timestamp) {
        (self.watermark, self.now) = (watermark, now);
        while let Some(first) = self.asleep.first_entry()
            && first.key().0 <= now
        {
            self.ready.push_back(first.remove());
        }
    }

    fn poll(&mut self, out: &mut Bundle<Out>) -> Result<bool> {
        self.turns += 1;
        let mut claims = CLAIMS;
        while claims > 0
            && !out.is_full()
            && let Some(part) = self.ready.pop_front()
        {
            // A call without a claim counts as well, so that this ends.
            claims = claims.saturating_sub(self.work(part, claims, out)?.max(1));
        }
        Ok(!self.ready.is_empty())
    }

    fn output_watermark(&self) -> Timestamp {
        self.holds.min().map_or(self.watermark, |hold| hold.min(self.watermark))
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.asleep.first_key_value().map(|((at, _), _)| *at)
    }

    fn track(&mut self) {}

    fn save(&mut self, _: &mut crate::exec::StepSaving<'_>) -> Result<()> {
        Ok(())
    }

    fn restore(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn held_since(&self) -> Option<Epoch> {
        self.epochs.min()
    }

    fn is_reading(&self) -> bool {
        self.watermark < Timestamp::MAX || !self.ready.is_empty() || !self.asleep.is_empty()
    }

    fn is_open(&self) -> bool {
        self.ready.len() < MANY || self.turns >= MANY
    }

    fn drain(&mut self) {
        if std::mem::replace(&mut self.draining, true) {
            return;
        }
        let left =
            std::mem::take(&mut self.ready).into_iter().chain(std::mem::take(&mut self.asleep).into_values());
        left.collect::<Vec<_>>().into_iter().for_each(|part| self.truncate(part));
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
