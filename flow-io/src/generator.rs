//! Made-up data, at a chosen rate.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use flow_core::source::{Next, Reader, ReaderContext, Source};
use flow_core::{Bundle, Element, Error, Meta, Result, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, Sleep};

/// A source of made-up elements: element `i` depends on `i` and the seed alone, so that every run makes the same ones,
/// however many workers make them and wherever it is resumed.
///
/// ```
/// use std::time::Duration;
/// use flow_io::Generator;
/// // 1,000 a second for a minute: exactly 60,000.
/// let clicks = Generator::of(|i, seed| (i ^ seed) % 500).seed(7).rate(1_000).during(Duration::from_secs(60));
/// ```
pub struct Generator<T> {
    make: Arc<dyn Fn(u64, u64) -> T + Send + Sync>,
    seed: u64,
    count: Option<u64>,
    rate: Option<u64>,
    during: Option<Duration>,
    time: Option<EventTime<T>>,
    watermark: Option<Bound>,
}

type EventTime<T> = Arc<dyn Fn(u64, &T) -> Timestamp + Send + Sync>;

/// What bounds the event times to come.
#[derive(Clone)]
enum Bound {
    /// The latest event time so far, less the disorder.
    Disorder(Duration),
    /// A function of the next index.
    Index(Arc<dyn Fn(u64) -> Timestamp + Send + Sync>),
}

impl<T> Clone for Generator<T> {
    fn clone(&self) -> Self {
        Generator {
            make: Arc::clone(&self.make),
            time: self.time.clone(),
            watermark: self.watermark.clone(),
            ..*self
        }
    }
}

impl<T> fmt::Debug for Generator<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Generator");
        debug.field("seed", &self.seed).field("count", &self.count).field("rate", &self.rate);
        debug.finish_non_exhaustive()
    }
}

impl<T: Element> Generator<T> {
    /// Makes element `i`, from 0, out of `i` and the seed; without end and as fast as it can, unless told otherwise.
    pub fn of(make: impl Fn(u64, u64) -> T + Send + Sync + 'static) -> Self {
        Generator {
            make: Arc::new(make),
            seed: 0,
            count: None,
            rate: None,
            during: None,
            time: None,
            watermark: None,
        }
    }

    /// Other elements of the same kind; 0 unless set.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Ends after this many elements.
    pub fn count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// Makes element `i` when `i / per_second` seconds have passed.
    pub fn rate(mut self, per_second: u64) -> Self {
        self.rate = Some(per_second);
        self
    }

    /// Ends after as many elements as the rate gives in this time.
    ///
    /// # Errors
    /// The run fails if no [`rate`](Generator::rate) is set.
    pub fn during(mut self, time: Duration) -> Self {
        self.during = Some(time);
        self
    }

    /// Gives the elements event times, from the index and the element.
    ///
    /// The watermark follows the latest of them, so that they should not go back; see
    /// [`out_of_orderness`](Generator::out_of_orderness).
    pub fn timestamps(mut self, time: impl Fn(u64, &T) -> Timestamp + Send + Sync + 'static) -> Self {
        self.time = Some(Arc::new(time));
        self
    }

    /// Keeps the watermark this far behind the latest event time.
    pub fn out_of_orderness(mut self, disorder: Duration) -> Self {
        self.watermark = Some(Bound::Disorder(disorder));
        self
    }

    /// Derives the watermark from the index of the next element: no element from there on has an earlier event
    /// time.
    pub fn watermark(mut self, bound: impl Fn(u64) -> Timestamp + Send + Sync + 'static) -> Self {
        self.watermark = Some(Bound::Index(Arc::new(bound)));
        self
    }

    /// How many elements there are, if they end.
    fn total(&self) -> Result<Option<u64>> {
        let by_time = match (self.during, self.rate) {
            (None, _) => None,
            (Some(_), None) => {
                return Err(Error::config("a generator that runs for a time needs a rate: set `.rate(n)`"));
            }
            (Some(time), Some(rate)) => {
                Some((time.as_nanos() * u128::from(rate) / NANOS).try_into().unwrap_or(u64::MAX))
            }
        };
        Ok(self.count.into_iter().chain(by_time).min())
    }
}

const NANOS: u128 = 1_000_000_000;

/// Every `step`th element from `first` on, before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeneratorSplit {
    /// The first index.
    pub first: u64,
    /// From one index to the next.
    pub step: u64,
    /// Behind the last index.
    pub end: u64,
}

impl<T: Element> Source for Generator<T> {
    type Item = T;
    type Split = GeneratorSplit;
    type Position = u64;
    type Reader = GeneratorReader<T>;

    fn is_bounded(&self) -> bool {
        self.count.is_some() || self.during.is_some()
    }

    /// A rate is that of all splits together, and so is a watermark: each split would start it over.
    fn reads_splits_at_once(&self) -> bool {
        !self.is_bounded() || self.rate.is_some() || self.time.is_some() || self.watermark.is_some()
    }

    fn splits(&self, desired: usize) -> Result<Vec<GeneratorSplit>> {
        if self.rate == Some(0) {
            return Err(Error::config("a generator's rate must be at least 1 a second"));
        }
        let end = self.total()?.unwrap_or(u64::MAX);
        let step = desired.max(1) as u64;
        Ok((0..step).map(|first| GeneratorSplit { first, step, end }).collect())
    }

    fn reader(
        &self,
        split: &GeneratorSplit,
        from: Option<u64>,
        _: &ReaderContext,
    ) -> Result<GeneratorReader<T>> {
        let next = from.unwrap_or(split.first);
        Ok(GeneratorReader {
            generator: self.clone(),
            split: *split,
            next,
            pace: self.rate.map(|rate| Pace { rate, origin: next - split.first, start: None, sleep: None }),
            latest: Timestamp::MIN,
        })
    }

    fn describe(&self) -> String {
        match self.rate {
            Some(rate) => format!("generator, {rate} a second"),
            None => "generator".to_owned(),
        }
    }
}

/// Makes one split of a [`Generator`]'s elements.
pub struct GeneratorReader<T> {
    generator: Generator<T>,
    split: GeneratorSplit,
    next: u64,
    pace: Option<Pace>,
    /// The latest event time so far.
    latest: Timestamp,
}

impl<T> fmt::Debug for GeneratorReader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("GeneratorReader");
        debug.field("split", &self.split).field("next", &self.next).finish_non_exhaustive()
    }
}

/// When elements are due.
struct Pace {
    rate: u64,
    /// The index that is due at the start: not 0 when reading goes on from a position.
    origin: u64,
    /// When reading began.
    start: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    /// How many elements, of all splits, are due; always after the element before it.
    fn due(&mut self) -> u64 {
        let now = Instant::now();
        let passed = now - *self.start.get_or_insert(now);
        let due = passed.as_nanos() * u128::from(self.rate) / NANOS + 1;
        self.origin.saturating_add(due.try_into().unwrap_or(u64::MAX))
    }

    /// Waits until an element is due.
    fn poll_wait(&mut self, index: u64, cx: &mut Context<'_>) -> Poll<()> {
        let after = (u128::from(index - self.origin) * NANOS).div_ceil(u128::from(self.rate));
        let after = Duration::from_nanos(after.try_into().unwrap_or(u64::MAX));
        let start = self.start.expect("asked what is due before waiting");
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(start + after)));
        ready!(sleep.as_mut().poll(cx));
        self.sleep = None;
        Poll::Ready(())
    }
}

impl<T: Element> GeneratorReader<T> {
    /// Appends the elements before `end`, as far as the bundle takes them.
    fn make(&mut self, end: u64, out: &mut Bundle<T>) {
        let Generator { make, time, seed, .. } = &self.generator;
        while self.next < end && !out.is_full() {
            let value = make(self.next, *seed);
            let mut meta = Meta::default();
            if let Some(time) = time {
                meta.time = time(self.next, &value);
                self.latest = self.latest.max(meta.time);
            }
            out.push(value, meta);
            self.next = self.next.saturating_add(self.split.step);
        }
    }
}

impl<T: Element> Reader for GeneratorReader<T> {
    type Item = T;
    type Position = u64;

    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Bundle<T>) -> Poll<Result<Next>> {
        let end = self.split.end;
        let Some(mut pace) = self.pace.take() else {
            self.make(end, out);
            return Poll::Ready(Ok(if self.next < end { Next::More } else { Next::End }));
        };
        let polled = loop {
            let before = out.len();
            self.make(end.min(pace.due()), out);
            if self.next >= end {
                break Poll::Ready(Ok(Next::End));
            }
            if out.len() > before || out.is_full() {
                break Poll::Ready(Ok(Next::More));
            }
            if pace.poll_wait(self.next, cx).is_pending() {
                break Poll::Pending;
            }
        };
        self.pace = Some(pace);
        polled
    }

    fn watermark(&self) -> Timestamp {
        if self.next >= self.split.end {
            return Timestamp::MAX;
        }
        match &self.generator.watermark {
            None => self.latest,
            Some(Bound::Disorder(disorder)) => self.latest - *disorder,
            Some(Bound::Index(bound)) => bound(self.next),
        }
    }

    fn position(&self) -> u64 {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::task::Waker;

    fn numbers() -> Generator<u64> {
        Generator::of(|i, seed| i + seed)
    }

    /// Everything that a reader makes without waiting.
    fn rest(reader: &mut GeneratorReader<u64>) -> Vec<u64> {
        let (mut out, mut all) = (Bundle::default(), Vec::new());
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(next) = reader.poll_next(&mut cx, &mut out) {
            all.append(&mut out.values);
            if next.unwrap() == Next::End {
                break;
            }
        }
        all
    }

    #[test]
    fn splits_make_each_element_once() {
        let source = numbers().seed(100).count(10);
        let splits = source.splits(3).unwrap();
        let made: Vec<_> = splits
            .iter()
            .map(|split| rest(&mut source.reader(split, None, &ReaderContext::default()).unwrap()))
            .collect();
        assert_eq!(made, [vec![100, 103, 106, 109], vec![101, 104, 107], vec![102, 105, 108]]);
    }

    #[test]
    fn a_resumed_reader_makes_what_follows() {
        let source = numbers().count(5_000);
        let split = source.splits(1).unwrap()[0];
        let mut reader = source.reader(&split, None, &ReaderContext::default()).unwrap();
        let mut out = Bundle::default();
        let _ = reader.poll_next(&mut Context::from_waker(Waker::noop()), &mut out);
        let resumed = &mut source.reader(&split, Some(reader.position()), &ReaderContext::default()).unwrap();
        assert!(!out.is_empty() && out.len() < 5_000);
        assert_eq!([out.values, rest(resumed)].concat(), (0..5_000).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn rate_times_duration_elements_come_when_they_are_due() {
        let source = numbers().rate(1_000).during(Duration::from_millis(2_500));
        let mut reader =
            source.reader(&source.splits(1).unwrap()[0], None, &ReaderContext::default()).unwrap();
        let (start, mut out, mut made) = (Instant::now(), Bundle::default(), 0);
        loop {
            let next = poll_fn(|cx| reader.poll_next(cx, &mut out)).await.unwrap();
            for i in out.values.drain(..) {
                assert_eq!(i, made);
                assert!(start.elapsed() >= Duration::from_millis(i), "element {i} came early");
                made += 1;
            }
            if next == Next::End {
                break;
            }
        }
        assert_eq!(made, 2_500);
        let took = start.elapsed();
        assert!((2_499..2_510).contains(&took.as_millis()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_resumed_reader_does_not_wait_for_what_was_made_before() {
        let source = numbers().rate(10).count(1_000);
        let split = source.splits(1).unwrap()[0];
        let mut reader = source.reader(&split, Some(900), &ReaderContext::default()).unwrap();
        let (start, mut out) = (Instant::now(), Bundle::default());
        while out.len() < 2 {
            let _ = poll_fn(|cx| reader.poll_next(cx, &mut out)).await.unwrap();
        }
        assert_eq!(out.values, [900, 901]);
        assert!((100..110).contains(&start.elapsed().as_millis()));
    }

    #[test]
    fn the_watermark_follows_the_event_times_and_ends_at_infinity() {
        let seconds = |i: u64, _: &u64| Timestamp::from_secs(i as i64);
        let source = numbers().count(3_000).timestamps(seconds).out_of_orderness(Duration::from_secs(5));
        let mut reader =
            source.reader(&source.splits(1).unwrap()[0], None, &ReaderContext::default()).unwrap();
        assert_eq!(reader.watermark(), Timestamp::MIN);
        let mut out = Bundle::default();
        let _ = reader.poll_next(&mut Context::from_waker(Waker::noop()), &mut out);
        let last = out.len() as i64 - 1;
        assert_eq!(out.meta(out.len() - 1).time, Timestamp::from_secs(last));
        assert_eq!(reader.watermark(), Timestamp::from_secs(last - 5));
        rest(&mut reader);
        assert_eq!(reader.watermark(), Timestamp::MAX);

        let source = numbers().watermark(|next| Timestamp::from_secs(next as i64 * 60));
        let reader = source.reader(&source.splits(2).unwrap()[1], None, &ReaderContext::default()).unwrap();
        assert_eq!(reader.watermark(), Timestamp::from_secs(60));
    }

    #[test]
    fn splits_that_share_a_rate_or_a_clock_are_read_at_once() {
        assert!(!numbers().count(10).reads_splits_at_once());
        assert!(numbers().count(10).rate(5).reads_splits_at_once());
        assert!(numbers().count(10).watermark(|_| Timestamp::MIN).reads_splits_at_once());
        assert!(numbers().count(10).timestamps(|_, _| Timestamp::MIN).reads_splits_at_once());
    }

    #[test]
    fn settings_that_make_no_sense_are_told() {
        let error = numbers().during(Duration::from_secs(1)).splits(1).unwrap_err();
        assert!(error.to_string().contains("set `.rate(n)`"));
        assert!(numbers().rate(0).splits(1).unwrap_err().to_string().contains("at least 1 a second"));
    }
}
