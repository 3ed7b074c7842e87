//! A source that asks for its elements.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use flow_core::source::{Next, Reader, ReaderContext, Source};
use flow_core::{Bundle, Element, Meta, Result, Timestamp};
use tokio::time::{Instant, Sleep, sleep_until};

type Asking<T> = Pin<Box<dyn Future<Output = Option<T>> + Send>>;

/// Asks for an element at each interval, the first at once; never for two at the same time. A question without answer
/// makes none.
pub struct Every<T> {
    interval: Duration,
    at_most: Option<u64>,
    ask: Arc<dyn Fn(u64) -> Asking<T> + Send + Sync>,
}

impl<T> fmt::Debug for Every<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Every").field("interval", &self.interval).finish_non_exhaustive()
    }
}

impl<T: Element> Every<T> {
    /// Asks for element `i`, from 0, when `i` intervals have passed, or as soon as the one before it has come.
    pub fn new<F>(interval: Duration, ask: impl Fn(u64) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Option<T>> + Send + 'static,
    {
        let ask = Arc::new(move |i| Box::pin(ask(i)) as Asking<T>);
        Every { interval, at_most: None, ask }
    }

    /// Ends after so many questions; without a number, never.
    #[must_use]
    pub fn at_most(self, questions: Option<u64>) -> Self {
        Every { at_most: questions, ..self }
    }
}

impl<T: Element> Source for Every<T> {
    type Item = T;
    type Split = ();
    type Position = u64;
    type Reader = EveryReader<T>;

    fn is_bounded(&self) -> bool {
        self.at_most.is_some()
    }

    fn reads_splits_at_once(&self) -> bool {
        true
    }

    fn splits(&self, _: usize) -> Result<Vec<()>> {
        Ok(vec![()])
    }

    fn reader(&self, (): &(), from: Option<u64>, _: &ReaderContext) -> Result<EveryReader<T>> {
        Ok(EveryReader {
            interval: self.interval,
            end: self.at_most.unwrap_or(u64::MAX),
            ask: Arc::clone(&self.ask),
            next: from.unwrap_or(0),
            state: State::New,
        })
    }

    fn describe(&self) -> String {
        format!("every {:?}", self.interval)
    }
}

/// Asks for the elements of an [`Every`].
pub struct EveryReader<T> {
    interval: Duration,
    end: u64,
    ask: Arc<dyn Fn(u64) -> Asking<T> + Send + Sync>,
    next: u64,
    state: State<T>,
}

impl<T> fmt::Debug for EveryReader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EveryReader").field("next", &self.next).finish_non_exhaustive()
    }
}

enum State<T> {
    /// Nothing has been asked.
    New,
    /// Since when the answer is awaited.
    Asking(Instant, Asking<T>),
    /// Until it is time for the next.
    Waiting(Pin<Box<Sleep>>),
}

impl<T: Element> EveryReader<T> {
    fn ask(&mut self) {
        self.state = State::Asking(Instant::now(), (self.ask)(self.next));
    }
}

impl<T: Element> Reader for EveryReader<T> {
    type Item = T;
    type Position = u64;

    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Bundle<T>) -> Poll<Result<Next>> {
        loop {
            if self.next >= self.end {
                return Poll::Ready(Ok(Next::End));
            }
            match &mut self.state {
                State::New => self.ask(),
                State::Waiting(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    self.ask();
                }
                State::Asking(since, answer) => {
                    let answer = ready!(answer.as_mut().poll(cx));
                    self.state = State::Waiting(Box::pin(sleep_until(*since + self.interval)));
                    self.next += 1;
                    if let Some(answer) = answer {
                        out.push(answer, Meta::default());
                        return Poll::Ready(Ok(Next::More));
                    }
                }
            }
        }
    }

    fn watermark(&self) -> Timestamp {
        Timestamp::MIN
    }

    fn position(&self) -> u64 {
        self.next
    }
}
