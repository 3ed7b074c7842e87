//! Where collections come from: [`Source`] and [`Reader`].

mod clock;
mod ending;
mod estimating;
mod impulse;
pub(crate) mod refreshing;
mod watermark;

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::element::{Element, Wire};
use crate::metrics::Metrics;
use crate::{Bundle, Result, Timestamp};
pub use clock::Clock;
pub use ending::{EndingAfter, EndingReader};
pub use estimating::{Estimating, EstimatingReader, WithTimestamps};
pub use impulse::Impulse;
pub use watermark::{BoundedOutOfOrderness, Manual, Monotonic, WallTime, WatermarkEstimator};

/// Something that can be read: a set of files, a subscription, a range of numbers.
///
/// A source is split; each split is read by one [`Reader`] on one worker. A bounded source's splits are taken one
/// by one as workers come free, so that more splits than workers balance the load; an unbounded one's are all open
/// at once. Check your own with the suites of [`testing::conformance`](crate::testing::conformance).
pub trait Source: Send + Sync + 'static {
    /// What is read.
    type Item: Element;
    /// A part of the source.
    type Split: Wire + Debug;
    /// How far a split has been read.
    type Position: Wire + Debug;
    /// Reads a split.
    type Reader: Reader<Item = Self::Item, Position = Self::Position>;

    /// Whether it ends.
    fn is_bounded(&self) -> bool;

    /// Whether all its splits are read at once, as those of a stream are. A bounded source says so if its splits
    /// share a clock or a watermark.
    fn reads_splits_at_once(&self) -> bool {
        !self.is_bounded()
    }

    /// Cuts it into parts: about `desired`, or as many as there are natural ones.
    ///
    /// # Errors
    /// When the source is not there: the run ends before anything is read. Called on a thread of the runner's own, inside
    /// a tokio runtime, so that a source may ask its server and wait for the answer.
    fn splits(&self, desired: usize) -> Result<Vec<Self::Split>>;

    /// Starts reading a split, from a position if one was committed.
    fn reader(
        &self,
        split: &Self::Split,
        from: Option<Self::Position>,
        cx: &ReaderContext,
    ) -> Result<Self::Reader>;

    /// Cuts off about half of what a reader still has to read, as a split that another worker reads: called when a worker
    /// has nothing left to do. None if that is not worth it, or not possible.
    ///
    /// The reader then ends in front of it, and so does one that goes on at a position that it gives from now on. What
    /// the split holds is not before the reader's watermark.
    fn split_off(&self, reader: &mut Self::Reader) -> Option<Self::Split> {
        let _ = reader;
        None
    }

    /// How long what was read may wait to be committed before the source hands it out again; none if it does not
    /// mind. A pipeline whose windows hold elements longer than half of it is refused.
    fn lease(&self) -> Option<Duration> {
        None
    }

    /// A few words for the printed plan, without secrets.
    fn describe(&self) -> String {
        crate::graph::short_name::<Self>().to_owned()
    }

    /// Gives the elements event times, and has the source estimate its watermark from them: any source becomes a stream
    /// in event time. What an element was given by the source itself is replaced.
    ///
    /// ```
    /// use flow_core::source::{BoundedOutOfOrderness, Source};
    /// # use flow_core::prelude::*;
    /// # use std::time::Duration;
    /// # fn read<S: Source<Item = (i64, String)>>(p: &Pipeline, log: S) -> PCollection<(i64, String)> {
    /// let by_second = log.with_timestamps(|(second, _)| Timestamp::from_secs(*second));
    /// p.read(by_second.estimating(BoundedOutOfOrderness::of(Duration::from_secs(5))))
    /// # }
    /// ```
    fn with_timestamps<F>(self, timestamp: F) -> WithTimestamps<Self, F>
    where
        Self: Sized,
        F: Fn(&Self::Item) -> Timestamp + Send + Sync + 'static,
    {
        WithTimestamps::new(self, timestamp)
    }

    /// The same source, but it ends once so many elements have been read by all workers together: a stream for a
    /// test or a demonstration. The bundles in which that comes about are read whole.
    /// A durable run that goes on counts on from where it was.
    fn ending_after(self, elements: u64) -> EndingAfter<Self>
    where
        Self: Sized,
    {
        EndingAfter::new(self, elements)
    }
}

/// For whom a [`Reader`] reads.
#[derive(Clone, Debug, Default)]
pub struct ReaderContext {
    /// The step's name, unique in the pipeline.
    pub step: String,
    /// What the step counts, for the run's report.
    pub metrics: Metrics,
    /// Processing time, for watermarks that follow it.
    pub clock: Clock,
    /// In a durable run that goes on: what readers of this step [remembered](Reader::remember), oldest first.
    pub remembered: Arc<Vec<Vec<u8>>>,
}

/// Reads one split of a [`Source`], on a worker's thread.
///
/// Reading that waits for the outside (a socket, a timer) returns [`Poll::Pending`] and wakes the worker; the
/// worker's thread is inside a tokio runtime. Reading that only takes time (a local file) just does it, a batch
/// at a time.
pub trait Reader: Send + 'static {
    /// What is read.
    type Item: Element;
    /// How far it has read.
    type Position: Wire;

    /// Appends the next elements, about a bundle of them, to `out`.
    ///
    /// Returns [`Poll::Pending`] after arranging a wake-up when there is nothing now; nothing may be appended then.
    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Bundle<Self::Item>) -> Poll<Result<Next>>;

    /// A moment before which no more elements are expected. Must not go back; [`Timestamp::MIN`] when unknown.
    fn watermark(&self) -> Timestamp {
        Timestamp::MIN
    }

    /// Behind the last element handed out: reading on from here gives exactly the elements that follow.
    fn position(&self) -> Self::Position;

    /// In a durable run, what this reader must know after a restart besides its position, as which messages were
    /// acknowledged lately: what is new since the last call, or all of it if the `whole` is asked for. Called at the end of
    /// each epoch; [`ReaderContext::remembered`] has it again.
    fn remember(&mut self, whole: bool) -> Option<Vec<u8>> {
        let _ = whole;
        None
    }

    /// Everything before `position` is in the sinks for good: acknowledge it, delete it, move the cursor.
    /// The returned future is driven beside reading; positions come in order.
    fn commit(&mut self, position: Self::Position) -> impl Future<Output = Result<()>> + Send + 'static {
        let _ = position;
        std::future::ready(Ok(()))
    }
}

/// What a [`Reader`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Elements were appended, or none this time; there may be more.
    More,
    /// The split has ended; the last elements may have been appended. Only `watermark`, `position`, `remember` and
    /// `commit` are called from now on: files and connections can be closed.
    End,
}
