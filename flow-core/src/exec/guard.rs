use super::Cx;
use crate::{Error, ErrorKind, Result};

/// Runs a piece of a user's code: a panic becomes an error of the step that was working.
pub fn guard<R>(cx: &mut Cx, body: impl FnOnce(&mut Cx) -> Result<R>) -> Result<R> {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body(cx)));
    outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let message = format!("panicked: {}", text.unwrap_or_else(|| "(no message)".to_owned()));
        Err(cx.error_here(Error::new(ErrorKind::Panic, message)))
    })
}
