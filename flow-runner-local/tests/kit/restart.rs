//! Runs that fail again and again, and go on from their state directory, in a world that outlives them.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

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
    acknowledged: u64,
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

impl Source for Replay {
    type Item = u64;
    type Split = usize;
    type Position = usize;
    type Reader = ReplayReader;

    fn is_bounded(&self) -> bool {
        self.bounded
    }

    fn splits(&self, _: usize) -> Result<Vec<usize>> {
        Ok((0..self.splits.len()).collect())
    }

    fn reader(&self, split: &usize, from: Option<usize>, _: &ReaderContext) -> Result<ReplayReader> {
        Ok(ReplayReader { of: self.clone(), split: *split, at: from.unwrap_or(0), paused: false })
    }
}

#[derive(Debug)]
pub(crate) struct ReplayReader {
    of: Replay,
    split: usize,
    at: usize,
    paused: bool,
}

impl Reader for ReplayReader {
    type Item = u64;
    type Position = usize;

    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Bundle<u64>) -> Poll<Result<Next>> {
        // Now and then it has nothing, so that epochs end in the middle.
        self.paused = !self.paused;
        if self.paused {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Err(error) = self.of.world.may_fail("reading") {
            return Poll::Ready(Err(error));
        }
        let elements = &self.of.splits[self.split];
        let many = 1 + self.of.world.choose(40) as usize;
        for (value, second) in elements.iter().skip(self.at).take(many) {
            out.push(*value, Meta { time: Timestamp::from_secs(*second), ..Meta::default() });
            self.at += 1;
        }
        Poll::Ready(Ok(if self.at == elements.len() { Next::End } else { Next::More }))
    }

    fn watermark(&self) -> Timestamp {
        let next = self.of.splits[self.split].get(self.at);
        next.map_or(Timestamp::MAX, |(_, second)| Timestamp::from_secs(*second))
    }

    fn position(&self) -> usize {
        self.at
    }

    fn commit(&mut self, position: usize) -> impl Future<Output = Result<()>> + Send + 'static {
        let world = self.of.world.clone();
        async move {
            world.lock().acknowledged += position as u64;
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
        let world = self.0.clone();
        async move {
            for token in commit.tokens {
                world.may_fail("before a commit")?;
                let mut facts = world.lock();
                if !facts.committed.contains(&token.number) {
                    facts.committed.push(token.number);
                    facts.visible.extend(token.values);
                }
                drop(facts);
                world.may_fail("after a commit")?;
            }
            Ok(Committed::default())
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

    async fn prepare(&mut self, _: u64, _: Timestamp, _: &mut Rejects<String>) -> Result<Vec<Token>> {
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
