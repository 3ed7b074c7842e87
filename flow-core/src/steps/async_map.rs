use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::stream::{FuturesUnordered, Stream};

use super::link::{Transform, Typed, each_that, link, one};
use crate::exec::{BoxFuture, Cx, Manner, Receiver, Signal, StepId};
use crate::{Bundle, Element, Meta, Result};

/// Whether results keep the order of their inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// As the inputs came.
    Kept,
    /// As they are done.
    AsDone,
}

/// How many bundles of elements may wait for their turn or for slower ones.
const MOST_BUNDLES: usize = 4;

pub(crate) fn async_map<T, U, Fut, F>(limit: usize, order: Order, f: F) -> Typed<T, U>
where
    T: Element,
    U: Element,
    Fut: Future<Output = U> + Send + 'static,
    F: Fn(T) -> Fut + Send + Sync + 'static,
{
    let f = Arc::new(f);
    Typed::from(each_that(Manner::Waits, move |step, outputs, _| {
        let stage = AsyncMap::<T, U, F> {
            step,
            limit: limit.max(1),
            order,
            f: Arc::clone(&f),
            next_number: 0,
            waiting: VecDeque::new(),
            running: FuturesUnordered::new(),
            unfinished: BTreeMap::new(),
            signals: VecDeque::new(),
            out: Bundle::default(),
        };
        Ok(link::<T, U>(step, stage, one(outputs)))
    }))
}

/// Runs a bounded number of futures. Elements are numbered as they come; a signal passes once every element
/// before it has.
struct AsyncMap<T, U, F> {
    step: StepId,
    limit: usize,
    order: Order,
    f: Arc<F>,
    next_number: u64,
    waiting: VecDeque<(u64, T)>,
    running: FuturesUnordered<BoxFuture<(u64, U)>>,
    /// Elements whose result has not been passed on; the result, once it is there and may not go yet.
    unfinished: BTreeMap<u64, (Meta, Option<U>)>,
    /// Signals that wait for all elements of a smaller number.
    signals: VecDeque<(u64, Signal)>,
    out: Bundle<U>,
}

impl<T, U, Fut, F> AsyncMap<T, U, F>
where
    T: Element,
    U: Element,
    Fut: Future<Output = U> + Send + 'static,
    F: Fn(T) -> Fut,
{
    /// Starts what may start, collects what is done, passes on what may go.
    fn advance(&mut self, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()> {
        let waker = cx.waker.clone();
        let mut task = Context::from_waker(&waker);
        loop {
            self.fill();
            match Pin::new(&mut self.running).poll_next(&mut task) {
                Poll::Ready(Some((number, result))) => {
                    if let Some(slot) = self.unfinished.get_mut(&number) {
                        slot.1 = Some(result);
                    }
                }
                Poll::Ready(None) if !self.waiting.is_empty() => {}
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        self.pass_on(next, cx)?;
        // Results that wait for slower ones in front of them count as well.
        // More than some bundles count as too much, whatever the elements point to.
        let is_long = self.unfinished.len() > self.limit + MOST_BUNDLES * Bundle::<T>::TARGET_LEN;
        let bytes = self.unfinished.len() * size_of::<(T, Meta, Option<U>)>();
        cx.holding[self.step.index()] = if is_long { usize::MAX } else { bytes };
        Ok(())
    }

    fn fill(&mut self) {
        while self.running.len() < self.limit
            && let Some((number, value)) = self.waiting.pop_front()
        {
            let future = (self.f)(value);
            self.running.push(Box::pin(async move { (number, future.await) }));
        }
    }

    fn pass_on(&mut self, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()> {
        loop {
            self.emit_before(self.signals.front().map_or(u64::MAX, |s| s.0), next, cx)?;
            let first = self.unfinished.first_key_value().map_or(u64::MAX, |(number, _)| *number);
            match self.signals.front() {
                Some((behind, signal)) if *behind <= first => {
                    next.signal(*signal, cx)?;
                    self.signals.pop_front();
                }
                _ => return Ok(()),
            }
        }
    }

    /// Passes on results of numbers under `fence`: all that are there, or, if order is kept, those at the front.
    fn emit_before(&mut self, fence: u64, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()> {
        self.out.clear();
        let done: Vec<u64> = match self.order {
            Order::Kept => self
                .unfinished
                .range(..fence)
                .take_while(|(_, (_, r))| r.is_some())
                .map(|(n, _)| *n)
                .collect(),
            Order::AsDone => {
                self.unfinished.range(..fence).filter(|(_, (_, r))| r.is_some()).map(|(n, _)| *n).collect()
            }
        };
        for number in done {
            if let Some((meta, Some(result))) = self.unfinished.remove(&number) {
                self.out.push(result, meta);
            }
        }
        if self.out.is_empty() {
            return Ok(());
        }
        cx.emitted(self.step, self.out.len());
        next.bundle(&mut self.out, cx)
    }
}

impl<T, U, Fut, F> Transform<T, U> for AsyncMap<T, U, F>
where
    T: Element,
    U: Element,
    Fut: Future<Output = U> + Send + 'static,
    F: Fn(T) -> Fut,
{
    fn bundle(&mut self, bundle: &mut Bundle<T>, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()> {
        for (value, meta) in bundle.drain() {
            self.unfinished.insert(self.next_number, (meta, None));
            self.waiting.push_back((self.next_number, value));
            self.next_number += 1;
        }
        self.advance(next, cx)
    }

    fn signal(&mut self, signal: Signal, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()> {
        if let Signal::Poke(_) = signal {
            self.advance(next, cx)?;
            return next.signal(signal, cx);
        }
        self.signals.push_back((self.next_number, signal));
        self.advance(next, cx)
    }
}
