use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::{Error, ErrorKind, StepLabel};

type Check = Box<dyn FnOnce() -> Result<(), String> + Send>;

/// Something that must hold at the end of a run. One that is dropped before a runner took its pipeline panics: a
/// test whose pipeline never ran has tested nothing.
pub(crate) struct Expectation {
    step: StepLabel,
    check: Mutex<Option<Check>>,
}

impl Expectation {
    /// Of the step of a label: an error in words when it does not hold.
    pub(crate) fn new(step: StepLabel, check: impl FnOnce() -> Result<(), String> + Send + 'static) -> Self {
        Expectation { step, check: Mutex::new(Some(Box::new(check))) }
    }

    fn check(&mut self) -> &mut Option<Check> {
        self.check.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is checked, for a run that owes the answer from here on.
    pub(super) fn taken(mut self) -> Taken {
        let check = self.check().take().expect("an expectation is taken once");
        Taken { step: self.step.clone(), check: Mutex::new(check) }
    }
}

impl Drop for Expectation {
    fn drop(&mut self) {
        assert!(
            self.check().is_none() || thread::panicking(),
            "{} was never checked: its pipeline was built but not run; run it, as with `testing::run(p)`",
            self.step
        );
    }
}

impl fmt::Debug for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expectation({})", self.step)
    }
}

/// An expectation whose pipeline a runner has taken: a run that fails on its way need not check it.
pub(super) struct Taken {
    step: StepLabel,
    /// Locked by nobody: it makes the graph, which workers share, `Sync`.
    check: Mutex<Check>,
}

impl Taken {
    pub(super) fn checked(self) -> Result<(), Error> {
        let check = self.check.into_inner().unwrap_or_else(PoisonError::into_inner);
        check().map_err(|found| Error::new(ErrorKind::User, found).at(&self.step))
    }
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Taken({})", self.step)
    }
}
