use crossbeam_channel::Sender;
use flow_core::exec::{StateLog, StepId};
use flow_core::{Error, ErrorKind, Result};

use crate::store::{Block, Record};
use crate::worker::Event;

/// Sends what a worker's steps keep to the coordinator, who writes it; the rest when it is dropped.
pub(crate) struct ToCoordinator {
    worker: usize,
    events: Sender<(usize, Event)>,
    block: Block,
}

/// Records are sent by about so many bytes.
const BLOCK: usize = 256 << 10;

impl ToCoordinator {
    pub(crate) fn new(worker: usize, events: Sender<(usize, Event)>) -> Self {
        ToCoordinator { worker, events, block: Block::default() }
    }

    fn send(&mut self) {
        // Who has gone has ended the run.
        let _ = self.events.send((self.worker, Event::State(self.block.take())));
    }
}

impl StateLog for ToCoordinator {
    fn append(&mut self, step: StepId, hash: Option<u64>, record: &[u8]) -> Result<()> {
        self.block
            .push(Record { step, hash, bytes: record })
            .map_err(|error| Error::new(ErrorKind::State, "it cannot be saved").caused_by(error))?;
        if self.block.len() >= BLOCK {
            self.send();
        }
        Ok(())
    }
}

impl Drop for ToCoordinator {
    fn drop(&mut self) {
        if self.block.len() > 0 {
            self.send();
        }
    }
}
