use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Meta, Pane, Timestamp, window::Window};

/// An element that failed again and again, and what it failed with: made by
/// [`PCollection::with_dead_letters`](crate::PCollection::with_dead_letters).
///
/// As an element of its own collection it has the timestamp, the window and the pane of the element that failed. They are
/// in here as well, so that they are written with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter<T> {
    /// The element, as it came into the region.
    pub element: T,
    /// In what way it failed.
    pub failure: Failure,
    /// The message of the error or panic with its causes; of long ones the first 4 KiB.
    pub error: String,
    /// The step that failed, or the region if that is not known.
    pub step: String,
    /// Where the step is written: file and line.
    pub location: String,
    /// How often the element was tried by itself, after it was found to be the one of its bundle that fails.
    pub attempts: u32,
    /// The element's event time.
    pub time: Timestamp,
    /// Its window.
    pub window: Window,
    /// The firing that it came from.
    pub pane: Pane,
}

/// In what way an element failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Failure {
    /// A function returned an error.
    Error,
    /// A function panicked.
    Panic,
    /// The process ended while it was tried, in runs before this one.
    Crash,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Failure::Error => "error",
            Failure::Panic => "panic",
            Failure::Crash => "crash",
        })
    }
}

/// As much of a message as a letter holds, in bytes.
const LONGEST: usize = 4 << 10;

impl<T> DeadLetter<T> {
    /// Of an element that failed with an error of a step.
    pub(super) fn of(element: T, meta: Meta, error: &Error, attempts: u32) -> Self {
        let failure = if error.kind() == ErrorKind::Panic { Failure::Panic } else { Failure::Error };
        let mut message = error.message();
        message.truncate(message.floor_char_boundary(LONGEST));
        let (step, location) = error.step().map_or_else(Default::default, |step| {
            (step.name.clone(), format!("{}:{}", step.location.file(), step.location.line()))
        });
        let Meta { time, window, pane } = meta;
        DeadLetter { element, failure, error: message, step, location, attempts, time, window, pane }
    }

    /// Of an element that ended the process.
    pub(super) fn of_a_crash(element: T, meta: Meta, region: &crate::StepLabel) -> Self {
        let error = Error::new(
            ErrorKind::User,
            "the process ended while this element was tried, as it does on a stack overflow or an abort; it was not \
             tried again",
        );
        DeadLetter { failure: Failure::Crash, ..Self::of(element, meta, &error.at(region), 0) }
    }
}
