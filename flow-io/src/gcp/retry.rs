use std::fmt::Display;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

use super::{Fault, Traffic, plain};

/// How patiently requests are repeated.
///
/// The pause before a repetition begins at a quarter of a second, doubles up to a minute, and has as much again of chance
/// in it; a server that says `Retry-After` is obeyed. Repetitions are at most a fifth of the requests and ten a second
/// on top, lest many waiting requests keep down a server that comes back.
#[derive(Clone, Debug)]
pub struct Retry {
    first: Duration,
    longest: Duration,
    at_most: Option<Duration>,
}

impl Retry {
    /// Until the request succeeds: a server that is away holds the pipeline up, and nothing is lost.
    pub fn without_end() -> Self {
        Retry { first: Duration::from_millis(250), longest: Duration::from_mins(1), at_most: None }
    }

    /// Until a time has passed since the request was first made; then the run fails.
    pub fn for_at_most(time: Duration) -> Self {
        Retry { at_most: Some(time), ..Self::without_end() }
    }

    /// Another least and greatest pause between two attempts.
    #[must_use]
    pub fn pausing(self, first: Duration, longest: Duration) -> Self {
        Retry { first, longest, ..self }
    }

    fn pauses(&self) -> ExponentialBackoff {
        let pauses = ExponentialBuilder::new().with_factor(2.0).with_jitter().without_max_times();
        pauses.with_min_delay(self.first).with_max_delay(self.longest).build()
    }
}

/// How long a denied request is repeated, once one has succeeded: keys may be changing.
const DENIED: Duration = Duration::from_mins(10);

/// A server that asks for more time than this is not believed.
const LONGEST_ASKED: Duration = Duration::from_hours(1);

/// How often a request that keeps failing is told of.
const TELL: Duration = Duration::from_mins(1);

/// Repeats a connector's requests.
#[derive(Clone, Debug)]
pub(crate) struct Retrying {
    retry: Retry,
    traffic: Traffic,
    budget: Arc<Mutex<Budget>>,
}

impl Retrying {
    pub(crate) fn new(retry: &Retry, traffic: Traffic) -> Self {
        Retrying { retry: retry.clone(), traffic, budget: Arc::new(Mutex::new(Budget::new(Instant::now()))) }
    }

    pub(crate) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// The same patience and budget, counted elsewhere.
    pub(crate) fn counted_by(&self, traffic: Traffic) -> Self {
        Retrying { traffic, ..self.clone() }
    }

    /// For a request that its client repeats by itself: begins to count its attempts.
    pub(crate) fn tries(&self) -> Tries {
        Tries::new(self.retry.pauses(), Instant::now())
    }

    /// How long to wait before the next attempt at a request that has failed, if there is one.
    pub(crate) fn again(
        &self,
        tries: &mut Tries,
        what: &str,
        fault: Fault,
        error: &impl Display,
    ) -> Option<Duration> {
        let pause = self.pause(tries, fault)?;
        tries.tell(what, error, pause);
        Some(pause)
    }

    /// Makes a request until it succeeds or there is no hope. What is requested must be harmless to repeat.
    ///
    /// # Errors
    /// The last failure.
    pub(crate) async fn run<R, E: Display, F: Future<Output = Result<R, E>>>(
        &self,
        what: &str,
        meaning: impl Fn(&E) -> Fault,
        mut request: impl FnMut() -> F,
    ) -> Result<R, E> {
        let mut tries = self.tries();
        loop {
            let outcome = {
                let _under_way = self.traffic.begin();
                request().await
            };
            let error = match outcome {
                Ok(result) => {
                    self.succeeded();
                    return Ok(result);
                }
                Err(error) => error,
            };
            let Some(pause) = self.again(&mut tries, what, meaning(&error), &error) else {
                return Err(error);
            };
            tokio::time::sleep(pause).await;
            self.traffic.retries.inc();
        }
    }

    fn succeeded(&self) {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        budget.succeeded();
    }

    /// How long to wait before the next attempt, if there is one.
    fn pause(&self, tries: &mut Tries, fault: Fault) -> Option<Duration> {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let (asked, at_most) = match fault {
            Fault::Passing(asked) => (asked.unwrap_or_default(), self.retry.at_most),
            Fault::Denied if budget.has_succeeded => {
                (Duration::ZERO, Some(self.retry.at_most.unwrap_or(DENIED).min(DENIED)))
            }
            Fault::Denied | Fault::Lasting => return None,
        };
        let pause = tries.pauses.next()?.max(asked.min(LONGEST_ASKED)).max(budget.take(now));
        let waited = now + pause - tries.since;
        at_most.is_none_or(|at_most| waited <= at_most).then_some(pause)
    }
}

/// The attempts at one request.
#[derive(Debug)]
pub(crate) struct Tries {
    pauses: ExponentialBackoff,
    since: Instant,
    attempts: u32,
    told: Option<Instant>,
}

impl Tries {
    fn new(pauses: ExponentialBackoff, now: Instant) -> Self {
        Tries { pauses, since: now, attempts: 0, told: None }
    }

    /// Tells of the second failure in a row, and once a minute from then on: a single one is everyday.
    fn tell(&mut self, what: &str, error: &impl Display, pause: Duration) {
        self.attempts += 1;
        let now = Instant::now();
        if self.attempts < 2 || self.told.is_some_and(|told| now - told < TELL) {
            return;
        }
        self.told = Some(now);
        let failing_for = now - self.since;
        let error = plain(&error.to_string());
        tracing::warn!(attempts = self.attempts, ?failing_for, ?pause, error, "{what} fails; trying again");
    }
}

/// How many repetitions there may be.
#[derive(Debug)]
struct Budget {
    tokens: f64,
    at: Instant,
    has_succeeded: bool,
}

impl Budget {
    const RESERVE: f64 = 100.0;
    const EACH_SECOND: f64 = 10.0;
    const EACH_SUCCESS: f64 = 0.2;

    fn new(now: Instant) -> Self {
        Budget { tokens: Self::RESERVE, at: now, has_succeeded: false }
    }

    fn succeeded(&mut self) {
        self.has_succeeded = true;
        self.tokens = (self.tokens + Self::EACH_SUCCESS).min(Self::RESERVE);
    }

    /// Takes a repetition, and says how long to wait until it is there.
    fn take(&mut self, now: Instant) -> Duration {
        let refilled = now.saturating_duration_since(self.at).as_secs_f64() * Self::EACH_SECOND;
        self.tokens = (self.tokens + refilled).min(Self::RESERVE) - 1.0;
        self.at = now;
        Duration::from_secs_f64((-self.tokens / Self::EACH_SECOND).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use flow_core::metrics::{MetricValue, Metrics};

    use super::*;

    fn retrying(retry: Retry) -> (Retrying, Metrics) {
        let metrics = Metrics::default();
        (Retrying::new(&retry, Traffic::new(&metrics)), metrics)
    }

    /// Fails so often, then succeeds.
    async fn attempts(retrying: &Retrying, failures: u32, fault: Fault) -> (Result<u32, &'static str>, u32) {
        let made = Cell::new(0);
        let request = || {
            made.set(made.get() + 1);
            std::future::ready(if made.get() > failures { Ok(made.get()) } else { Err("no") })
        };
        (retrying.run("a test", |_| fault, request).await, made.get())
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_repeated_until_it_succeeds() {
        let (retrying, metrics) = retrying(Retry::without_end());
        let (outcome, _) = attempts(&retrying, 20, Fault::Passing(None)).await;
        assert_eq!(outcome, Ok(21));
        assert_eq!(metrics.read()["requests"], MetricValue::Counter(21));
        assert_eq!(metrics.read()["retries"], MetricValue::Counter(20));
        assert_eq!(metrics.read()["in_flight"], MetricValue::Gauge(0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_lasts_is_not() {
        let (retrying, _) = retrying(Retry::without_end());
        assert_eq!(attempts(&retrying, 1, Fault::Lasting).await, (Err("no"), 1));
        assert_eq!(attempts(&retrying, 1, Fault::Denied).await, (Err("no"), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_let_in_once_may_try_again() {
        let (retrying, _) = retrying(Retry::without_end());
        attempts(&retrying, 0, Fault::Denied).await.0.unwrap();
        assert_eq!(attempts(&retrying, 3, Fault::Denied).await, (Ok(4), 4));
        let before = Instant::now();
        attempts(&retrying, u32::MAX, Fault::Denied).await.0.unwrap_err();
        assert!(Instant::now() - before <= DENIED);
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_let_in_once_tries_no_longer_than_was_said() {
        let (retrying, _) = retrying(Retry::for_at_most(Duration::from_secs(10)));
        attempts(&retrying, 0, Fault::Denied).await.0.unwrap();
        let before = Instant::now();
        attempts(&retrying, u32::MAX, Fault::Denied).await.0.unwrap_err();
        assert!(Instant::now() - before <= Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_when_it_was_said_to() {
        let (retrying, _) = retrying(Retry::for_at_most(Duration::from_secs(10)));
        let before = Instant::now();
        let (outcome, made) = attempts(&retrying, u32::MAX, Fault::Passing(None)).await;
        assert_eq!(outcome, Err("no"));
        assert!(made >= 4 && Instant::now() - before <= Duration::from_secs(10), "{made}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_is_not_asked_before_it_said() {
        let (retrying, _) = retrying(Retry::without_end());
        let before = Instant::now();
        let asked = Duration::from_secs(77);
        attempts(&retrying, 1, Fault::Passing(Some(asked))).await.0.unwrap();
        assert!(Instant::now() - before >= asked);
    }

    #[test]
    fn repetitions_beyond_the_budget_wait_for_it() {
        let now = Instant::now();
        let mut budget = Budget::new(now);
        let waits: Vec<_> = (0..102).map(|_| budget.take(now)).collect();
        assert!(waits[..100].iter().all(Duration::is_zero));
        assert_eq!(waits[100..], [Duration::from_millis(100), Duration::from_millis(200)]);
        (0..20).for_each(|_| budget.succeeded());
        assert_eq!(budget.take(now), Duration::ZERO);
    }
}
