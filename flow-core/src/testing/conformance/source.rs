use std::fmt::Debug;
use std::slice;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::reference::Parked;
use crate::source::{Next, Reader, ReaderContext, Source};
use crate::testing::assert::difference;
use crate::{Bundle, Timestamp, Wire};

/// How long a reader may take to wake whoever waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many positions of a source are resumed from.
const RESUMED: usize = 64;

/// Checks the laws of a [`Source`] that can be read again and again, given all that it holds.
///
/// - Every element comes exactly once over all splits, whatever number of splits is asked for.
/// - Splits and positions survive their encoding, and reading on from any position gives exactly the rest. So
///   does the position of a reader that was resumed and has not read.
/// - The watermark never goes back.
/// - A reader that returns [`Poll::Pending`] has appended nothing, and wakes the task within ten seconds.
/// - All positions can be committed, in order.
/// - What a reader of a bounded source gives away with [`Source::split_off`], and what it then still reads, are what was
///   left, each element once; and so with a reader that goes on at its position.
///
/// An unbounded source is read until all elements have come.
///
/// ```
/// use std::task::{Context, Poll};
/// use flow_core::source::{Next, Reader, ReaderContext, Source};
/// use flow_core::{Bundle, Result, testing::conformance};
///
/// /// The numbers below a limit, in splits of their remainders.
/// struct Below(u64);
///
/// impl Source for Below {
///     type Item = u64;
///     type Split = (u64, u64);
///     type Position = u64;
///     type Reader = Counting;
///     fn is_bounded(&self) -> bool { true }
///     fn splits(&self, desired: usize) -> Result<Vec<(u64, u64)>> {
///         Ok((0..desired as u64).map(|first| (first, desired as u64)).collect())
///     }
///     fn reader(&self, (first, step): &(u64, u64), from: Option<u64>, _: &ReaderContext) -> Result<Counting> {
///         Ok(Counting { next: from.unwrap_or(*first), step: *step, limit: self.0 })
///     }
/// }
///
/// struct Counting { next: u64, step: u64, limit: u64 }
///
/// impl Reader for Counting {
///     type Item = u64;
///     type Position = u64;
///     fn poll_next(&mut self, _: &mut Context<'_>, out: &mut Bundle<u64>) -> Poll<Result<Next>> {
///         if self.next >= self.limit { return Poll::Ready(Ok(Next::End)); }
///         out.values.push(self.next);
///         self.next += self.step;
///         Poll::Ready(Ok(Next::More))
///     }
///     fn position(&self) -> u64 { self.next }
/// }
///
/// conformance::source(&Below(10), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
/// ```
#[track_caller]
pub fn source<S>(source: &S, elements: &[S::Item])
where
    S: Source<Item: PartialEq + Debug>,
{
    source_within(PATIENCE, source, elements);
}

#[track_caller]
fn source_within<S>(patience: Duration, source: &S, elements: &[S::Item])
where
    S: Source<Item: PartialEq + Debug>,
{
    let reads = Reads { source, patience };
    for desired in [1, 2, 3, 7] {
        let splits = splits(source, desired);
        let batches = reads.read(&splits, None, elements.len(), false).concat();
        let what = format!("in {} splits ({desired} asked for)", splits.len());
        same(&what, elements, &values(&batches));
    }
    let splits = splits(source, 3);
    let batches = reads.read(&splits, None, elements.len(), false);
    for (split, batches) in splits.iter().zip(batches) {
        resumes(&reads, split, &batches);
        if source.is_bounded() {
            gives_away(&reads, split, &batches);
        }
    }
    reads.read(&splits, None, elements.len(), true);
}

/// What one poll gave, and the position behind it.
type Batch<S> = (Vec<<S as Source>::Item>, <S as Source>::Position);

#[track_caller]
fn splits<S: Source>(source: &S, desired: usize) -> Vec<S::Split> {
    let splits = source.splits(desired).unwrap_or_else(|e| panic!("splits({desired}): {}", e.report()));
    splits.iter().map(|split| encoded("split", split)).collect()
}

/// Reads a split again from the positions that the first reading came by.
#[track_caller]
fn resumes<S>(reads: &Reads<'_, S>, split: &S::Split, batches: &[Batch<S>])
where
    S: Source<Item: PartialEq + Debug>,
{
    let every = batches.len().div_ceil(RESUMED).max(1);
    for at in (0..batches.len()).filter(|at| at % every == 0 || at + 1 == batches.len()) {
        let (position, rest) = (&batches[at].1, values(&batches[at + 1..]));
        let resume = |position: &S::Position| {
            let read = reads.read(slice::from_ref(split), Some(position), rest.len(), false).concat();
            same(&format!("resumed at {position:?} of {split:?}"), &rest, &values(&read));
            read[0].1.clone()
        };
        let before_reading = resume(position);
        resume(&before_reading);
    }
}

/// Has readers of a split give a part away, each behind another number of batches.
#[track_caller]
fn gives_away<S>(reads: &Reads<'_, S>, split: &S::Split, batches: &[Batch<S>])
where
    S: Source<Item: PartialEq + Debug>,
{
    let every = batches.len().div_ceil(RESUMED).max(1);
    for behind in (0..batches.len()).step_by(every) {
        let mut open = Open::new(reads.source, split, None);
        let mut found = reads.some(&mut open, behind);
        let given = if open.ended { None } else { reads.source.split_off(&mut open.reader) };
        let Some(given) = given.map(|given| encoded("split", &given)) else { continue };
        let mut resumed = Open::new(reads.source, split, Some(&open.reader.position()));
        let mut theirs = Open::new(reads.source, &given, None);
        let rest = reads.some(&mut open, usize::MAX);
        let what = format!("resumed behind {behind} batches of {split:?}, of which {given:?} was given away");
        same(&what, &rest, &reads.some(&mut resumed, usize::MAX));
        found.extend(rest);
        found.extend(reads.some(&mut theirs, usize::MAX));
        let what = format!("behind {behind} batches of {split:?}, {given:?} given away");
        same(&what, &values(batches), &found);
    }
}

/// Reads a source.
struct Reads<'a, S> {
    source: &'a S,
    patience: Duration,
}

impl<S: Source> Reads<'_, S> {
    /// The next so many batches of a split, or what is left of it.
    #[track_caller]
    fn some(&self, open: &mut Open<S::Reader>, batches: usize) -> Vec<S::Item> {
        let parked = Arc::new(Parked::here());
        let (mut found, mut read) = (Vec::new(), 0);
        while read < batches && !open.ended {
            match open.poll(&parked) {
                Some(values) => {
                    found.extend(values);
                    read += 1;
                }
                None => assert!(parked.wait_at_most(self.patience), "no reader woke the task"),
            }
        }
        found
    }

    /// All batches of each split, with one without elements in front, for the position there. If the source has no
    /// end, until so many elements have come.
    #[track_caller]
    fn read(
        &self,
        splits: &[S::Split],
        from: Option<&S::Position>,
        total: usize,
        commit: bool,
    ) -> Vec<Vec<Batch<S>>> {
        let parked = Arc::new(Parked::here());
        let mut readers: Vec<_> = splits.iter().map(|split| Open::new(self.source, split, from)).collect();
        let mut batches: Vec<Vec<Batch<S>>> =
            readers.iter().map(|open| vec![(Vec::new(), open.reader.position())]).collect();
        let mut read = 0;
        while readers.iter().any(|open| !open.ended) {
            let mut moved = false;
            for (open, batches) in readers.iter_mut().zip(&mut batches).filter(|(open, _)| !open.ended) {
                let Some(values) = open.poll(&parked) else { continue };
                moved = true;
                read += values.len();
                batches.push((values, open.reader.position()));
                if commit {
                    let committed = parked.block_on(open.reader.commit(open.reader.position()));
                    committed.unwrap_or_else(|e| panic!("a position cannot be committed: {}", e.report()));
                }
            }
            if !moved && !self.source.is_bounded() && read >= total {
                break;
            }
            let goes_on = moved || parked.wait_at_most(self.patience);
            assert!(goes_on, "no reader woke the task within {:?} of `Poll::Pending`", self.patience);
        }
        batches
    }
}

fn values<T: Clone, P>(batches: &[(Vec<T>, P)]) -> Vec<T> {
    batches.iter().flat_map(|(values, _)| values.clone()).collect()
}

#[track_caller]
fn same<T: PartialEq + Debug>(what: &str, expected: &[T], found: &[T]) {
    let (missing, surplus) = difference(expected, found);
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "{what}: missing are {missing:?}, and too much are {surplus:?}"
    );
}

/// A split that is being read.
struct Open<R> {
    split: String,
    reader: R,
    watermark: Timestamp,
    ended: bool,
}

impl<R: Reader> Open<R> {
    #[track_caller]
    fn new<S>(source: &S, split: &S::Split, from: Option<&S::Position>) -> Self
    where
        S: Source<Reader = R>,
    {
        let position = from.map(|position| encoded("position", position));
        let reader = source.reader(split, position, &ReaderContext::default());
        let reader = reader.unwrap_or_else(|e| panic!("no reader of {split:?} at {from:?}: {}", e.report()));
        let watermark = reader.watermark();
        Open { split: format!("{split:?}"), reader, watermark, ended: false }
    }

    #[track_caller]
    fn poll(&mut self, parked: &Arc<Parked>) -> Option<Vec<R::Item>> {
        let waker = Waker::from(Arc::clone(parked));
        let mut bundle = Bundle::default();
        let split = &self.split;
        let next = match self.reader.poll_next(&mut Context::from_waker(&waker), &mut bundle) {
            Poll::Ready(next) => next.unwrap_or_else(|e| panic!("reading {split}: {}", e.report())),
            Poll::Pending => {
                assert!(bundle.is_empty(), "{split} returned `Poll::Pending` and appended elements");
                return None;
            }
        };
        self.ended = next == Next::End;
        let watermark = self.reader.watermark();
        let before = std::mem::replace(&mut self.watermark, watermark);
        assert!(before <= watermark, "the watermark of {split} went back from {before} to {watermark}");
        Some(bundle.values)
    }
}

/// Through its encoding and back.
#[track_caller]
pub(super) fn encoded<T: Wire>(what: &str, value: &T) -> T {
    let bytes = postcard::to_stdvec(value).unwrap_or_else(|e| panic!("a {what} does not encode: {e}"));
    postcard::from_bytes(&bytes).unwrap_or_else(|e| panic!("a {what} does not decode: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Result;

    /// Says that it will wake its reader.
    struct Silent;

    impl Source for Silent {
        type Item = u8;
        type Split = ();
        type Position = ();
        type Reader = Silent;

        fn is_bounded(&self) -> bool {
            true
        }
        fn splits(&self, _: usize) -> Result<Vec<()>> {
            Ok(vec![()])
        }
        fn reader(&self, (): &(), _: Option<()>, _: &ReaderContext) -> Result<Silent> {
            Ok(Silent)
        }
    }

    impl Reader for Silent {
        type Item = u8;
        type Position = ();

        fn poll_next(&mut self, _: &mut Context<'_>, _: &mut Bundle<u8>) -> Poll<Result<Next>> {
            Poll::Pending
        }
        fn position(&self) {}
    }

    #[test]
    #[should_panic(expected = "no reader woke the task within 10ms of `Poll::Pending`")]
    fn a_reader_that_never_wakes_is_told_so() {
        source_within(Duration::from_millis(10), &Silent, &[]);
    }
}
