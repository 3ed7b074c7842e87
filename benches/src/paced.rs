//! A stream that comes at a pace, as from a network.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use flow_core::source::{Next, Reader, ReaderContext, Source};
use flow_core::{Bundle, Meta, Result, Timestamp};

/// 0, 1, 2 and so on, each due at its own moment, which is its event time; what is overdue comes at once.
#[derive(Clone, Debug)]
pub struct Paced {
    /// When the first of them is due.
    pub begin: Timestamp,
    /// How many are due in a second.
    pub rate: u64,
    /// How many there are in all.
    pub count: u64,
    /// How long it sleeps when nothing is due.
    pub pause: Duration,
}

/// Processing time.
#[expect(clippy::disallowed_methods, reason = "the moments at which something is due are real ones")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(since.as_micros() as i64)
}

impl Paced {
    /// When a number is due.
    pub fn due(&self, n: u64) -> Timestamp {
        let micros = u128::from(n) * 1_000_000 / u128::from(self.rate);
        self.begin + Duration::from_micros(micros as u64)
    }
}

impl Source for Paced {
    type Item = u64;
    /// All of it, as from one connection.
    type Split = ();
    /// The next number.
    type Position = u64;
    type Reader = PacedReader;

    fn is_bounded(&self) -> bool {
        false
    }

    fn splits(&self, _: usize) -> Result<Vec<()>> {
        Ok(vec![()])
    }

    fn reader(&self, (): &(), from: Option<u64>, _: &ReaderContext) -> Result<PacedReader> {
        Ok(PacedReader { of: self.clone(), next: from.unwrap_or(0), alarm: Alarm::every(self.pause) })
    }
}

/// Reads [`Paced`].
#[derive(Debug)]
pub struct PacedReader {
    of: Paced,
    next: u64,
    alarm: Arc<Alarm>,
}

impl Reader for PacedReader {
    type Item = u64;
    type Position = u64;

    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Bundle<u64>) -> Poll<Result<Next>> {
        let now = now();
        while self.next < self.of.count && !out.is_full() {
            let due = self.of.due(self.next);
            if due > now {
                break;
            }
            out.push(self.next, Meta { time: due, ..Meta::default() });
            self.next += 1;
        }
        if self.next >= self.of.count {
            return Poll::Ready(Ok(Next::End));
        }
        if out.is_empty() {
            self.alarm.ring(cx.waker());
            return Poll::Pending;
        }
        Poll::Ready(Ok(Next::More))
    }

    fn watermark(&self) -> Timestamp {
        self.of.due(self.next)
    }

    fn position(&self) -> u64 {
        self.next
    }
}

/// Wakes who asked for it, a moment later: the timers of tokio are no finer than a millisecond.
#[derive(Debug, Default)]
struct Alarm(Mutex<Option<Waker>>);

impl Alarm {
    #[expect(clippy::disallowed_methods, reason = "no thread of the runner's could be as punctual")]
    fn every(pause: Duration) -> Arc<Alarm> {
        let alarm = Arc::new(Alarm::default());
        let weak = Arc::downgrade(&alarm);
        std::thread::spawn(move || Alarm::ring_on(&weak, pause));
        alarm
    }

    #[expect(clippy::disallowed_methods, reason = "a thread of its own, which does nothing else")]
    fn ring_on(alarm: &Weak<Alarm>, pause: Duration) {
        while let Some(alarm) = alarm.upgrade() {
            if let Some(waker) = alarm.armed().take() {
                waker.wake();
            }
            drop(alarm);
            std::thread::sleep(pause);
        }
    }

    fn armed(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self, waker: &Waker) {
        *self.armed() = Some(waker.clone());
    }
}
