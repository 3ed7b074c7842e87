//! Splittable functions as a kernel: what is left of every element, in turn, each for a while.

use std::collections::{BTreeMap, VecDeque};
use std::marker::PhantomData;

use super::kernel::{Dropped, Kernel, Keyed};
use super::part::{Held, Left, Part, PartId, Restored};
use crate::element::Wire;
use crate::exec::{Epoch, StepSaving, decode_record};
use crate::group::Multiset;
use crate::splittable::{Claims, Restriction, Resume, SplittableCx, SplittableFn};
use crate::{BoxError, Bundle, Error, ErrorKind, Meta, Result, Timestamp};

/// How many claims go by before it is the turn of others.
const CLAIMS: usize = 1024;

/// From how many parts on new ones come in more slowly than old ones are worked on, and how much more slowly.
const MANY: usize = 64;

pub(super) fn failed(cause: BoxError) -> Error {
    Error::new(ErrorKind::User, "failed").caused_by(cause)
}

/// Everything that is still to be read here.
pub(super) struct Splitting<T, Out, F: SplittableFn<T, Out>> {
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
    /// Of this worker; parts of several may come together in another run.
    worker: usize,
    numbers: u64,
    /// In a durable run: the parts of which something was written, and which are gone.
    gone: Option<Vec<PartId>>,
    restoring: BTreeMap<PartId, Restored<T, F::Restriction>>,
    types: PhantomData<fn(Out)>,
}

impl<T: Wire, Out, F: SplittableFn<T, Out>> Splitting<T, Out, F> {
    pub(super) fn new(f: F, worker: usize) -> Self {
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
            worker,
            numbers: 0,
            gone: None,
            restoring: BTreeMap::new(),
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
        let before = part.holds();
        part.changed = true;
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
            self.let_go(before);
            return Ok(made);
        };
        if resume == Resume::Done && !interrupted {
            let message = format!("it is done, but has not claimed {rest:?}: that would be lost");
            return Err(Error::new(ErrorKind::User, message));
        }
        part.restriction = rest;
        self.holds.change(Some(before.watermark), Some(part.watermark));
        match resume {
            Resume::Done => self.ready.push_back(part),
            Resume::After(pause) if interrupted || pause.is_zero() => self.ready.push_back(part),
            // One that has an end and claimed nothing waits for something outside, which must still come.
            Resume::After(_) if self.draining && (made > 0 || !self.f.is_bounded()) => self.truncate(part),
            Resume::After(pause) => self.sleep_until(self.now + pause, part),
        }
        Ok(made)
    }

    fn sleep_until(&mut self, wake: Timestamp, part: Part<T, F::Restriction>) {
        self.slept += 1;
        self.asleep.insert((wake, self.slept), part);
    }

    fn let_go(&mut self, held: Held) {
        self.holds.change(Some(held.watermark), None);
        self.epochs.change(Some(held.since), None);
        if let Some(gone) = &mut self.gone {
            gone.extend(held.written);
        }
    }

    /// Takes in a part; where it waits is for the caller to say.
    fn enter(
        &mut self,
        element: T,
        restriction: F::Restriction,
        meta: Meta,
        watermark: Timestamp,
        since: Epoch,
    ) -> Part<T, F::Restriction> {
        self.numbers += 1;
        self.holds.change(None, Some(watermark));
        self.epochs.change(None, Some(since));
        let id = PartId { number: self.numbers, worker: self.worker };
        Part { id, element, restriction, meta, watermark, since, changed: true, written: None }
    }

    /// Leaves what must still be read, if that is anything.
    fn truncate(&mut self, mut part: Part<T, F::Restriction>) {
        let held = part.holds();
        match self.f.truncate(&part.element, part.restriction) {
            Some(rest) => {
                part.restriction = rest;
                part.changed = true;
                self.ready.push_back(part);
            }
            None => self.let_go(held),
        }
    }
}

impl<T, Out, F> Kernel<u64, (T, F::Restriction), Out> for Splitting<T, Out, F>
where
    T: Wire,
    F: SplittableFn<T, Out>,
{
    fn add(&mut self, elements: &mut Keyed<u64, (T, F::Restriction)>, epoch: Epoch) -> Result<Dropped> {
        self.turns = 0;
        for ((_, (element, restriction)), meta) in elements.bundle.drain() {
            let part = self.enter(element, restriction, meta, meta.time, epoch);
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

    fn track(&mut self) {
        self.gone = Some(Vec::new());
    }

    fn save(&mut self, saving: &mut StepSaving<'_>) -> Result<()> {
        let whole = saving.whole();
        for id in self.gone.as_mut().map(std::mem::take).unwrap_or_default() {
            if !whole {
                saving.put(id.hash(), &(id, None::<Left<&T>>))?;
            }
        }
        let ready = self.ready.iter_mut().map(|part| (None, part));
        let asleep = self.asleep.iter_mut().map(|((wake, _), part)| (Some(*wake), part));
        for (wake, part) in ready.chain(asleep).filter(|(_, part)| whole || part.changed) {
            let id = part.id;
            saving.put(id.hash(), &(id, Some(part.save(wake, whole)?)))?;
        }
        Ok(())
    }

    fn restore(&mut self, record: &[u8]) -> Result<()> {
        let (id, left): (PartId, Option<Left<T>>) = decode_record(record)?;
        match left {
            None => _ = self.restoring.remove(&id),
            Some(Left::All(element, restriction, meta, progress)) => {
                let restriction = decode_record(&restriction)?;
                self.restoring.insert(id, Restored { element, restriction, meta, progress });
            }
            Some(Left::AsBefore(progress)) => {
                if let Some(part) = self.restoring.get_mut(&id) {
                    part.progress = progress;
                }
            }
        }
        Ok(())
    }

    fn restored(&mut self, watermark: Timestamp, now: Timestamp) {
        for Restored { element, restriction, meta, progress } in
            std::mem::take(&mut self.restoring).into_values()
        {
            // What was written holds no epoch: it need not be read again.
            let part = self.enter(element, restriction, meta, progress.watermark, Epoch::MAX);
            match progress.wake {
                None => self.ready.push_back(part),
                Some(wake) => self.sleep_until(wake, part),
            }
        }
        self.advance(watermark, now);
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
