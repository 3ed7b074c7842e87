//! Runs that fail again and again, and go on from their state directory, in a world that outlives them.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use flow_core::prelude::*;
use flow_core::sink::{Commit, Committed, Delivery, Rejects, Writer, WriterContext};
use flow_core::source::{Next, Reader, ReaderContext};
use flow_core::{Bundle, Error, ErrorKind, Meta, Result};
use flow_runner_local::Options;
use serde::{Deserialize, Serialize};

use super::try_run;

/// What is outside of the process: what has become visible, and the chance that something fails.
#[derive(Clone, Debug, Default)]
pub(crate) struct World(Arc<Mutex<Facts>>);

#[derive(Debug, Default)]
struct Facts {
    visible: Vec<String>,
    committed: Vec<u64>,
    tokens: u64,
    random: u64,
    /// One in so many calls fails; none at 0.
    one_in: u64,
    /// How far each stretch was acknowledged: nobody hands out again what is in front of that.
    acknowledged: BTreeMap<Stretch, usize>,
    /// Readers wait here, for as long as it is set.
    hold_at: Option<usize>,
    /// The newest epoch that writers were asked to prepare, and readers that wait for a newer one.
    epoch: u64,
    resting: Vec<Waker>,
}

impl World {
    /// In which about one in so many calls of sinks and sources fails.
    pub(crate) fn failing(seed: u64, one_in: u64) -> Self {
        let world = World::default();
        {
            let mut facts = world.lock();
            (facts.random, facts.one_in) = (seed, one_in);
        }
        world
    }

    fn lock(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number below a bound.
    pub(crate) fn choose(&self, below: u64) -> u64 {
        let mut facts = self.lock();
        facts.random = facts.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = facts.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn may_fail(&self, what: &str) -> Result<()> {
        let one_in = self.lock().one_in;
        if one_in > 0 && self.choose(one_in) == 0 {
            return Err(Error::new(ErrorKind::Sink, format!("planned: {what}")));
        }
        Ok(())
    }

    /// Has a reader rest now and then, until an epoch has ended that had begun by then: however fast it reads and slow the
    /// disk is, a run has many epochs. Only in worlds in which something fails, whose runs are durable.
    fn may_rest(&self, resting: &mut Option<u64>, cx: &Context<'_>) -> bool {
        let begins = resting.is_none() && self.lock().one_in > 0 && self.choose(3) == 0;
        let mut facts = self.lock();
        if begins {
            *resting = Some(facts.epoch);
        }
        let rests = resting.is_some_and(|since| facts.epoch <= since);
        if rests {
            facts.resting.push(cx.waker().clone());
        }
        rests
    }

    fn epoch_ends(&self, epoch: u64) {
        let mut facts = self.lock();
        facts.epoch = epoch.max(facts.epoch);
        facts.resting.drain(..).for_each(Waker::wake);
    }

    /// Has readers wait at a place of their split, or none.
    pub(crate) fn hold_at(&self, place: Option<usize>) {
        self.lock().hold_at = place;
    }

    /// Everything that is visible, sorted.
    pub(crate) fn visible(&self) -> Vec<String> {
        let mut visible = self.lock().visible.clone();
        visible.sort();
        visible
    }
}

/// Splits of elements in order of time, whose watermark is that of the next element.
#[derive(Clone, Debug)]
pub(crate) struct Replay {
    pub(crate) world: World,
    pub(crate) splits: Arc<Vec<Vec<(u64, i64)>>>,
    pub(crate) bounded: bool,
}

/// A split, or the part of one that a reader gave away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Stretch {
    split: usize,
    from: usize,
    to: usize,
}

/// No less is given away.
const SMALL: usize = 20;

impl Source for Replay {
    type Item = u64;
    type Split = Stretch;
    /// The next element, and the end: what is behind it may have been given away.
    type Position = (usize, usize);
    type Reader = ReplayReader;

    fn is_bounded(&self) -> bool {
        self.bounded
    }

    fn splits(&self, _: usize) -> Result<Vec<Stretch>> {
        let whole = |(split, elements): (usize, &Vec<_>)| Stretch { split, from: 0, to: elements.len() };
        Ok(self.splits.iter().enumerate().map(whole).collect())
    }

    fn reader(
        &self,
        stretch: &Stretch,
        position: Option<(usize, usize)>,
        _: &ReaderContext,
    ) -> Result<ReplayReader> {
        let (at, to) = position.unwrap_or((stretch.from, stretch.to));
        let acknowledged = self.world.lock().acknowledged.get(stretch).copied().unwrap_or(0);
        if at < acknowledged {
            let message = format!("{stretch:?} is read from {at}, though {acknowledged} was acknowledged");
            return Err(Error::new(ErrorKind::Source, message));
        }
        Ok(ReplayReader { of: self.clone(), stretch: *stretch, at, to, paused: false, resting: None })
    }

    fn split_off(&self, reader: &mut ReplayReader) -> Option<Stretch> {
        let middle = usize::midpoint(reader.at, reader.to);
        (reader.to - reader.at > SMALL).then(|| {
            let to = std::mem::replace(&mut reader.to, middle);
            Stretch { split: reader.stretch.split, from: middle, to }
        })
    }
}

#[derive(Debug)]
pub(crate) struct ReplayReader {
    of: Replay,
    stretch: Stretch,
    at: usize,
    to: usize,
    paused: bool,
    /// Since which epoch it rests.
    resting: Option<u64>,
}

impl Reader for ReplayReader {
    type Item = u64;
    type Position = (usize, usize);

    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Bundle<u64>) -> Poll<Result<Next>> {
        // Now and then it has nothing, so that epochs end in the middle.
        self.paused = !self.paused;
        if self.paused {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.of.world.may_rest(&mut self.resting, cx) {
            return Poll::Pending;
        }
        self.resting = None;
        if let Err(error) = self.of.world.may_fail("reading") {
            return Poll::Ready(Err(error));
        }
        let elements = &self.of.splits[self.stretch.split];
        let hold_at = self.of.world.lock().hold_at.unwrap_or(usize::MAX);
        if self.at >= hold_at {
            return Poll::Pending;
        }
        let many = (1 + self.of.world.choose(40) as usize).min(hold_at.min(self.to) - self.at);
        for (value, second) in elements.iter().skip(self.at).take(many) {
            out.push(*value, Meta { time: Timestamp::from_secs(*second), ..Meta::default() });
            self.at += 1;
        }
        Poll::Ready(Ok(if self.at == self.to { Next::End } else { Next::More }))
    }

    fn watermark(&self) -> Timestamp {
        let next = self.of.splits[self.stretch.split][..self.to].get(self.at);
        next.map_or(Timestamp::MAX, |(_, second)| Timestamp::from_secs(*second))
    }

    fn position(&self) -> (usize, usize) {
        (self.at, self.to)
    }

    fn commit(&mut self, (at, _): (usize, usize)) -> impl Future<Output = Result<()>> + Send + 'static {
        let (world, stretch) = (self.of.world.clone(), self.stretch);
        async move {
            let mut facts = world.lock();
            let to = facts.acknowledged.entry(stretch).or_default();
            *to = at.max(*to);
            drop(facts);
            world.may_fail("acknowledging")
        }
    }
}

/// A sink of the world: effectively once.
#[derive(Clone, Debug)]
pub(crate) struct Ledger(pub(crate) World);

/// What is prepared is outside already, and has a number.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Token {
    number: u64,
    values: Vec<String>,
}

impl Sink<String> for Ledger {
    type Writer = LedgerWriter;
    type Token = Token;

    fn delivery(&self, _: bool) -> Delivery {
        Delivery::EffectivelyOnce
    }

    fn open(&self, _: &WriterContext) -> Result<LedgerWriter> {
        Ok(LedgerWriter { world: self.0.clone(), written: Vec::new() })
    }

    fn commit(
        &self,
        commit: Commit<Token>,
    ) -> impl Future<Output = Result<Committed<Token>>> + Send + 'static {
        let ledger = self.clone();
        async move { ledger.show(commit.tokens).map(|()| Committed::default()) }
    }
}

impl Ledger {
    fn show(&self, tokens: Vec<Token>) -> Result<()> {
        let world = &self.0;
        for token in tokens {
            world.may_fail("before a commit")?;
            let mut facts = world.lock();
            if !facts.committed.contains(&token.number) {
                facts.committed.push(token.number);
                facts.visible.extend(token.values);
            }
            drop(facts);
            world.may_fail("after a commit")?;
        }
        Ok(())
    }
}

/// A sink of the world that shows everything an epoch later, as a file does that takes more: until then it carries its
/// tokens on.
#[derive(Clone, Debug)]
pub(crate) struct Later {
    ledger: Ledger,
    carried: Arc<Mutex<Vec<Token>>>,
}

impl Later {
    pub(crate) fn of(world: &World) -> Self {
        Later { ledger: Ledger(world.clone()), carried: Arc::default() }
    }
}

impl Sink<String> for Later {
    type Writer = LedgerWriter;
    type Token = Token;

    fn delivery(&self, _: bool) -> Delivery {
        Delivery::EffectivelyOnce
    }

    fn open(&self, cx: &WriterContext) -> Result<LedgerWriter> {
        self.ledger.open(cx)
    }

    fn commit(
        &self,
        commit: Commit<Token>,
    ) -> impl Future<Output = Result<Committed<Token>>> + Send + 'static {
        let Later { ledger, carried } = self.clone();
        async move {
            let later = if commit.last { Vec::new() } else { commit.tokens.clone() };
            let before = std::mem::replace(
                &mut *carried.lock().unwrap_or_else(PoisonError::into_inner),
                later.clone(),
            );
            ledger.show(before)?;
            if commit.last {
                ledger.show(commit.tokens)?;
            }
            Ok(Committed { carried: later, ..Committed::default() })
        }
    }
}

#[derive(Debug)]
pub(crate) struct LedgerWriter {
    world: World,
    written: Vec<String>,
}

impl Writer<String> for LedgerWriter {
    type Token = Token;

    async fn write(&mut self, bundle: &mut Bundle<String>, _: &mut Rejects<String>) -> Result<()> {
        self.written.append(&mut bundle.values);
        Ok(())
    }

    async fn prepare(&mut self, epoch: u64, _: Timestamp, _: &mut Rejects<String>) -> Result<Vec<Token>> {
        self.world.epoch_ends(epoch);
        self.world.may_fail("preparing")?;
        if self.written.is_empty() {
            return Ok(Vec::new());
        }
        let mut facts = self.world.lock();
        facts.tokens += 1;
        Ok(vec![Token { number: facts.tokens, values: std::mem::take(&mut self.written) }])
    }
}

/// Runs a pipeline again and again until it comes to its end, each time with one to four workers; how often it failed.
#[track_caller]
pub(crate) fn run_through(options: &Options, world: &World, pipeline: impl Fn() -> Pipeline) -> u32 {
    for failures in 0..10_000 {
        let workers = 1 + world.choose(4) as usize;
        match try_run(options.clone().with_workers(workers), pipeline()) {
            Ok(_) => return failures,
            Err(error) if error.to_string().contains("planned") => {}
            Err(error) => panic!("{}", error.report()),
        }
    }
    panic!("it never comes to its end");
}

/// Tries so many cases by their seeds, and more of them until they failed more than once on the average: how often one fails
/// depends on how fast the machine is.
#[track_caller]
pub(crate) fn try_until_enough_failed(cases: u64, mut failures_of: impl FnMut(u64) -> u32) {
    let (mut tried, mut failures) = (0, 0);
    while tried < cases || failures <= cases {
        assert!(tried < 50 * cases, "only {failures} failures in {tried} cases tell nothing");
        failures += u64::from(failures_of(tried));
        tried += 1;
    }
    println!("{tried} cases, {failures} failures");
}
