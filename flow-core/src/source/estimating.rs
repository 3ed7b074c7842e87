use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::{Clock, Next, Reader, ReaderContext, Source, WatermarkEstimator};
use crate::{Bundle, Column, Result, Timestamp};

/// A source whose elements are given event times: made by [`Source::with_timestamps`].
#[must_use = "say how the watermark follows from the timestamps: `estimating(BoundedOutOfOrderness::of(..))`"]
pub struct WithTimestamps<S, F> {
    inner: S,
    timestamp: Arc<F>,
}

impl<S: fmt::Debug, F> fmt::Debug for WithTimestamps<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WithTimestamps").field(&self.inner).finish()
    }
}

impl<S, F> WithTimestamps<S, F> {
    pub(super) fn new(inner: S, timestamp: F) -> Self {
        WithTimestamps { inner, timestamp: Arc::new(timestamp) }
    }

    /// Has each split estimate its watermark from these timestamps; that of the source is the least of its splits. A
    /// split that has been quiet for the runner's idle timeout does not hold back the others.
    pub fn estimating<E: WatermarkEstimator>(self, estimator: E) -> Estimating<S, F, E> {
        Estimating { inner: self.inner, timestamp: self.timestamp, estimator }
    }
}

/// A source with event times and a watermark of its elements: made by [`WithTimestamps::estimating`].
pub struct Estimating<S, F, E> {
    inner: S,
    timestamp: Arc<F>,
    estimator: E,
}

impl<S: fmt::Debug, F, E: fmt::Debug> fmt::Debug for Estimating<S, F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Estimating").field(&self.inner).field(&self.estimator).finish()
    }
}

impl<S, F, E> Source for Estimating<S, F, E>
where
    S: Source,
    F: Fn(&S::Item) -> Timestamp + Send + Sync + 'static,
    E: WatermarkEstimator,
{
    type Item = S::Item;
    type Split = S::Split;
    type Position = (S::Position, E);
    type Reader = EstimatingReader<S::Reader, F, E>;

    fn is_bounded(&self) -> bool {
        self.inner.is_bounded()
    }

    fn reads_splits_at_once(&self) -> bool {
        self.inner.reads_splits_at_once()
    }

    fn splits(&self, desired: usize) -> Result<Vec<S::Split>> {
        self.inner.splits(desired)
    }

    fn reader(
        &self,
        split: &S::Split,
        from: Option<Self::Position>,
        cx: &ReaderContext,
    ) -> Result<Self::Reader> {
        let (from, estimator) = from.unzip();
        let estimator = estimator.unwrap_or_else(|| self.estimator.clone());
        Ok(EstimatingReader {
            inner: self.inner.reader(split, from, cx)?,
            timestamp: Arc::clone(&self.timestamp),
            estimator: RefCell::new(estimator),
            clock: cx.clock.clone(),
        })
    }

    fn lease(&self) -> Option<Duration> {
        self.inner.lease()
    }

    fn split_off(&self, reader: &mut Self::Reader) -> Option<S::Split> {
        self.inner.split_off(&mut reader.inner)
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

/// Reads a split of an [`Estimating`].
pub struct EstimatingReader<R, F, E> {
    inner: R,
    timestamp: Arc<F>,
    estimator: RefCell<E>,
    clock: Clock,
}

impl<R: fmt::Debug, F, E: fmt::Debug> fmt::Debug for EstimatingReader<R, F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EstimatingReader").field(&self.inner).field(&self.estimator).finish()
    }
}

impl<R, F, E> Reader for EstimatingReader<R, F, E>
where
    R: Reader,
    F: Fn(&R::Item) -> Timestamp + Send + Sync + 'static,
    E: WatermarkEstimator,
{
    type Item = R::Item;
    type Position = (R::Position, E);

    fn poll_next(&mut self, task: &mut Context<'_>, out: &mut Bundle<R::Item>) -> Poll<Result<Next>> {
        let before = out.len();
        let next = self.inner.poll_next(task, out);
        let estimator = self.estimator.get_mut();
        let mut times = Column::Uniform(Timestamp::MIN);
        for (at, value) in out.values.iter().enumerate() {
            let time = if at < before { out.times.get(at) } else { (self.timestamp)(value) };
            if at >= before {
                estimator.observe(time);
            }
            times.push(at, time);
        }
        out.times = times;
        next
    }

    fn watermark(&self) -> Timestamp {
        self.estimator.borrow_mut().watermark(self.clock.now())
    }

    fn position(&self) -> Self::Position {
        (self.inner.position(), self.estimator.borrow().clone())
    }

    fn remember(&mut self, whole: bool) -> Option<Vec<u8>> {
        self.inner.remember(whole)
    }

    fn commit(&mut self, (position, _): Self::Position) -> impl Future<Output = Result<()>> + Send + 'static {
        self.inner.commit(position)
    }
}
