use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Epoch, StepId};
use crate::{Error, ErrorKind, Result};

/// Where what steps keep is written, so that it outlives the process.
pub trait StateLog {
    /// Appends a record of a step. It comes back to the worker that owns keys of this hash, or without one to all workers.
    fn append(&mut self, step: StepId, hash: Option<u64>, record: &[u8]) -> Result<()>;
}

/// The end of an epoch, for steps that keep something: they write what has changed since the last one, or everything.
pub struct Saving {
    /// The epoch that ends.
    pub epoch: Epoch,
    /// Everything is to be written, and earlier records do not count any more.
    pub whole: bool,
    log: Box<dyn StateLog>,
    buffer: Vec<u8>,
}

impl Debug for Saving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Saving")
            .field("epoch", &self.epoch)
            .field("whole", &self.whole)
            .finish_non_exhaustive()
    }
}

impl Saving {
    /// Into a log.
    pub fn new(epoch: Epoch, whole: bool, log: Box<dyn StateLog>) -> Self {
        Saving { epoch, whole, log, buffer: Vec::new() }
    }

    /// For one step.
    pub(crate) fn of_step(&mut self, step: StepId) -> StepSaving<'_> {
        StepSaving { step, saving: self }
    }
}

/// What one step writes at the end of an epoch.
#[derive(Debug)]
pub(crate) struct StepSaving<'a> {
    step: StepId,
    saving: &'a mut Saving,
}

impl StepSaving<'_> {
    /// Whether everything is to be written.
    pub(crate) fn whole(&self) -> bool {
        self.saving.whole
    }

    /// Writes a record; by its hash it comes back to the worker that owns keys of that hash.
    pub(crate) fn put(&mut self, hash: u64, record: &impl Serialize) -> Result<()> {
        self.append(Some(hash), record)
    }

    /// Writes a record that comes back to all workers.
    pub(crate) fn put_for_all(&mut self, record: &impl Serialize) -> Result<()> {
        self.append(None, record)
    }

    fn append(&mut self, hash: Option<u64>, record: &impl Serialize) -> Result<()> {
        let Saving { log, buffer, .. } = &mut *self.saving;
        buffer.clear();
        *buffer = encode_into(record, std::mem::take(buffer))?;
        log.append(self.step, hash, buffer)
    }
}

/// A record, or a part of one, in bytes.
pub(crate) fn encode_record(record: &impl Serialize) -> Result<Vec<u8>> {
    encode_into(record, Vec::new())
}

fn encode_into(record: &impl Serialize, buffer: Vec<u8>) -> Result<Vec<u8>> {
    postcard::to_extend(record, buffer)
        .map_err(|cause| Error::new(ErrorKind::State, "what the step keeps does not encode").caused_by(cause))
}

/// Reads a record again.
pub(crate) fn decode_record<T: DeserializeOwned>(record: &[u8]) -> Result<T> {
    match decode_first(record)? {
        (value, []) => Ok(value),
        _ => Err(undecodable()),
    }
}

/// Reads the first of several values; what is left.
pub(crate) fn decode_first<T: DeserializeOwned>(record: &[u8]) -> Result<(T, &[u8])> {
    postcard::take_from_bytes(record).map_err(|cause| undecodable().caused_by(cause))
}

fn undecodable() -> Error {
    let message = "what it kept does not decode: its types are not those that it was written with";
    Error::new(ErrorKind::State, message)
}
