//! What these tests share: runs that must end, a stream that a test feeds, and a log of what became of it.
#![allow(dead_code, reason = "each file of tests uses its part")]

pub(crate) mod restart;

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::sink::{Commit, Committed, Delivery, Rejects, Writer, WriterContext};
use flow_core::source::{Next, Reader, ReaderContext};
use flow_core::{Bundle, Error, Result};
use flow_runner_local::{LocalRunner, Options, Report};

/// Runs of these tests take a second at most; a machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// Options for so many workers.
pub(crate) fn workers(workers: usize) -> Options {
    Options::default().with_workers(workers)
}

/// Runs a pipeline that must end, and must fail or not as it says.
pub(crate) fn try_run(options: Options, p: Pipeline) -> Result<Report> {
    ends("the run", move || LocalRunner::new(options).run(p))
}

/// Runs a pipeline that must end well.
#[track_caller]
pub(crate) fn run(options: Options, p: Pipeline) -> Report {
    try_run(options, p).unwrap_or_else(|e| panic!("{}", e.report()))
}

/// Runs a pipeline that must fail.
#[track_caller]
pub(crate) fn fails(options: Options, p: Pipeline) -> Error {
    try_run(options, p).expect_err("the run must fail")
}

/// Calls a function that must return: one that hangs fails the test.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "a watchdog needs a thread to watch")]
pub(crate) fn ends<R: Send + 'static>(what: &str, body: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || done.send(body()));
    match ended.recv_timeout(PATIENCE) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{what} hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => panic!("{what} panicked"),
    }
}

/// What happened, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// A sink made these values visible.
    Committed(Vec<u64>),
    /// A stream was told that everything before this position is safe.
    Acknowledged(&'static str, u64),
}

/// A log that tests wait on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<(Mutex<Vec<Fact>>, Condvar)>);

impl Log {
    pub(crate) fn note(&self, fact: Fact) {
        self.lock().push(fact);
        self.0.1.notify_all();
    }

    pub(crate) fn facts(&self) -> Vec<Fact> {
        self.lock().clone()
    }

    /// Waits until the log fulfils a condition.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, condition: impl Fn(&[Fact]) -> bool) {
        let (guard, waited) = self
            .0
            .1
            .wait_timeout_while(self.lock(), PATIENCE, |facts| !condition(facts))
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "waited in vain until {what}: {guard:?}");
    }

    /// Values that are visible.
    pub(crate) fn committed(&self) -> Vec<u64> {
        visible(&self.facts())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fact>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The values that facts made visible, sorted.
pub(crate) fn visible(facts: &[Fact]) -> Vec<u64> {
    let mut values: Vec<u64> = facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::Committed(values) => Some(values.clone()),
            Fact::Acknowledged(..) => None,
        })
        .flatten()
        .collect();
    values.sort_unstable();
    values
}

/// How far a stream was acknowledged by these facts.
pub(crate) fn acknowledged(facts: &[Fact], stream: &str) -> u64 {
    let positions = facts.iter().filter_map(|fact| match fact {
        Fact::Acknowledged(of, position) if *of == stream => Some(*position),
        _ => None,
    });
    positions.max().unwrap_or(0)
}

/// An unbounded stream of numbers that a test feeds.
#[derive(Clone)]
pub(crate) struct Feed {
    name: &'static str,
    log: Log,
    state: Arc<Mutex<FeedState>>,
}

#[derive(Default)]
struct FeedState {
    queue: VecDeque<(u64, Timestamp)>,
    watermark: Option<Timestamp>,
    ended: bool,
    failure: Option<Error>,
    waker: Option<Waker>,
}

impl Feed {
    pub(crate) fn new(name: &'static str, log: &Log) -> Self {
        Feed { name, log: log.clone(), state: Arc::default() }
    }

    /// Elements arrive, each at its second.
    pub(crate) fn add(&self, elements: impl IntoIterator<Item = (u64, i64)>) {
        let elements = elements.into_iter().map(|(value, second)| (value, Timestamp::from_secs(second)));
        self.change(|state| state.queue.extend(elements));
    }

    /// The watermark moves to a second.
    pub(crate) fn watermark(&self, second: i64) {
        self.change(|state| state.watermark = Some(Timestamp::from_secs(second)));
    }

    /// No more will come.
    pub(crate) fn end(&self) {
        self.change(|state| state.ended = true);
    }

    /// The next read fails.
    pub(crate) fn fail(&self, error: Error) {
        self.change(|state| state.failure = Some(error));
    }

    fn change(&self, change: impl FnOnce(&mut FeedState)) {
        let mut state = self.lock();
        change(&mut state);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, FeedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Feed {
    type Item = u64;
    type Split = ();
    type Position = u64;
    type Reader = FeedReader;

    fn is_bounded(&self) -> bool {
        false
    }

    fn splits(&self, _: usize) -> Result<Vec<()>> {
        Ok(vec![()])
    }

    fn reader(&self, (): &(), _: Option<u64>, _: &ReaderContext) -> Result<FeedReader> {
        Ok(FeedReader { feed: self.clone(), read: 0 })
    }
}

pub(crate) struct FeedReader {
    feed: Feed,
    read: u64,
}

impl Reader for FeedReader {
    type Item = u64;
    type Position = u64;

    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Bundle<u64>) -> Poll<Result<Next>> {
        let mut state = self.feed.lock();
        if let Some(error) = state.failure.take() {
            return Poll::Ready(Err(error));
        }
        if state.queue.is_empty() && !state.ended {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        for (value, time) in state.queue.drain(..) {
            out.push(value, flow_core::Meta { time, ..flow_core::Meta::default() });
            self.read += 1;
        }
        Poll::Ready(Ok(if state.ended { Next::End } else { Next::More }))
    }

    fn watermark(&self) -> Timestamp {
        let state = self.feed.lock();
        if state.queue.is_empty() { state.watermark.unwrap_or(Timestamp::MIN) } else { Timestamp::MIN }
    }

    fn position(&self) -> u64 {
        self.read
    }

    fn commit(&mut self, position: u64) -> impl Future<Output = Result<()>> + Send + 'static {
        let (log, name) = (self.feed.log.clone(), self.feed.name);
        async move {
            log.note(Fact::Acknowledged(name, position));
            Ok(())
        }
    }
}

/// A sink that notes in a log what becomes visible.
#[derive(Clone, Debug)]
pub(crate) struct Logged(pub(crate) Log);

impl Sink<u64> for Logged {
    type Writer = LoggedWriter;
    type Token = Vec<u64>;

    fn delivery(&self, _: bool) -> Delivery {
        Delivery::EffectivelyOnce
    }

    fn open(&self, _: &WriterContext) -> Result<LoggedWriter> {
        Ok(LoggedWriter::default())
    }

    fn commit(
        &self,
        commit: Commit<Vec<u64>>,
    ) -> impl Future<Output = Result<Committed<Vec<u64>>>> + Send + 'static {
        let log = self.0.clone();
        async move {
            let values: Vec<u64> = commit.tokens.into_iter().flatten().collect();
            if !values.is_empty() {
                log.note(Fact::Committed(values));
            }
            Ok(Committed::default())
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct LoggedWriter {
    written: Vec<u64>,
}

impl Writer<u64> for LoggedWriter {
    type Token = Vec<u64>;

    async fn write(&mut self, bundle: &mut Bundle<u64>, _: &mut Rejects<u64>) -> Result<()> {
        self.written.append(&mut bundle.values);
        Ok(())
    }

    async fn prepare(&mut self, _: u64, _: Timestamp, _: &mut Rejects<u64>) -> Result<Vec<Vec<u64>>> {
        Ok(vec![std::mem::take(&mut self.written)])
    }
}
