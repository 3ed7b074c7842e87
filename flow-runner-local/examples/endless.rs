//! A stream without an end that writes numbers to standard output, until it is told to stop: then everything that
//! was read is written, and the last line says how many there were.
use std::future::Future;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use clap::Parser;
use flow_core::prelude::*;
use flow_core::sink::{Commit, Committed, Delivery, Rejects, Writer, WriterContext};
use flow_core::source::{Next, Reader, ReaderContext};
use flow_core::{Bundle, Error, Result};
use flow_runner_local::{LocalRunner, Options};

#[derive(Parser)]
struct Args {
    #[clap(flatten)]
    runner: Options,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let read = Arc::new(AtomicU64::new(0));
    let p = Pipeline::new();
    p.read(Numbers { read: Arc::clone(&read) }).reshuffle().write(Stdout);
    let report = LocalRunner::new(args.runner).run(p)?;
    println!("read {}, stopped: {}", read.load(Relaxed), report.stopped);
    Ok(())
}

/// A number every millisecond.
struct Numbers {
    read: Arc<AtomicU64>,
}

impl Source for Numbers {
    type Item = u64;
    type Split = ();
    type Position = u64;
    type Reader = Counting;

    fn is_bounded(&self) -> bool {
        false
    }

    fn splits(&self, _: usize) -> Result<Vec<()>> {
        Ok(vec![()])
    }

    fn reader(&self, (): &(), from: Option<u64>, _: &ReaderContext) -> Result<Counting> {
        let tick = tokio::time::interval(Duration::from_millis(1));
        Ok(Counting { next: from.unwrap_or(0), read: Arc::clone(&self.read), tick })
    }
}

struct Counting {
    next: u64,
    read: Arc<AtomicU64>,
    tick: tokio::time::Interval,
}

impl Reader for Counting {
    type Item = u64;
    type Position = u64;

    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Bundle<u64>) -> Poll<Result<Next>> {
        std::task::ready!(self.tick.poll_tick(cx));
        out.values.push(self.next);
        self.next += 1;
        self.read.store(self.next, Relaxed);
        Poll::Ready(Ok(Next::More))
    }

    fn position(&self) -> u64 {
        self.next
    }
}

/// Prints what is committed.
#[derive(Clone, Debug)]
struct Stdout;

impl Sink<u64> for Stdout {
    type Writer = Lines;
    type Token = Vec<u64>;

    fn delivery(&self, _: bool) -> Delivery {
        Delivery::AtLeastOnce
    }

    fn open(&self, _: &WriterContext) -> Result<Lines> {
        Ok(Lines::default())
    }

    fn commit(
        &self,
        commit: Commit<Vec<u64>>,
    ) -> impl Future<Output = Result<Committed<Vec<u64>>>> + Send + 'static {
        let mut out = std::io::stdout().lock();
        let mut lines = commit.tokens.iter().flatten();
        let written = lines.try_for_each(|n| writeln!(out, "{n}")).and_then(|()| out.flush());
        std::future::ready(match written {
            Ok(()) => Ok(Committed::default()),
            Err(e) => Err(Error::sink_failed("standard output is closed", e)),
        })
    }
}

#[derive(Debug, Default)]
struct Lines {
    waiting: Vec<u64>,
}

impl Writer<u64> for Lines {
    type Token = Vec<u64>;

    async fn write(&mut self, bundle: &mut Bundle<u64>, _: &mut Rejects<u64>) -> Result<()> {
        self.waiting.append(&mut bundle.values);
        Ok(())
    }

    async fn prepare(&mut self, _: u64, _: Timestamp, _: &mut Rejects<u64>) -> Result<Vec<Vec<u64>>> {
        Ok(vec![std::mem::take(&mut self.waiting)])
    }
}
