use crossbeam_channel::Sender;
use flow_core::exec::{BoxFuture, Epoch, Prepared, ReadTo, StepId};
use flow_core::{Error, Result, Timestamp};

/// What the coordinator tells a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Read no more: the sources have ended.
    Finish,
    /// An epoch ends here.
    Barrier(Barrier),
    /// Everything up to the epoch is in the sinks.
    Commit(Epoch),
    /// Play a step of the script.
    Play(usize),
    /// Say when there is nothing left to do.
    Settle(u64),
    /// Leave.
    Exit,
}

/// The end of an epoch, as the coordinator asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Barrier {
    pub(crate) epoch: Epoch,
    /// The run ends with it.
    pub(crate) last: bool,
    /// The run is suspended with it: nothing is read any more, and the sources have not ended.
    pub(crate) suspend: bool,
    /// What steps keep is written: all of it, or what has changed; in a durable run.
    pub(crate) save: Option<Extent>,
}

/// How much steps write of what they keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Changes,
    Whole,
}

/// What a worker tells the coordinator.
pub(crate) enum Event {
    /// All its sources have ended.
    SourcesEnded,
    /// An epoch has passed all of its steps.
    EpochPassed(Passed),
    /// What its steps keep, as a frame of the epoch that is ending.
    State(Vec<u8>),
    /// What its readers have to do for a commit.
    Commits { step: StepId, futures: Vec<BoxFuture<Result<()>>> },
    /// There was nothing left to do.
    Settled { round: u64 },
    /// It could not go on.
    Failed(Error),
    /// A call to drain, or a signal in a run that is not durable.
    Stop,
    /// A call to suspend, or a signal in a durable run.
    Suspend,
    /// A call to give up.
    Cancel,
    /// A question how far the run is.
    Report(Sender<flow_core::Summary>),
    /// A commit of a reader is done.
    Committed(Result<()>),
}

/// An epoch that has passed all steps of a worker.
pub(crate) struct Passed {
    pub(crate) epoch: Epoch,
    pub(crate) prepared: Vec<Prepared>,
    pub(crate) held_since: Option<Epoch>,
    /// In a durable run, how far its splits were read, and its sources' watermarks.
    pub(crate) read_to: Vec<ReadTo>,
    pub(crate) watermarks: Vec<(StepId, Timestamp)>,
}
