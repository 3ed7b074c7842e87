//! How soon after its publication a user is in the table.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::sink::{Commit, Committed, Delivery, Rejects, Writer, WriterContext};
use flow_core::{Bundle, Result};
use serde::{Deserialize, Serialize};

/// Measures the time from publication to commit: when the sink has said that an epoch's rows are visible, each row
/// counts with the time that has passed since its message was published. What was delivered again counts from its first
/// publication, so that outages are in it. Clones measure together.
#[derive(Clone, Debug)]
pub struct Freshness {
    times: Arc<Mutex<Histogram>>,
    now: fn() -> Timestamp,
}

impl Freshness {
    /// Nothing measured yet; `now` is the clock that messages are published by.
    pub fn new(now: fn() -> Timestamp) -> Self {
        Freshness { times: Arc::default(), now }
    }

    /// By the system's clock. Publication is by the clock of the service, so that times are as true as the two agree.
    pub fn by_system_clock() -> Self {
        Self::new(|| Timestamp::from_micros(jiff::Timestamp::now().as_microsecond()))
    }

    /// What was measured so far, in milliseconds.
    pub fn millis(&self) -> Histogram {
        self.lock().clone()
    }

    /// A sink whose elements are measured: `published` says since when.
    pub fn of<T: Element, S: Sink<T>>(
        &self,
        sink: S,
        published: fn(&T) -> Option<Timestamp>,
    ) -> Measured<T, S> {
        Measured { sink, published, freshness: self.clone() }
    }

    fn committed(&self, epoch: &[Published]) {
        let now = (self.now)();
        let mut times = self.lock();
        for (published, count) in epoch.iter().flatten() {
            let micros = now.micros().saturating_sub(published.micros());
            times.add(u64::try_from(micros / 1_000).unwrap_or(0), *count);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Histogram> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = self.lock();
        let at = |share| times.quantile(share).map(Duration::from_millis);
        match (at(0.5), at(0.99)) {
            (Some(half), Some(most)) => {
                write!(f, "p50 {half:.2?}, p99 {most:.2?} from publication to commit")
            }
            _ => f.write_str("nothing was measured"),
        }
    }
}

/// How often each value came, to within a thirty-second part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Values below 64 each have a bucket; above, each doubling has 32.
    buckets: Vec<u64>,
    count: u64,
}

impl Histogram {
    const PARTS: u64 = 32;

    /// Adds a value that came so often.
    pub fn add(&mut self, value: u64, times: u64) {
        let bucket = Self::bucket(value);
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += times;
        self.count += times;
    }

    /// How many values came.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// A value that this share of all does not exceed: the greatest of its bucket. None if none came.
    ///
    /// ```
    /// use pipelines::user_registration::Histogram;
    ///
    /// let mut times = Histogram::default();
    /// (1..=100).for_each(|n| times.add(n, 1));
    /// assert_eq!((times.quantile(0.5), times.quantile(0.99)), (Some(50), Some(99)));
    /// ```
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let wanted = ((self.count as f64 * share).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        let at = self.buckets.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        at.map(Self::greatest)
    }

    fn bucket(value: u64) -> usize {
        let doublings = value.checked_ilog2().unwrap_or(0).saturating_sub(Self::PARTS.ilog2());
        (u64::from(doublings) * Self::PARTS + (value >> doublings)) as usize
    }

    fn greatest(bucket: usize) -> u64 {
        let bucket = bucket as u64;
        let doublings = (bucket / Self::PARTS).saturating_sub(1);
        let least = (bucket - doublings * Self::PARTS) << doublings;
        least + ((1 << doublings) - 1)
    }
}

/// A sink whose elements' freshness is measured: made by [`Freshness::of`].
pub struct Measured<T, S> {
    sink: S,
    published: fn(&T) -> Option<Timestamp>,
    freshness: Freshness,
}

impl<T, S: Clone> Clone for Measured<T, S> {
    fn clone(&self) -> Self {
        Measured { sink: self.sink.clone(), published: self.published, freshness: self.freshness.clone() }
    }
}

impl<T, S: fmt::Debug> fmt::Debug for Measured<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Measured").field(&self.sink).finish()
    }
}

/// When an epoch's elements were published, and how many at that time: those of a message come together.
type Published = Vec<(Timestamp, u64)>;

/// What a writer of [`Measured`] prepared.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Token<T> {
    /// The sink's own token.
    Of(T),
    /// When elements were published.
    Published(Published),
}

impl<T: Element, S: Sink<T>> Sink<T> for Measured<T, S> {
    type Writer = MeasuredWriter<T, S::Writer>;
    type Token = Token<S::Token>;

    fn delivery(&self, bounded: bool) -> Delivery {
        self.sink.delivery(bounded)
    }

    fn check(&self) -> impl Future<Output = Result<()>> + Send + 'static {
        self.sink.check()
    }

    fn holds_windows(&self) -> bool {
        self.sink.holds_windows()
    }

    fn open(&self, cx: &WriterContext) -> Result<Self::Writer> {
        let writer = self.sink.open(cx)?;
        Ok(MeasuredWriter { writer, published: self.published, epoch: Vec::new() })
    }

    fn commit(
        &self,
        commit: Commit<Self::Token>,
    ) -> impl Future<Output = Result<Committed<Self::Token>>> + Send + 'static {
        let (commit, published) = divided(commit);
        measured(self.sink.commit(commit), self.freshness.clone(), published)
    }

    /// What was in the last epoch of an earlier process is measured now, unless that came to it: some may count twice.
    fn resume(
        &self,
        commit: Commit<Self::Token>,
    ) -> impl Future<Output = Result<Committed<Self::Token>>> + Send + 'static {
        let (commit, published) = divided(commit);
        measured(self.sink.resume(commit), self.freshness.clone(), published)
    }

    fn describe(&self) -> String {
        self.sink.describe()
    }
}

/// What a sink makes visible, measured when it is.
async fn measured<T>(
    committing: impl Future<Output = Result<Committed<T>>>,
    freshness: Freshness,
    published: Vec<Published>,
) -> Result<Committed<Token<T>>> {
    let Committed { held_since, carried } = committing.await?;
    freshness.committed(&published);
    Ok(Committed { held_since, carried: carried.into_iter().map(Token::Of).collect() })
}

/// The sink's own tokens of a commit, and when its elements were published.
fn divided<T>(commit: Commit<Token<T>>) -> (Commit<T>, Vec<Published>) {
    let Commit { epoch, last, watermark, tokens } = commit;
    let (mut of_sink, mut published) = (Vec::new(), Vec::new());
    for token in tokens {
        match token {
            Token::Of(token) => of_sink.push(token),
            Token::Published(times) => published.push(times),
        }
    }
    (Commit { epoch, last, watermark, tokens: of_sink }, published)
}

/// Writes to a [`Measured`] sink.
pub struct MeasuredWriter<T, W> {
    writer: W,
    published: fn(&T) -> Option<Timestamp>,
    epoch: Published,
}

impl<T, W> fmt::Debug for MeasuredWriter<T, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeasuredWriter").finish_non_exhaustive()
    }
}

impl<T: Element, W: Writer<T>> Writer<T> for MeasuredWriter<T, W> {
    type Token = Token<W::Token>;

    async fn write(&mut self, bundle: &mut Bundle<T>, rejects: &mut Rejects<T>) -> Result<()> {
        for published in bundle.values.iter().filter_map(self.published) {
            match self.epoch.last_mut() {
                Some((last, count)) if *last == published => *count += 1,
                _ => self.epoch.push((published, 1)),
            }
        }
        self.writer.write(bundle, rejects).await
    }

    async fn prepare(
        &mut self,
        epoch: u64,
        watermark: Timestamp,
        rejects: &mut Rejects<T>,
    ) -> Result<Vec<Self::Token>> {
        let prepared = self.writer.prepare(epoch, watermark, rejects).await?;
        let published = std::mem::take(&mut self.epoch);
        Ok(prepared.into_iter().map(Token::Of).chain([Token::Published(published)]).collect())
    }
}

#[cfg(test)]
mod tests {
    use flow_core::testing::{MemorySink, MemorySinks, conformance};
    use proptest::prelude::*;

    use super::*;

    fn ten_o_clock() -> Timestamp {
        Timestamp::from_secs(36_000)
    }

    #[test]
    fn a_measured_sink_is_a_lawful_one() {
        let sinks = MemorySinks::new();
        let mut places = 0..;
        let fresh = || {
            let place = places.next().expect("places enough");
            Freshness::new(ten_o_clock)
                .of(sinks.sink(&format!("{place}")), |n: &u32| Some(Timestamp::from_secs(i64::from(*n))))
        };
        conformance::sink(fresh, &[1, 2, 2, 3], |sink: &Measured<u32, MemorySink<u32>>| sink.sink.values());
    }

    #[test]
    fn the_time_that_has_passed_at_the_commit_counts_for_each_element() {
        let freshness = Freshness::new(ten_o_clock);
        let p = Pipeline::new();
        // Published one second, two seconds and, by a clock that is ahead of ours, no time before; one does not say.
        let seconds = p.create([Some(35_999), Some(35_999), Some(35_998), Some(36_001), None]);
        let at = |second: &Option<i64>| second.map(Timestamp::from_secs);
        seconds.write(freshness.of(MemorySinks::new().sink("users"), at));
        ReferenceRunner::new().run(p).unwrap();
        let mut wanted = Histogram::default();
        wanted.add(1_000, 2);
        wanted.add(2_000, 1);
        wanted.add(0, 1);
        assert_eq!(freshness.millis(), wanted);
        assert_eq!(freshness.to_string(), "p50 1.01s, p99 2.02s from publication to commit");
    }

    #[test]
    fn nothing_measured_is_said() {
        assert_eq!(Freshness::new(ten_o_clock).to_string(), "nothing was measured");
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    proptest! {
        #[test]
        fn a_value_is_told_to_within_a_thirty_second_part(value in any::<u64>()) {
            let mut histogram = Histogram::default();
            histogram.add(value, 1);
            let told = histogram.quantile(0.5).unwrap();
            prop_assert!(told >= value && told - value <= value / 32, "{told}");
        }
    }
}
