use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{Next, Reader, ReaderContext, Source};
use crate::{Bundle, Result, Timestamp};

/// A source that ends once so many elements have been read: made by [`Source::ending_after`].
#[derive(Debug)]
pub struct EndingAfter<S> {
    inner: S,
    left: Arc<Left>,
}

/// What is left to read, for all readers together.
#[derive(Debug)]
struct Left(Mutex<(u64, Vec<Waker>)>);

impl Left {
    /// Notes what was read; the reader that reads the last element wakes those that wait for more.
    fn read(&self, elements: usize) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = state.0.saturating_sub(elements as u64);
        if state.0 == 0 {
            state.1.drain(..).for_each(Waker::wake);
        }
    }

    /// Whether there is none; otherwise the waker is woken when that is so.
    fn is_none(&self, waker: &Waker) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 > 0 && !state.1.iter().any(|known| known.will_wake(waker)) {
            state.1.push(waker.clone());
        }
        state.0 == 0
    }
}

impl<S> EndingAfter<S> {
    pub(super) fn new(inner: S, elements: u64) -> Self {
        EndingAfter { inner, left: Arc::new(Left(Mutex::new((elements, Vec::new())))) }
    }
}

impl<S: Source> Source for EndingAfter<S> {
    type Item = S::Item;
    type Split = S::Split;
    type Position = S::Position;
    type Reader = EndingReader<S::Reader>;

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
        from: Option<S::Position>,
        cx: &ReaderContext,
    ) -> Result<Self::Reader> {
        Ok(EndingReader { inner: self.inner.reader(split, from, cx)?, left: Arc::clone(&self.left) })
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

/// Reads a split of an [`EndingAfter`].
#[derive(Debug)]
pub struct EndingReader<R> {
    inner: R,
    left: Arc<Left>,
}

impl<R: Reader> Reader for EndingReader<R> {
    type Item = R::Item;
    type Position = R::Position;

    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Bundle<R::Item>) -> Poll<Result<Next>> {
        if self.left.is_none(cx.waker()) {
            return Poll::Ready(Ok(Next::End));
        }
        let before = out.len();
        let next = self.inner.poll_next(cx, out);
        self.left.read(out.len() - before);
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Wake;

    use super::*;

    /// One split has elements without end, the other never has any.
    struct Uneven;

    struct UnevenReader {
        silent: bool,
    }

    impl Source for Uneven {
        type Item = u8;
        type Split = bool;
        type Position = ();
        type Reader = UnevenReader;

        fn is_bounded(&self) -> bool {
            false
        }

        fn splits(&self, _: usize) -> Result<Vec<bool>> {
            Ok(vec![true, false])
        }

        fn reader(&self, silent: &bool, _: Option<()>, _: &ReaderContext) -> Result<UnevenReader> {
            Ok(UnevenReader { silent: *silent })
        }
    }

    impl Reader for UnevenReader {
        type Item = u8;
        type Position = ();

        fn poll_next(&mut self, _: &mut Context<'_>, out: &mut Bundle<u8>) -> Poll<Result<Next>> {
            if self.silent {
                return Poll::Pending;
            }
            out.values.extend([1, 2]);
            Poll::Ready(Ok(Next::More))
        }

        fn position(&self) {}
    }

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_reader_that_waits_is_woken_when_the_others_have_read_enough() {
        let source = Uneven.ending_after(3);
        let reader = |silent| source.reader(&silent, None, &ReaderContext::default()).unwrap();
        let (mut silent, mut busy) = (reader(true), reader(false));
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        let mut out = Bundle::default();
        assert!(silent.poll_next(&mut cx, &mut out).is_pending());
        assert!(matches!(busy.poll_next(&mut cx, &mut out), Poll::Ready(Ok(Next::More))));
        assert!(!woken.0.load(Ordering::Relaxed));
        assert!(matches!(busy.poll_next(&mut cx, &mut out), Poll::Ready(Ok(Next::More))));
        assert!(woken.0.load(Ordering::Relaxed));
        assert!(matches!(silent.poll_next(&mut cx, &mut out), Poll::Ready(Ok(Next::End))));
        assert!(matches!(busy.poll_next(&mut cx, &mut out), Poll::Ready(Ok(Next::End))));
        assert_eq!(out.values, [1, 2, 1, 2]);
    }
}
