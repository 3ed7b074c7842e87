//! The splits of a bounded source, as workers take them, give them away and wait for them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use flow_core::Timestamp;
use flow_core::exec::{Epoch, planted};

/// Splits of one source, shared by the workers.
#[derive(Debug, Default)]
pub(crate) struct Splits {
    state: Mutex<State>,
    /// Somebody waits, and nothing is there to take.
    wanted: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// Those that no worker has taken yet.
    left: VecDeque<Part>,
    /// In a durable run: those that were taken lately, with the epoch of the worker that did.
    taken: Option<Vec<(Part, Epoch)>>,
    workers: Vec<Worker>,
}

/// A split that is still to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) split: Vec<u8>,
    /// Where to go on.
    pub(crate) position: Option<Vec<u8>>,
    /// It holds nothing before this moment.
    pub(crate) from: Timestamp,
    /// The epoch of the worker that gave it away: until then that worker's position had it, so that nobody may read it
    /// in an epoch before.
    pub(crate) given: Epoch,
}

impl Part {
    /// One that the source made.
    pub(crate) fn of_source(split: Vec<u8>, position: Option<Vec<u8>>) -> Self {
        Part { split, position, from: Timestamp::MIN, given: 0 }
    }
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
    Split(Part),
    /// Wait to be woken: others are reading, and may give a part away.
    Wait,
    /// Everything has been read.
    End,
}

impl Splits {
    /// All of a source, for so many workers.
    pub(crate) fn new(parts: Vec<Part>, workers: usize, durable: bool) -> Arc<Self> {
        let workers = (0..workers).map(|_| Worker::default()).collect();
        let state = State { left: parts.into(), taken: durable.then(Vec::new), workers };
        Arc::new(Splits { state: Mutex::new(state), wanted: AtomicBool::new(false) })
    }

    /// All that nobody has taken, for those who read them at once.
    pub(crate) fn all(&self) -> Vec<Part> {
        self.lock().left.iter().cloned().collect()
    }

    /// Those that nobody had begun to read when this epoch ended; of splits that are taken one by one. Asked for each
    /// epoch in turn.
    pub(crate) fn unread_at(&self, epoch: Epoch) -> Vec<Part> {
        let mut state = self.lock();
        // Planted: what was taken behind the barrier is in no position of this epoch, and nobody would read it.
        let taken = state.taken.as_mut().filter(|_| !planted("taken-behind-barrier-is-read")).map(|taken| {
            taken.retain(|(_, by)| *by > epoch);
            taken.iter().map(|(part, _)| part.clone()).collect::<Vec<_>>()
        });
        let all = taken.into_iter().flatten().chain(state.left.iter().cloned());
        all.filter(|part| part.given <= epoch).collect()
    }

    /// A worker has read what it had, and asks for more in its epoch.
    pub(crate) fn take(&self, worker: usize, epoch: Epoch, waker: &Waker) -> Take {
        let mut state = self.lock();
        let was_waiting = std::mem::take(&mut state.workers[worker].is_waiting);
        state.workers[worker].reading = None;
        state.workers[worker].waker = Some(waker.clone());
        // Planted: what is read in front of the barrier is in the position of the worker that gave it away, too.
        let is_early = |part: &Part| part.given > epoch && !planted("given-away-is-taken-early");
        let next = state.left.iter().position(|part| !is_early(part));
        let taken = match next.and_then(|at| state.left.remove(at)) {
            Some(part) => {
                state.workers[worker].reading = Some(part.from);
                if let Some(taken) = &mut state.taken {
                    taken.push((part.clone(), epoch));
                }
                Take::Split(part)
            }
            None if state.left.is_empty() && state.workers.iter().all(|other| other.reading.is_none()) => {
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
    pub(crate) fn give(&self, part: Part) {
        let mut state = self.lock();
        state.left.push_back(part);
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

    fn part(split: u8) -> Part {
        Part::of_source(vec![split], None)
    }

    fn given(split: u8, given: Epoch) -> Part {
        Part { from: at(5), given, ..part(split) }
    }

    #[test]
    fn what_is_unread_is_told_as_of_the_end_of_the_epoch() {
        let splits = Splits::new(vec![part(1), part(2), part(3)], 2, true);
        let waker = Waker::noop();
        splits.take(0, 1, waker);
        splits.take(1, 2, waker); // its worker is past the barrier of epoch 1
        splits.give(given(4, 2));
        assert_eq!(splits.unread_at(1), [part(2), part(3)]);
        assert_eq!(splits.unread_at(2), [part(3), given(4, 2)]);
    }

    #[test]
    fn what_was_given_away_behind_a_barrier_is_not_read_in_front_of_it() {
        let splits = Splits::new(vec![part(1)], 2, true);
        let waker = Waker::noop();
        splits.take(0, 2, waker);
        splits.give(given(2, 2));
        assert_eq!(splits.take(1, 1, waker), Take::Wait);
        assert_eq!(splits.take(1, 2, waker), Take::Split(given(2, 2)));
    }

    #[test]
    fn who_finds_nothing_waits_while_others_read_and_ends_with_the_last() {
        let splits = Splits::new(vec![part(1)], 2, false);
        let waker = Waker::noop();
        assert_eq!(splits.take(0, 1, waker), Take::Split(part(1)));
        assert_eq!(splits.take(1, 1, waker), Take::Wait);
        assert!(splits.is_wanted());
        splits.give(given(2, 1));
        assert!(!splits.is_wanted());
        assert_eq!(splits.take(1, 1, waker), Take::Split(given(2, 1)));
        assert_eq!(splits.take(0, 1, waker), Take::Wait);
        assert_eq!(splits.take(1, 1, waker), Take::End);
        assert_eq!(splits.take(0, 1, waker), Take::End);
    }

    #[test]
    fn what_is_given_away_holds_the_watermark_of_all() {
        let splits = Splits::new(vec![part(1)], 2, false);
        let waker = Waker::noop();
        splits.take(0, 1, waker);
        splits.take(1, 1, waker);
        assert_eq!(splits.watermark(0, Some(at(5))), Some(at(5)));
        assert_eq!(splits.watermark(1, None), Some(at(5)));
        splits.give(given(2, 1));
        assert_eq!(splits.watermark(0, Some(at(9))), None);
        splits.take(1, 1, waker);
        assert_eq!(splits.watermark(0, Some(at(9))), Some(at(5)));
        assert_eq!(splits.watermark(1, Some(at(2))), Some(at(5)));
        assert_eq!(splits.watermark(1, Some(at(7))), Some(at(7)));
    }
}
