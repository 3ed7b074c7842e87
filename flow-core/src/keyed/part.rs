use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::splittable::dealt;
use crate::exec::{Epoch, encode_record};
use crate::splittable::Restriction;
use crate::{Meta, Result, Timestamp};

/// Tells the parts of a run apart, on all workers, in the order in which they came to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct PartId {
    pub(super) number: u64,
    pub(super) worker: usize,
}

impl PartId {
    /// Deals the parts out anew in another run.
    pub(super) fn hash(self) -> u64 {
        dealt(&self.number.wrapping_add(self.worker as u64))
    }
}

/// What is left of an element.
pub(super) struct Part<T, R> {
    pub(super) id: PartId,
    pub(super) element: T,
    pub(super) restriction: R,
    pub(super) meta: Meta,
    /// No result before this moment is to come of it.
    pub(super) watermark: Timestamp,
    pub(super) since: Epoch,
    /// It is new or was worked on since it was written.
    pub(super) changed: bool,
    /// The hash of the restriction as it was written last, if it was.
    pub(super) written: Option<u64>,
}

/// What a part holds back, and whether something is written of it.
#[derive(Clone, Copy)]
pub(super) struct Held {
    pub(super) watermark: Timestamp,
    pub(super) since: Epoch,
    pub(super) written: Option<PartId>,
}

/// What is written of a part.
#[derive(Serialize, Deserialize)]
pub(super) enum Left<T> {
    /// The element and its restriction, encoded.
    All(T, Vec<u8>, Meta, Progress),
    /// These are as they were: a place that is watched may have a long list of what was seen there, and nothing new.
    AsBefore(Progress),
}

/// What changes though nothing is read.
#[derive(Serialize, Deserialize)]
pub(super) struct Progress {
    pub(super) watermark: Timestamp,
    /// When it goes on, if it waits.
    pub(super) wake: Option<Timestamp>,
}

/// A part as it comes back.
pub(super) struct Restored<T, R> {
    pub(super) element: T,
    pub(super) restriction: R,
    pub(super) meta: Meta,
    pub(super) progress: Progress,
}

impl<T, R: Restriction> Part<T, R> {
    pub(super) fn holds(&self) -> Held {
        Held { watermark: self.watermark, since: self.since, written: self.written.map(|_| self.id) }
    }

    /// What is to be written of it, which then has not changed any more.
    pub(super) fn save(&mut self, wake: Option<Timestamp>, whole: bool) -> Result<Left<&T>> {
        self.changed = false;
        let progress = Progress { watermark: self.watermark, wake };
        let restriction = encode_record(&self.restriction)?;
        let hash = FixedState::default().hash_one(&restriction);
        if self.written.replace(hash) == Some(hash) && !whole {
            return Ok(Left::AsBefore(progress));
        }
        Ok(Left::All(&self.element, restriction, self.meta, progress))
    }
}
