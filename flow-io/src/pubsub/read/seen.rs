//! Which messages have been seen: those in the pipeline, and those that left it lately.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

use flow_core::Timestamp;
use foldhash::fast::FixedState;

use crate::pubsub::clock::since;

/// What tells a message from others, in 128 bits.
pub(super) type Identity = u128;

/// The ids of the service are numbers below 2^64, and stand for themselves.
pub(super) fn identity_of_id(id: &str) -> Identity {
    match id.parse::<u64>() {
        Ok(number) if !id.starts_with(['0', '+']) => Identity::from(number),
        _ => hashed(0, id),
    }
}

/// The value of an attribute is anybody's to choose, a number too.
pub(super) fn identity_of_attribute(value: &str) -> Identity {
    hashed(1, value)
}

/// A hash that nobody finds two texts for by trying, and that is no number of the service.
fn hashed(kind: u8, text: &str) -> Identity {
    let half = |side: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write(&[kind, side]);
        hasher.write(text.as_bytes());
        hasher.finish()
    };
    (Identity::from(half(0) | 1 << 63) << 64) | Identity::from(half(1))
}

/// Generations of ids that have left: the newest is first, and the oldest is forgotten as a whole.
const GENERATIONS: usize = 3;

/// How many ids a generation takes before the next begins, however young it is: 70 MB.
const GENERATION: usize = 3_000_000;

/// The messages that have been seen, and the further deliveries `D` of those in the pipeline.
#[derive(Debug)]
pub(super) struct Seen<D> {
    horizon: Duration,
    pipeline: HashMap<Identity, Vec<D>, FixedState>,
    left: VecDeque<Generation>,
}

#[derive(Debug)]
struct Generation {
    since: Timestamp,
    ids: HashSet<Identity, FixedState>,
}

/// What a delivery is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Met<D> {
    /// Of a message that has not been seen.
    New(D),
    /// Of one that is in the pipeline; the delivery is kept until the message leaves.
    InPipeline,
    /// Of one that has left it.
    Left(D),
}

impl<D> Seen<D> {
    pub(super) fn new(horizon: Duration) -> Self {
        Seen { horizon, pipeline: HashMap::default(), left: VecDeque::new() }
    }

    /// Takes in a delivery; a new message is in the pipeline from now on.
    pub(super) fn meet(&mut self, id: Identity, delivery: D) -> Met<D> {
        if let Some(again) = self.pipeline.get_mut(&id) {
            again.push(delivery);
            return Met::InPipeline;
        }
        if self.left.iter().any(|generation| generation.ids.contains(&id)) {
            return Met::Left(delivery);
        }
        self.pipeline.insert(id, Vec::new());
        Met::New(delivery)
    }

    /// The message is in the sinks: gives back its further deliveries.
    pub(super) fn leave(&mut self, id: Identity, now: Timestamp) -> Vec<D> {
        let again = self.pipeline.remove(&id).unwrap_or_default();
        self.turn(now);
        if let Some(newest) = self.left.front_mut() {
            newest.ids.insert(id);
        }
        again
    }

    /// Messages that an earlier process had: they are in what it kept, and are as good as in the sinks. Their
    /// acknowledgements may be lost, however long ago that was: they are remembered from now on.
    pub(super) fn restore(&mut self, ids: impl IntoIterator<Item = Identity>, now: Timestamp) {
        for id in ids {
            self.turn(now);
            if let Some(newest) = self.left.front_mut() {
                newest.ids.insert(id);
            }
        }
    }

    /// The ids of messages that left lately and belong to one of so many shares.
    pub(super) fn left(&self, share: u32, shares: u32) -> impl Iterator<Item = Identity> {
        let ids = self.left.iter().rev().flat_map(|generation| &generation.ids).copied();
        ids.filter(move |id| id % Identity::from(shares.max(1)) == Identity::from(share))
    }

    /// The message was given up, and is as good as never seen.
    pub(super) fn forget(&mut self, id: Identity) -> Vec<D> {
        self.pipeline.remove(&id).unwrap_or_default()
    }

    /// Begins a generation when the newest is old or full: an id is remembered for at least the horizon, and at most for
    /// half as long again.
    fn turn(&mut self, now: Timestamp) {
        let is_young = |newest: &Generation| {
            since(newest.since, now) < self.horizon / 2 && newest.ids.len() < GENERATION
        };
        if !self.left.front().is_some_and(is_young) {
            self.left.push_front(Generation { since: now, ids: HashSet::default() });
            self.left.truncate(GENERATIONS);
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
    fn a_message_is_new_then_in_the_pipeline_then_left() {
        let mut seen = Seen::new(Duration::from_secs(10));
        assert_eq!(seen.meet(1, "a"), Met::New("a"));
        assert_eq!(seen.meet(1, "b"), Met::InPipeline);
        assert_eq!(seen.meet(1, "c"), Met::InPipeline);
        assert_eq!(seen.leave(1, at(0)), ["b", "c"]);
        assert_eq!(seen.meet(1, "d"), Met::Left("d"));
    }

    #[test]
    fn what_was_given_up_is_new_again() {
        let mut seen = Seen::new(Duration::from_secs(10));
        assert_eq!(seen.meet(1, "a"), Met::New("a"));
        assert_eq!(seen.meet(1, "b"), Met::InPipeline);
        assert_eq!(seen.forget(1), ["b"]);
        assert_eq!(seen.meet(1, "c"), Met::New("c"));
    }

    #[test]
    fn an_id_is_remembered_for_the_horizon_and_at_most_for_half_as_long_again() {
        let mut seen = Seen::new(Duration::from_secs(10));
        let mut other = 1_000;
        for born in 0..5 {
            let mut seen_at = |second: i64, seen: &mut Seen<()>| {
                other += 1;
                seen.meet(other, ());
                seen.leave(other, at(second));
            };
            let id = Identity::from(born as u32);
            let start = i64::from(born) * 100;
            for second in 0..born {
                seen_at(start + i64::from(second), &mut seen);
            }
            seen.meet(id, ());
            seen.leave(id, at(start + i64::from(born)));
            for second in born..=born + 10 {
                seen_at(start + i64::from(second), &mut seen);
                assert_eq!(seen.meet(id, ()), Met::Left(()), "born at {born}, asked at {second}");
            }
            for second in born + 11..=born + 16 {
                seen_at(start + i64::from(second), &mut seen);
            }
            assert_eq!(seen.meet(id, ()), Met::New(()), "born at {born}");
        }
    }

    #[test]
    fn what_an_earlier_process_had_has_left() {
        let mut seen = Seen::new(Duration::from_secs(10));
        seen.restore([1, 2], at(0));
        assert_eq!(seen.meet(1, "a"), Met::Left("a"));
        assert_eq!(seen.meet(3, "b"), Met::New("b"));
        assert!(seen.leave(3, at(0)).is_empty());
        let share = |share| {
            let mut ids: Vec<Identity> = seen.left(share, 2).collect();
            ids.sort_unstable();
            ids
        };
        assert_eq!((share(0), share(1)), (vec![2], vec![1, 3]));
    }

    #[test]
    fn identities_of_numbers_and_of_texts_do_not_meet() {
        assert_eq!(identity_of_id("17"), 17);
        assert_ne!(identity_of_id("017"), 17);
        assert_ne!(identity_of_attribute("17"), 17);
        assert_ne!(identity_of_id("x"), identity_of_attribute("x"));
        assert!(identity_of_attribute("17") > Identity::from(u64::MAX));
    }
}
