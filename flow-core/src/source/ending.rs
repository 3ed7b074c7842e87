use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{Next, Reader, ReaderContext, Source};
use crate::{Bundle, Error, ErrorKind, Result, Timestamp};

/// A source that ends once so many elements have been read: made by [`Source::ending_after`].
#[derive(Debug)]
pub struct EndingAfter<S> {
    inner: S,
    left: Arc<Left>,
}

/// What is left to read, for all readers together.
#[derive(Debug)]
struct Left(Mutex<State>);

#[derive(Debug)]
struct State {
    elements: u64,
    waiting: Vec<Waker>,
    /// How many elements each reader had read when an epoch of a durable run ended, those of earlier runs included: the
    /// barrier comes to the readers at different times, so that no common count would be as of then.
    read: BTreeMap<u64, u64>,
    next_reader: u64,
    is_restored: bool,
}

/// What a reader remembers: how many elements some have read, and what the reader inside remembers.
type Remembered = (Vec<(u64, u64)>, Option<Vec<u8>>);

impl Left {
    fn new(elements: u64) -> Self {
        let (waiting, read) = (Vec::new(), BTreeMap::new());
        Left(Mutex::new(State { elements, waiting, read, next_reader: 0, is_restored: false }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what was read; the reader that reads the last element wakes those that wait for more.
    fn read(&self, elements: usize) {
        let mut state = self.lock();
        state.elements = state.elements.saturating_sub(elements as u64);
        if state.elements == 0 {
            state.waiting.drain(..).for_each(Waker::wake);
        }
    }

    /// Whether there is none; otherwise the waker is woken when that is so.
    fn is_none(&self, waker: &Waker) -> bool {
        let mut state = self.lock();
        if state.elements > 0 && !state.waiting.iter().any(|known| known.will_wake(waker)) {
            state.waiting.push(waker.clone());
        }
        state.elements == 0
    }

    /// The number of a new reader. The first one takes off what earlier runs have read.
    fn enter(&self, earlier: impl Iterator<Item = (u64, u64)>) -> u64 {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.is_restored, true) {
            for (reader, read) in earlier {
                state.read.entry(reader).and_modify(|most| *most = read.max(*most)).or_insert(read);
            }
            let read: u64 = state.read.values().sum();
            state.elements = state.elements.saturating_sub(read);
            state.next_reader = state.read.keys().next_back().map_or(0, |last| last + 1);
        }
        state.next_reader += 1;
        state.next_reader - 1
    }

    /// Notes how much a reader has read when an epoch ends; what is to be remembered of it, or of all.
    fn mark(&self, reader: u64, read: u64, whole: bool) -> Vec<(u64, u64)> {
        let mut state = self.lock();
        let before = state.read.insert(reader, read);
        match whole {
            true => state.read.iter().map(|(reader, read)| (*reader, *read)).collect(),
            false if before == Some(read) => Vec::new(),
            false => vec![(reader, read)],
        }
    }
}

impl<S> EndingAfter<S> {
    pub(super) fn new(inner: S, elements: u64) -> Self {
        EndingAfter { inner, left: Arc::new(Left::new(elements)) }
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
        let decoded = cx.remembered.iter().map(|bytes| postcard::from_bytes::<Remembered>(bytes));
        let undecodable = |cause| {
            let message = "what was remembered of how much had been read does not decode";
            Error::new(ErrorKind::State, message).caused_by(cause)
        };
        let (counts, inner): (Vec<_>, Vec<_>) =
            decoded.collect::<Result<Vec<_>, _>>().map_err(undecodable)?.into_iter().unzip();
        let number = self.left.enter(counts.into_iter().flatten());
        let inside =
            ReaderContext { remembered: Arc::new(inner.into_iter().flatten().collect()), ..cx.clone() };
        let inner = self.inner.reader(split, from, &inside)?;
        Ok(EndingReader { inner, left: Arc::clone(&self.left), number, read: 0 })
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
    number: u64,
    read: u64,
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
        let read = out.len() - before;
        self.read += read as u64;
        self.left.read(read);
        next
    }

    fn watermark(&self) -> Timestamp {
        self.inner.watermark()
    }

    fn position(&self) -> R::Position {
        self.inner.position()
    }

    fn remember(&mut self, whole: bool) -> Option<Vec<u8>> {
        let counts = self.left.mark(self.number, self.read, whole);
        let inner = self.inner.remember(whole);
        let is_new = !counts.is_empty() || inner.is_some();
        is_new.then(|| postcard::to_allocvec(&(counts, inner)).expect("numbers and bytes always encode"))
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

    fn read_on(source: &EndingAfter<Uneven>, remembered: &[Vec<u8>]) -> EndingReader<UnevenReader> {
        let remembered = Arc::new(remembered.to_vec());
        source.reader(&false, None, &ReaderContext { remembered, ..ReaderContext::default() }).unwrap()
    }

    fn read_to_end(reader: &mut EndingReader<UnevenReader>) -> usize {
        let mut out = Bundle::default();
        let mut cx = Context::from_waker(Waker::noop());
        while reader.poll_next(&mut cx, &mut out).map(Result::unwrap) == Poll::Ready(Next::More) {}
        out.len()
    }

    #[test]
    fn a_run_that_goes_on_counts_on() {
        let first = Uneven.ending_after(10);
        let (mut a, mut b) = (read_on(&first, &[]), read_on(&first, &[]));
        let mut cx = Context::from_waker(Waker::noop());
        let mut log = Vec::new();
        for mine in [true, false, true] {
            let reader = if mine { &mut a } else { &mut b };
            assert!(reader.poll_next(&mut cx, &mut Bundle::default()).is_ready());
            log.extend(reader.remember(false));
        }
        assert_eq!(a.remember(false), None, "nothing is new");
        assert!(
            b.poll_next(&mut cx, &mut Bundle::default()).is_ready(),
            "behind the barrier: it comes again"
        );

        let second = Uneven.ending_after(10);
        let mut c = read_on(&second, &log);
        let whole = c.remember(true).expect("what was read before is remembered on");
        assert_eq!(read_to_end(&mut c), 4);

        let third = Uneven.ending_after(10);
        assert_eq!(read_to_end(&mut read_on(&third, &[whole])), 4);
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
