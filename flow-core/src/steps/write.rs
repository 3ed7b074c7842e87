use std::collections::VecDeque;
use std::path::Path;
use std::task::{Context, Poll};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::link::{Transform, link, one};
use crate::exec::{
    AnyOutput, BoxFuture, BuildCx, Cx, Epoch, Prepared, Receiver, Signal, StepId, StepOp, WriteOp,
};
use crate::metrics::Metrics;
use crate::sink::{Claims, Commit, Committed, Delivery, Rejected, Rejects, Sink, Writer, WriterContext};
use crate::{Bundle, Element, Error, ErrorKind, Result, Timestamp};

/// A sink in the graph. What the sink refuses goes to the output, or ends the run.
pub(crate) struct WriteStep<T, S> {
    pub(crate) sink: S,
    pub(crate) tolerant: bool,
    pub(crate) bounded: bool,
    pub(crate) claims: Claims,
    pub(crate) metrics: Metrics,
    pub(crate) element: std::marker::PhantomData<fn(T)>,
}

impl<T: Element, S: Sink<T>> StepOp for WriteStep<T, S> {
    fn build(&self, step: StepId, outputs: Vec<AnyOutput>, cx: &mut BuildCx) -> Result<AnyOutput> {
        let context = WriterContext {
            worker: cx.worker,
            workers: cx.workers,
            step: cx.label(step).name.clone(),
            bounded: self.bounded,
            claims: self.claims.clone(),
            metrics: self.metrics.of_step(&cx.label(step).name),
            durable: cx.sinks_dir().map(Path::to_path_buf),
            ..WriterContext::default()
        };
        let writing = Writing {
            step,
            tolerant: self.tolerant,
            writer: Some(self.sink.open(&context).map_err(|e| e.at(cx.label(step)))?),
            working: None,
            queue: VecDeque::new(),
            queued_bytes: 0,
            watermark: Timestamp::MIN,
        };
        Ok(link::<T, Rejected<T>>(step, writing, one(outputs)))
    }
}

impl<T: Element, S: Sink<T>> WriteOp for WriteStep<T, S> {
    fn commit(&self, commit: Commit<Vec<u8>>) -> BoxFuture<Result<Committed<Vec<u8>>>> {
        let sink = self.sink.clone();
        Box::pin(async move { encode_carried(sink.commit(decode_tokens(commit)?).await?) })
    }

    fn resume(&self, commit: Commit<Vec<u8>>) -> BoxFuture<Result<Committed<Vec<u8>>>> {
        let sink = self.sink.clone();
        Box::pin(async move { encode_carried(sink.resume(decode_tokens(commit)?).await?) })
    }

    fn check(&self) -> BoxFuture<Result<()>> {
        Box::pin(self.sink.check())
    }

    fn holds_windows(&self) -> bool {
        self.sink.holds_windows()
    }

    fn delivery(&self) -> Delivery {
        self.sink.delivery(self.bounded)
    }
}

/// The tokens of all writers, each of which encoded a list.
fn decode_tokens<Token: DeserializeOwned>(commit: Commit<Vec<u8>>) -> Result<Commit<Token>> {
    let Commit { epoch, last, watermark, tokens: encoded } = commit;
    let mut tokens = Vec::new();
    for list in encoded {
        let some: Vec<Token> = postcard::from_bytes(&list)
            .map_err(|e| Error::new(ErrorKind::State, "a sink's token does not decode").caused_by(e))?;
        tokens.extend(some);
    }
    Ok(Commit { epoch, last, watermark, tokens })
}

fn encode_tokens<Token: Serialize>(tokens: &[Token]) -> Result<Vec<u8>> {
    postcard::to_stdvec(tokens)
        .map_err(|e| Error::new(ErrorKind::Sink, "a sink's token does not encode").caused_by(e))
}

/// What is carried on as one list, and none if that is nothing.
fn encode_carried<Token: Serialize>(committed: Committed<Token>) -> Result<Committed<Vec<u8>>> {
    let Committed { held_since, carried } = committed;
    let carried = if carried.is_empty() { Vec::new() } else { vec![encode_tokens(&carried)?] };
    Ok(Committed { held_since, carried })
}

/// How many bundles may wait, whatever their elements point to: more would not make a sink faster.
const MOST_QUEUED: usize = 64;

enum Work<T> {
    Write(Bundle<T>),
    Pass(Signal),
}

/// What comes back from a future that had the writer.
struct Done<T, W> {
    writer: W,
    bundle: Bundle<T>,
    rejects: Rejects<T>,
    /// The barrier that it was prepared for, and the tokens.
    prepared: Option<(Signal, Vec<u8>)>,
    result: Result<()>,
}

struct Writing<T: Element, W: Writer<T>> {
    step: StepId,
    tolerant: bool,
    /// At home while no future has it.
    writer: Option<W>,
    working: Option<BoxFuture<Done<T, W>>>,
    queue: VecDeque<Work<T>>,
    queued_bytes: usize,
    watermark: Timestamp,
}

impl<T: Element, W: Writer<T>> Writing<T, W> {
    /// Works off the queue until the writer has to wait.
    fn advance(&mut self, next: &mut dyn Receiver<Rejected<T>>, cx: &mut Cx) -> Result<()> {
        loop {
            if self.poll(next, cx)?.is_pending() {
                break;
            }
            let Some(work) = self.queue.pop_front() else { break };
            match work {
                Work::Write(mut bundle) => {
                    self.queued_bytes -= bundle.shallow_bytes();
                    self.start_write(&mut bundle);
                }
                Work::Pass(barrier @ Signal::Barrier { epoch, .. }) => self.start_prepare(epoch, barrier),
                Work::Pass(signal) => {
                    if let Signal::Watermark(to) = signal {
                        self.watermark = to;
                    }
                    next.signal(signal, cx)?;
                }
            }
        }
        let is_long = self.queue.len() > MOST_QUEUED;
        cx.holding[self.step.index()] = if is_long { usize::MAX } else { self.queued_bytes };
        Ok(())
    }

    fn start_write(&mut self, bundle: &mut Bundle<T>) {
        let (mut writer, mut bundle) = (self.take_writer(), bundle.take());
        self.working = Some(Box::pin(async move {
            let mut rejects = Rejects::default();
            let result = writer.write(&mut bundle, &mut rejects).await;
            Done { writer, bundle, rejects, prepared: None, result }
        }));
    }

    fn start_prepare(&mut self, epoch: Epoch, barrier: Signal) {
        let (mut writer, watermark) = (self.take_writer(), self.watermark);
        self.working = Some(Box::pin(async move {
            let mut rejects = Rejects::default();
            let prepared = writer.prepare(epoch, watermark, &mut rejects).await;
            let encoded = prepared.and_then(|tokens| encode_tokens(&tokens));
            let (prepared, result) = match encoded {
                Ok(tokens) => (Some((barrier, tokens)), Ok(())),
                Err(error) => (None, Err(error)),
            };
            Done { writer, bundle: Bundle::default(), rejects, prepared, result }
        }));
    }

    fn take_writer(&mut self) -> W {
        self.writer.take().expect("work starts only while the writer is at home")
    }

    /// Drives the future at work; ready when none is.
    fn poll(&mut self, next: &mut dyn Receiver<Rejected<T>>, cx: &mut Cx) -> Result<Poll<Bundle<T>>> {
        let Some(working) = &mut self.working else {
            return Ok(Poll::Ready(Bundle::default()));
        };
        // What was passed on before has entered the steps behind.
        cx.enter(self.step);
        let waker = cx.waker.clone();
        let Poll::Ready(done) = working.as_mut().poll(&mut Context::from_waker(&waker)) else {
            return Ok(Poll::Pending);
        };
        self.working = None;
        self.writer = Some(done.writer);
        done.result.map_err(|e| cx.error_here(e))?;
        self.refuse(done.rejects, next, cx)?;
        if let Some((barrier @ Signal::Barrier { epoch, since, .. }, tokens)) = done.prepared {
            cx.prepared.push(Prepared { step: self.step, epoch, since, watermark: self.watermark, tokens });
            next.signal(barrier, cx)?;
        }
        Ok(Poll::Ready(done.bundle))
    }

    fn refuse(
        &self,
        mut rejects: Rejects<T>,
        next: &mut dyn Receiver<Rejected<T>>,
        cx: &mut Cx,
    ) -> Result<()> {
        let Some(first) = rejects.as_slice().first() else {
            return Ok(());
        };
        if !self.tolerant {
            let message = format!(
                "{} refused an element: {} (`try_write` and `try_write_by` go on, and give such elements back)",
                first.destination, first.reason
            );
            return Err(cx.error_here(Error::new(ErrorKind::Sink, message)));
        }
        cx.emitted(self.step, rejects.bundle.len());
        next.bundle(&mut rejects.bundle, cx)
    }
}

impl<T: Element, W: Writer<T>> Transform<T, Rejected<T>> for Writing<T, W> {
    fn bundle(
        &mut self,
        bundle: &mut Bundle<T>,
        next: &mut dyn Receiver<Rejected<T>>,
        cx: &mut Cx,
    ) -> Result<()> {
        if self.working.is_none() && self.queue.is_empty() {
            self.start_write(bundle);
            if let Poll::Ready(emptied) = self.poll(next, cx)? {
                *bundle = emptied;
            }
            return Ok(());
        }
        self.queued_bytes += bundle.shallow_bytes();
        self.queue.push_back(Work::Write(bundle.take()));
        self.advance(next, cx)
    }

    fn signal(&mut self, signal: Signal, next: &mut dyn Receiver<Rejected<T>>, cx: &mut Cx) -> Result<()> {
        if !matches!(signal, Signal::Poke(_)) {
            self.queue.push_back(Work::Pass(signal));
        }
        self.advance(next, cx)?;
        if matches!(signal, Signal::Poke(_)) { next.signal(signal, cx) } else { Ok(()) }
    }
}
