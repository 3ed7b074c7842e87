use std::thread::JoinHandle;

use flow_core::{Error, ErrorKind, Result, Summary};

use crate::coordinator::{Control, OUTSIDE};
use crate::report::Report;
use crate::worker::Event;

/// A run in the background; started by [`LocalRunner::start`](crate::LocalRunner::start).
///
/// Dropping it lets the run go on unseen; [`wait`](Job::wait) for its end.
#[derive(Debug)]
pub struct Job {
    thread: JoinHandle<Result<Report>>,
    control: Control,
}

impl Job {
    pub(crate) fn new(thread: JoinHandle<Result<Report>>, control: Control) -> Self {
        Job { thread, control }
    }

    /// Waits for the end. Blocks: in an async program, call it from a blocking task.
    ///
    /// # Errors
    /// The first failure of the run.
    pub fn wait(self) -> Result<Report> {
        let joined = self.thread.join();
        joined.unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "the coordinator panicked")))
    }

    /// Has the sources end: windows close, and everything that was read is written and acknowledged.
    pub fn drain(&self) {
        let _ = self.control.send((OUTSIDE, Event::Stop));
    }

    /// Has a durable run stop where it is, with everything kept: another run with its state directory goes on there. Windows
    /// stay open. A run without a state directory gives up what is in open windows: its sources hand it out again, if they
    /// can.
    pub fn suspend(&self) {
        let _ = self.control.send((OUTSIDE, Event::Suspend));
    }

    /// Gives up: nothing more is committed, and [`wait`](Job::wait) returns an error of kind `Cancelled`.
    pub fn cancel(&self) {
        let _ = self.control.send((OUTSIDE, Event::Cancel));
    }

    /// How far the run is: the counts of its steps so far, a fraction of a second old. None once it has ended.
    pub fn summary(&self) -> Option<Summary> {
        let (reply, answer) = crossbeam_channel::bounded(1);
        self.control.send((OUTSIDE, Event::Report(reply))).ok()?;
        answer.recv().ok()
    }

    /// Whether the run has ended.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }
}
