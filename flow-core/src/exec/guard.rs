use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

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

/// The error that a panic amounts to, with its message.
pub fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::new(ErrorKind::Panic, format!("panicked: {}", text.unwrap_or("(no message)")))
}
