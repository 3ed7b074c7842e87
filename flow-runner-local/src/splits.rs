//! The splits of a bounded source, as workers take them, give them away and wait for them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use flow_core::Timestamp;

/// Splits of one source, shared by the workers.
#[derive(Debug, Default)]
pub(crate) struct Splits {
    state: Mutex<State>,
    /// Somebody waits, and nothing is there to take.
    wanted: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// Those that no worker has taken yet, each with a moment before which it holds nothing.
    left: VecDeque<(Vec<u8>, Timestamp)>,
    workers: Vec<Worker>,
}

#[derive(Debug, Default)]
struct Worker {
    /// How far the split is that it reads.
    reading: Option<Timestamp>,
    waker: Option<Waker>,
    is_waiting: bool,
}

/// What a worker that has nothing to read is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Take {
    /// Read this.
    Split(Vec<u8>),
    /// Wait to be woken: others are reading, and may give a part away.
    Wait,
    /// Everything has been read.
    End,
}

impl Splits {
    /// All of a source, for so many workers.
    pub(crate) fn new(splits: Vec<Vec<u8>>, workers: usize) -> Arc<Self> {
        let left = splits.into_iter().map(|split| (split, Timestamp::MIN)).collect();
        let workers = (0..workers).map(|_| Worker::default()).collect();
        Arc::new(Splits { state: Mutex::new(State { left, workers }), wanted: AtomicBool::new(false) })
    }

    /// All that nobody has taken, for those who read them at once.
    pub(crate) fn all(&self) -> Vec<Vec<u8>> {
        self.lock().left.iter().map(|(split, _)| split.clone()).collect()
    }

    /// A worker has read what it had, and asks for more.
    pub(crate) fn take(&self, worker: usize, waker: &Waker) -> Take {
        let mut state = self.lock();
        let was_waiting = std::mem::take(&mut state.workers[worker].is_waiting);
        state.workers[worker].reading = None;
        state.workers[worker].waker = Some(waker.clone());
        let taken = match state.left.pop_front() {
            Some((split, from)) => {
                state.workers[worker].reading = Some(from);
                Take::Split(split)
            }
            None if state.workers.iter().all(|other| other.reading.is_none()) => {
                state.wake_others(worker);
                Take::End
            }
            None => {
                state.workers[worker].is_waiting = true;
                if !was_waiting {
                    state.wake_others(worker); // who waits for the outside has time to give a part away
                }
                Take::Wait
            }
        };
        self.note_wanted(&state);
        taken
    }

    /// Whether somebody waits for a part of what others read.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(SeqCst)
    }

    /// Gives away a split, which holds nothing before a moment.
    pub(crate) fn give(&self, split: Vec<u8>, from: Timestamp) {
        let mut state = self.lock();
        state.left.push_back((split, from));
        state.workers.iter().filter(|worker| worker.is_waiting).for_each(Worker::wake);
        self.note_wanted(&state);
    }

    /// How far all workers are, now that one is as far as it says: unknown while splits are left, which may hold
    /// anything.
    pub(crate) fn watermark(&self, worker: usize, own: Option<Timestamp>) -> Option<Timestamp> {
        let mut state = self.lock();
        if let (Some(reading), Some(own)) = (&mut state.workers[worker].reading, own) {
            *reading = own.max(*reading);
        }
        if !state.left.is_empty() {
            return None;
        }
        state.workers.iter().filter_map(|worker| worker.reading).min()
    }

    fn note_wanted(&self, state: &State) {
        let waits = state.workers.iter().any(|worker| worker.is_waiting);
        self.wanted.store(waits && state.left.is_empty(), SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake_others(&self, worker: usize) {
        let others = self.workers.iter().enumerate().filter(|(at, _)| *at != worker);
        others.for_each(|(_, other)| other.wake());
    }
}

impl Worker {
    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    #[test]
    fn who_finds_nothing_waits_while_others_read_and_ends_with_the_last() {
        let splits = Splits::new(vec![vec![1]], 2);
        let waker = Waker::noop();
        assert_eq!(splits.take(0, waker), Take::Split(vec![1]));
        assert_eq!(splits.take(1, waker), Take::Wait);
        assert!(splits.is_wanted());
        splits.give(vec![2], at(5));
        assert!(!splits.is_wanted());
        assert_eq!(splits.take(1, waker), Take::Split(vec![2]));
        assert_eq!(splits.take(0, waker), Take::Wait);
        assert_eq!(splits.take(1, waker), Take::End);
        assert_eq!(splits.take(0, waker), Take::End);
    }

    #[test]
    fn what_is_given_away_holds_the_watermark_of_all() {
        let splits = Splits::new(vec![vec![1]], 2);
        let waker = Waker::noop();
        splits.take(0, waker);
        splits.take(1, waker);
        assert_eq!(splits.watermark(0, Some(at(5))), Some(at(5)));
        assert_eq!(splits.watermark(1, None), Some(at(5)));
        splits.give(vec![2], at(5));
        assert_eq!(splits.watermark(0, Some(at(9))), None);
        splits.take(1, waker);
        assert_eq!(splits.watermark(0, Some(at(9))), Some(at(5)));
        assert_eq!(splits.watermark(1, Some(at(2))), Some(at(5)));
        assert_eq!(splits.watermark(1, Some(at(7))), Some(at(7)));
    }
}
