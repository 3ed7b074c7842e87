use std::future::Future;

use super::{Delay, Fuse};
use crate::sink::{Commit, Committed, Delivery, Rejects, Sink, Writer, WriterContext};
use crate::{Bundle, Element, ErrorKind, Result, Timestamp};

/// A sink whose every write, prepare and commit is pending some times before it is done.
#[derive(Clone, Debug)]
pub struct SlowSink<S> {
    inner: S,
    pending: u32,
}

impl<S> SlowSink<S> {
    /// Makes each call of a sink return [`Pending`](std::task::Poll::Pending) so many times first.
    pub fn new(inner: S, pending: u32) -> Self {
        SlowSink { inner, pending }
    }

    /// The sink inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

impl<T: Element, S: Sink<T>> Sink<T> for SlowSink<S> {
    type Writer = SlowWriter<S::Writer>;
    type Token = S::Token;

    fn delivery(&self, bounded: bool) -> Delivery {
        self.inner.delivery(bounded)
    }

    fn check(&self) -> impl Future<Output = Result<()>> + Send + 'static {
        self.inner.check()
    }

    fn holds_windows(&self) -> bool {
        self.inner.holds_windows()
    }

    fn open(&self, cx: &WriterContext) -> Result<Self::Writer> {
        Ok(SlowWriter { inner: self.inner.open(cx)?, pending: self.pending })
    }

    fn commit(
        &self,
        commit: Commit<S::Token>,
    ) -> impl Future<Output = Result<Committed<S::Token>>> + Send + 'static {
        let (inner, left) = (self.inner.clone(), self.pending);
        async move {
            Delay { left }.await;
            inner.commit(commit).await
        }
    }

    fn resume(
        &self,
        commit: Commit<S::Token>,
    ) -> impl Future<Output = Result<Committed<S::Token>>> + Send + 'static {
        let (inner, left) = (self.inner.clone(), self.pending);
        async move {
            Delay { left }.await;
            inner.resume(commit).await
        }
    }
}

/// Writes to a [`SlowSink`].
#[derive(Debug)]
pub struct SlowWriter<W> {
    inner: W,
    pending: u32,
}

impl<T: Element, W: Writer<T>> Writer<T> for SlowWriter<W> {
    type Token = W::Token;

    async fn write(&mut self, bundle: &mut Bundle<T>, rejects: &mut Rejects<T>) -> Result<()> {
        Delay { left: self.pending }.await;
        self.inner.write(bundle, rejects).await
    }

    async fn prepare(
        &mut self,
        epoch: u64,
        watermark: Timestamp,
        rejects: &mut Rejects<T>,
    ) -> Result<Vec<W::Token>> {
        Delay { left: self.pending }.await;
        self.inner.prepare(epoch, watermark, rejects).await
    }
}

/// A sink of which one call fails, without having done anything: the nth write, prepare or commit, counted from 1 over
/// all writers and clones.
#[derive(Clone, Debug)]
pub struct FailingSink<S> {
    inner: S,
    call: Call,
    fuse: Fuse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Write,
    Prepare,
    Commit,
}

impl<S> FailingSink<S> {
    /// The nth write fails.
    pub fn on_write(inner: S, n: u64) -> Self {
        FailingSink { inner, call: Call::Write, fuse: Fuse::new("write", n) }
    }

    /// The nth prepare fails.
    pub fn on_prepare(inner: S, n: u64) -> Self {
        FailingSink { inner, call: Call::Prepare, fuse: Fuse::new("prepare", n) }
    }

    /// The nth commit fails.
    pub fn on_commit(inner: S, n: u64) -> Self {
        FailingSink { inner, call: Call::Commit, fuse: Fuse::new("commit", n) }
    }

    /// The sink inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

impl<T: Element, S: Sink<T>> Sink<T> for FailingSink<S> {
    type Writer = FailingWriter<S::Writer>;
    type Token = S::Token;

    fn delivery(&self, bounded: bool) -> Delivery {
        self.inner.delivery(bounded)
    }

    fn check(&self) -> impl Future<Output = Result<()>> + Send + 'static {
        self.inner.check()
    }

    fn holds_windows(&self) -> bool {
        self.inner.holds_windows()
    }

    fn open(&self, cx: &WriterContext) -> Result<Self::Writer> {
        Ok(FailingWriter { inner: self.inner.open(cx)?, call: self.call, fuse: self.fuse.clone() })
    }

    fn commit(
        &self,
        commit: Commit<S::Token>,
    ) -> impl Future<Output = Result<Committed<S::Token>>> + Send + 'static {
        let FailingSink { inner, call, fuse } = self.clone();
        async move {
            if call == Call::Commit {
                fuse.burn(ErrorKind::Sink, 1)?;
            }
            inner.commit(commit).await
        }
    }

    fn resume(
        &self,
        commit: Commit<S::Token>,
    ) -> impl Future<Output = Result<Committed<S::Token>>> + Send + 'static {
        self.inner.resume(commit)
    }
}

/// Writes to a [`FailingSink`].
#[derive(Debug)]
pub struct FailingWriter<W> {
    inner: W,
    call: Call,
    fuse: Fuse,
}

impl<T: Element, W: Writer<T>> Writer<T> for FailingWriter<W> {
    type Token = W::Token;

    async fn write(&mut self, bundle: &mut Bundle<T>, rejects: &mut Rejects<T>) -> Result<()> {
        if self.call == Call::Write {
            self.fuse.burn(ErrorKind::Sink, 1)?;
        }
        self.inner.write(bundle, rejects).await
    }

    async fn prepare(
        &mut self,
        epoch: u64,
        watermark: Timestamp,
        rejects: &mut Rejects<T>,
    ) -> Result<Vec<W::Token>> {
        if self.call == Call::Prepare {
            self.fuse.burn(ErrorKind::Sink, 1)?;
        }
        self.inner.prepare(epoch, watermark, rejects).await
    }
}
