use crate::Timestamp;

/// Counts the checkpoints of a run, from 1.
pub type Epoch = u64;

/// What travels between bundles, in order with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// No element before this moment is expected any more; [`Timestamp::MAX`] ends the input. Never goes back.
    Watermark(Timestamp),
    /// The input's watermark does not count until it moves again: its source has nothing to say.
    Idle,
    /// The epoch ends here: bundles are finished, sinks prepare.
    Barrier {
        /// The epoch that ends.
        epoch: Epoch,
        /// The run ends with it.
        last: bool,
        /// Nothing that comes behind it stems from what sources read in an epoch before this one. What a step has
        /// held comes late, and must not be acknowledged as what came with it.
        since: Epoch,
    },
    /// Pass on what waits half full, look at futures, side inputs and the clock again. The number counts pokes, so
    /// that a step reached on two ways acts once.
    Poke(u64),
    /// In a region of [dead letters](crate::DeadLetter) alone: whatever bundle is open ends here, as at every signal, so
    /// that its end can fail while the elements can still be tried again. Numbered as pokes are.
    Finish(u64),
    /// In a region of dead letters alone: what came since the last `Finish` failed somewhere, and is forgotten as if it had
    /// not come. Numbered as pokes are.
    Discard(u64),
}
