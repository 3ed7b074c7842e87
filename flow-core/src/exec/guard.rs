use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError};

use super::Cx;
use crate::{Error, ErrorKind, Result, StepLabel};

/// Runs a piece of a user's code: a panic becomes an error of the step that was working.
pub fn guard<R>(cx: &mut Cx, body: impl FnOnce(&mut Cx) -> Result<R>) -> Result<R> {
    let outcome = catch_unwind(AssertUnwindSafe(|| body(cx)));
    outcome.unwrap_or_else(|panic| Err(cx.error_here(panicked(&*panic))))
}

/// Runs a piece of a user's code that belongs to a step: a panic becomes an error of it, as other errors do.
pub fn guard_step<R>(step: &StepLabel, body: impl FnOnce() -> Result<R>) -> Result<R> {
    let outcome = catch_unwind(AssertUnwindSafe(body));
    outcome.unwrap_or_else(|panic| Err(panicked(&*panic))).map_err(|e| e.at(step))
}

/// An error on its way out of what has no result to say it with, as an iterator of plain values.
struct Thrown(Mutex<Option<Error>>);

/// Leaves the user's code with an error, which becomes that of the step: for what cannot return one.
pub(crate) fn throw(error: Error) -> ! {
    resume_unwind(Box::new(Thrown(Mutex::new(Some(error)))))
}

/// The error that a panic amounts to, with its message.
pub fn panicked(panic: &(dyn Any + Send)) -> Error {
    let thrown = panic.downcast_ref::<Thrown>();
    if let Some(error) = thrown.and_then(|it| it.0.lock().unwrap_or_else(PoisonError::into_inner).take()) {
        return error;
    }
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::new(ErrorKind::Panic, format!("panicked: {}", text.unwrap_or("(no message)")))
}
