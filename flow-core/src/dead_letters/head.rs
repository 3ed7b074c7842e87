use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use super::breaker::Breaker;
use super::identity::identity;
use super::tail::Region;
use super::{DeadLetter, DeadLetters};
use crate::element::Wire;
use crate::exec::{Cx, Op, Output, Receiver, Signal, StepCounts, StepId, erased, guard, typed};
use crate::steps::{each, gate};
use crate::views::Awaited;
use crate::{Bundle, Error, Meta, Result};

/// What stands between a head and its tails, known once the graph is whole.
#[derive(Debug, Default)]
pub(crate) struct Inside {
    pub(crate) steps: Vec<StepId>,
    /// The views that they look things up in.
    pub(crate) views: Vec<Awaited>,
}

impl Inside {
    /// As indices.
    fn steps(&self) -> impl Iterator<Item = usize> + '_ {
        self.steps.iter().map(|step| step.index())
    }
}

/// The same, to be filled in.
pub(crate) type Members = Arc<OnceLock<Inside>>;

/// The step in front of a region. Its outputs are the region and the dead letters.
pub(crate) fn head<T: Wire>(settings: DeadLetters, members: Members) -> Op {
    each(move |step, mut outputs, cx| {
        let letters = typed::<DeadLetter<T>>(outputs.pop().expect("two outputs"));
        let body = typed::<T>(outputs.pop().expect("two outputs"));
        if cfg!(panic = "abort") && cx.worker == 0 {
            tracing::warn!(
                region = %cx.label(step).name,
                "this program is built to end on a panic, so that only errors become dead letters: build it with \
                 panic = \"unwind\""
            );
        }
        let views = members.get().map_or_else(Vec::new, |members| members.views.clone());
        let is_gated = !views.is_empty();
        let head = Head {
            step,
            name: cx.label(step).name.clone(),
            attempts: settings.attempts(),
            region: Region::of(step, cx),
            members: Arc::clone(&members),
            body,
            letters,
            kept: Bundle::default(),
            aside: Bundle::default(),
            counts: Vec::new(),
            breaker: settings.new_breaker(),
            before: None,
            is_finished: false,
            has_warned: false,
            is_gated,
        };
        if is_gated { gate(step, views, Box::new(head), cx) } else { Ok(erased::<T>(head)) }
    })
}

/// Sees every bundle through the region, and those elements aside that fail in it.
struct Head<T> {
    step: StepId,
    name: String,
    attempts: u32,
    region: Rc<Region>,
    members: Members,
    body: Output<T>,
    letters: Output<DeadLetter<T>>,
    /// A copy of what is being tried.
    kept: Bundle<T>,
    /// What failed, until the bundle is done.
    aside: Bundle<DeadLetter<T>>,
    /// What its members had counted before an attempt.
    counts: Vec<StepCounts>,
    breaker: Breaker,
    /// The breaker before the attempt of a region around this one.
    before: Option<Breaker>,
    /// That attempt has been seen through: it was discarded if that is the next to be heard, and kept otherwise.
    is_finished: bool,
    has_warned: bool,
    /// Its elements have been counted in front of it.
    is_gated: bool,
}

impl<T: Wire> Head<T> {
    /// Tries some elements up to where the tails hold back what comes of them; what they failed with, if they did.
    fn attempt(&mut self, bundle: &mut Bundle<T>, cx: &mut Cx) -> Result<Result<(), Error>> {
        self.counts.clear();
        self.counts
            .extend(self.members.get().into_iter().flat_map(Inside::steps).map(|step| cx.counts[step]));
        let is_named = self.name_suspect(bundle, cx);
        let (body, region) = (&mut self.body, &self.region);
        let tried = guard(cx, |cx| {
            body.bundle(bundle, cx)?;
            body.signal(Signal::Finish(region.number(cx)), cx)
        });
        if let Some(suspects) = cx.suspects.as_mut().filter(|_| is_named) {
            suspects.end();
        }
        cx.enter(self.step);
        match tried {
            Err(error) if error.is_of_an_element() => {
                self.undo(cx)?;
                Ok(Err(error.at(cx.label(self.step))))
            }
            other => other.map(Ok),
        }
    }

    fn undo(&mut self, cx: &mut Cx) -> Result<()> {
        let discard = Signal::Discard(self.region.number(cx));
        self.body.signal(discard, cx)?;
        cx.enter(self.step);
        for (step, before) in self.members.get().into_iter().flat_map(Inside::steps).zip(&self.counts) {
            let now = &mut cx.counts[step];
            // The time was spent all the same.
            *now = StepCounts { nanos: now.nanos, ..*before };
        }
        Ok(())
    }

    /// Tries a part of a bundle, down to the elements that fail.
    fn part(&mut self, part: Bundle<T>, cx: &mut Cx) -> Result<()> {
        match self.attempt(&mut part.clone(), cx)? {
            Ok(()) => self.keep(part.len(), cx),
            Err(error) => self.narrow(part, error, cx),
        }
    }

    /// Halves what failed, in order, until what fails is one element.
    fn narrow(&mut self, mut failed: Bundle<T>, error: Error, cx: &mut Cx) -> Result<()> {
        if failed.len() == 1 {
            return self.again(failed, error, cx);
        }
        let right = failed.split_off(failed.len() / 2);
        self.part(failed, cx)?;
        self.part(right, cx)
    }

    /// Tries an element that has failed by itself until it is through or has had its attempts.
    fn again(&mut self, mut element: Bundle<T>, mut error: Error, cx: &mut Cx) -> Result<()> {
        for _ in 1..self.attempts {
            match self.attempt(&mut element.clone(), cx)? {
                Ok(()) => return self.keep(1, cx),
                Err(again) => error = again,
            }
        }
        let Some((value, meta)) = element.drain().next() else { return Ok(()) };
        self.put_aside(DeadLetter::of(value, meta, &error, self.attempts), meta, error, cx)
    }

    /// So many elements are through: passes on what came of them.
    fn keep(&mut self, elements: usize, cx: &mut Cx) -> Result<()> {
        self.breaker.passed(elements);
        cx.emitted(self.step, elements);
        self.region.release(cx)?;
        cx.enter(self.step);
        Ok(())
    }

    fn put_aside(&mut self, letter: DeadLetter<T>, meta: Meta, error: Error, cx: &mut Cx) -> Result<()> {
        if !std::mem::replace(&mut self.has_warned, true) {
            tracing::warn!(
                region = %self.name,
                step = %letter.step,
                error = %letter.error,
                "a first element became a dead letter; the report counts them all"
            );
        }
        cx.counts[self.step.index()].dead_letters += 1;
        cx.emitted(self.step, 1);
        self.aside.push(letter, meta);
        if self.breaker.failed() { Err(cx.error_here(self.breaker.error(error))) } else { Ok(()) }
    }

    /// Tries elements one by one, since some have ended the process; those that are known to are not tried.
    fn one_by_one(&mut self, bundle: &mut Bundle<T>, cx: &mut Cx) -> Result<()> {
        let mut rest = bundle.take();
        while !rest.is_empty() {
            let others = rest.split_off(1);
            self.suspected(std::mem::replace(&mut rest, others), cx)?;
        }
        Ok(())
    }

    fn suspected(&mut self, mut element: Bundle<T>, cx: &mut Cx) -> Result<()> {
        let named = identity(&self.name, &element.values[0]);
        let is_convicted = |named| cx.suspects.as_ref().is_some_and(|suspects| suspects.is_convicted(named));
        if !named.is_some_and(is_convicted) {
            return self.part(element, cx);
        }
        let Some((value, meta)) = element.drain().next() else { return Ok(()) };
        let letter = DeadLetter::of_a_crash(value, meta, cx.label(self.step));
        let error = Error::new(crate::ErrorKind::User, letter.error.clone());
        self.put_aside(letter, meta, error, cx)
    }

    /// Says which element is about to be tried, if that is asked for; whether it did.
    fn name_suspect(&self, bundle: &Bundle<T>, cx: &mut Cx) -> bool {
        let suspects = cx.suspects.as_mut().filter(|suspects| suspects.is_watching());
        let (Some(suspects), [element]) = (suspects, bundle.values.as_slice()) else { return false };
        let Some(named) = identity(&self.name, element) else { return false };
        suspects.begin(named);
        true
    }
}

impl<T: Wire> Receiver<T> for Head<T> {
    fn bundle(&mut self, bundle: &mut Bundle<T>, cx: &mut Cx) -> Result<()> {
        cx.enter_with(self.step, if self.is_gated { 0 } else { bundle.len() });
        if bundle.is_empty() {
            return Ok(());
        }
        if self.before.is_none() || std::mem::take(&mut self.is_finished) {
            self.before = Some(self.breaker.clone());
        }
        if cx.suspects.as_ref().is_some_and(|suspects| suspects.is_watching()) {
            self.one_by_one(bundle, cx)?;
        } else {
            let elements = bundle.len();
            self.kept.clone_from(bundle);
            match self.attempt(bundle, cx)? {
                Ok(()) => return self.keep(elements, cx),
                Err(error) => {
                    let kept = self.kept.take();
                    self.narrow(kept, error, cx)?;
                }
            }
        }
        if !self.aside.is_empty() {
            self.letters.bundle(&mut self.aside, cx)?;
            self.aside.clear();
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        self.is_finished |= matches!(signal, Signal::Finish(_));
        if let Signal::Discard(_) = signal {
            // A region around this one tries again what came in here.
            self.aside.clear();
            if let Some(before) = self.before.take() {
                self.breaker = before;
            }
        }
        self.body.signal(signal, cx)?;
        self.letters.signal(signal, cx)
    }
}
