//! What waits in a step when an epoch of a durable run ends.

use serde::{Deserialize, Serialize};

use crate::element::Wire;
use crate::exec::{StepSaving, decode_record};
use crate::keyed::key_hash;
use crate::{Bundle, Meta, Result};

/// How much of what waits has been written.
#[derive(Debug)]
pub(super) struct Saved {
    worker: usize,
    /// So many of those that came first.
    written: usize,
    /// Others were written, which do not wait any more.
    outdated: bool,
}

#[derive(Serialize, Deserialize)]
enum Record<T> {
    /// All that the worker has written before does not wait any more.
    Nothing {
        worker: usize,
    },
    Element {
        worker: usize,
        value: T,
        meta: Meta,
    },
}

impl Saved {
    pub(super) fn new(worker: usize) -> Self {
        Saved { worker, written: 0, outdated: false }
    }

    /// What waits is not what was written, with more behind it.
    pub(super) fn changed(&mut self) {
        self.outdated |= self.written > 0;
        self.written = 0;
    }

    /// Writes what is new. It is dealt out to workers anew when it comes back.
    pub(super) fn save<T: Wire>(&mut self, held: &Bundle<T>, saving: &mut StepSaving<'_>) -> Result<()> {
        if saving.whole() {
            self.written = 0;
        } else if self.outdated {
            // Its elements may be with any worker when they come back.
            saving.put_for_all(&Record::<&T>::Nothing { worker: self.worker })?;
        }
        self.outdated = false;
        let new = self.written..held.len();
        self.written = held.len();
        for at in new {
            let element =
                Record::Element { worker: self.worker, value: &held.values[at], meta: held.meta(at) };
            saving.put(key_hash(&(self.worker, at)), &element)?;
        }
        Ok(())
    }
}

/// What waited, in the order in which it came.
pub(super) fn restored<T: Wire>(records: Vec<Vec<u8>>) -> Result<Bundle<T>> {
    let mut held: Vec<(usize, T, Meta)> = Vec::new();
    for record in records {
        match decode_record(&record)? {
            Record::Nothing { worker } => held.retain(|(writer, ..)| *writer != worker),
            Record::Element { worker, value, meta } => held.push((worker, value, meta)),
        }
    }
    Ok(held.into_iter().map(|(_, value, meta)| (value, meta)).collect())
}
