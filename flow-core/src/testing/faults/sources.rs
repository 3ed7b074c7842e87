use std::future::Future;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Fuse;
use crate::source::{Next, Reader, ReaderContext, Source};
use crate::{Bundle, ErrorKind, Result, Timestamp};

/// A source whose readers have nothing to say some times before each batch.
#[derive(Clone, Debug)]
pub struct SlowSource<S> {
    inner: S,
    pending: u32,
}

impl<S> SlowSource<S> {
    /// Makes each batch of a source come after so many times [`Pending`](Poll::Pending), each of which wakes at once.
    pub fn new(inner: S, pending: u32) -> Self {
        SlowSource { inner, pending }
    }
}

impl<S: Source> Source for SlowSource<S> {
    type Item = S::Item;
    type Split = S::Split;
    type Position = S::Position;
    type Reader = SlowReader<S::Reader>;

    fn is_bounded(&self) -> bool {
        self.inner.is_bounded()
    }

    fn reads_splits_at_once(&self) -> bool {
        self.inner.reads_splits_at_once()
    }

    fn lease(&self) -> Option<Duration> {
        self.inner.lease()
    }

    fn split_off(&self, reader: &mut Self::Reader) -> Option<S::Split> {
        self.inner.split_off(&mut reader.inner)
    }

    fn splits(&self, desired: usize) -> Result<Vec<S::Split>> {
        self.inner.splits(desired)
    }

    fn reader(
        &self,
        split: &S::Split,
        from: Option<S::Position>,
        cx: &ReaderContext,
    ) -> Result<Self::Reader> {
        let inner = self.inner.reader(split, from, cx)?;
        Ok(SlowReader { inner, pending: self.pending, left: self.pending })
    }
}

/// Reads a [`SlowSource`].
#[derive(Debug)]
pub struct SlowReader<R> {
    inner: R,
    pending: u32,
    left: u32,
}

impl<R: Reader> Reader for SlowReader<R> {
    type Item = R::Item;
    type Position = R::Position;

    fn poll_next(&mut self, task: &mut Context<'_>, out: &mut Bundle<R::Item>) -> Poll<Result<Next>> {
        if self.left > 0 {
            self.left -= 1;
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.left = self.pending;
        self.inner.poll_next(task, out)
    }

    fn watermark(&self) -> Timestamp {
        self.inner.watermark()
    }

    fn position(&self) -> R::Position {
        self.inner.position()
    }

    fn remember(&mut self, whole: bool) -> Option<Vec<u8>> {
        self.inner.remember(whole)
    }

    fn commit(&mut self, position: R::Position) -> impl Future<Output = Result<()>> + Send + 'static {
        self.inner.commit(position)
    }
}

/// A source that fails once, at its nth element, counted from 1 over all readers and clones. The batch that the element
/// is in is lost with the reader.
#[derive(Clone, Debug)]
pub struct FailingSource<S> {
    inner: S,
    fuse: Fuse,
}

impl<S> FailingSource<S> {
    /// Reading the nth element fails.
    pub fn at_element(inner: S, n: u64) -> Self {
        FailingSource { inner, fuse: Fuse::new("reading element", n) }
    }
}

impl<S: Source> Source for FailingSource<S> {
    type Item = S::Item;
    type Split = S::Split;
    type Position = S::Position;
    type Reader = FailingReader<S::Reader>;

    fn is_bounded(&self) -> bool {
        self.inner.is_bounded()
    }

    fn reads_splits_at_once(&self) -> bool {
        self.inner.reads_splits_at_once()
    }

    fn lease(&self) -> Option<Duration> {
        self.inner.lease()
    }

    fn split_off(&self, reader: &mut Self::Reader) -> Option<S::Split> {
        self.inner.split_off(&mut reader.inner)
    }

    fn splits(&self, desired: usize) -> Result<Vec<S::Split>> {
        self.inner.splits(desired)
    }

    fn reader(
        &self,
        split: &S::Split,
        from: Option<S::Position>,
        cx: &ReaderContext,
    ) -> Result<Self::Reader> {
        Ok(FailingReader { inner: self.inner.reader(split, from, cx)?, fuse: self.fuse.clone() })
    }
}

/// Reads a [`FailingSource`].
#[derive(Debug)]
pub struct FailingReader<R> {
    inner: R,
    fuse: Fuse,
}

impl<R: Reader> Reader for FailingReader<R> {
    type Item = R::Item;
    type Position = R::Position;

    fn poll_next(&mut self, task: &mut Context<'_>, out: &mut Bundle<R::Item>) -> Poll<Result<Next>> {
        let before = out.len();
        let next = self.inner.poll_next(task, out);
        if let Err(error) = self.fuse.burn(ErrorKind::Source, (out.len() - before) as u64) {
            return Poll::Ready(Err(error));
        }
        next
    }

    fn watermark(&self) -> Timestamp {
        self.inner.watermark()
    }

    fn position(&self) -> R::Position {
        self.inner.position()
    }

    fn remember(&mut self, whole: bool) -> Option<Vec<u8>> {
        self.inner.remember(whole)
    }

    fn commit(&mut self, position: R::Position) -> impl Future<Output = Result<()>> + Send + 'static {
        self.inner.commit(position)
    }
}
