use super::{Window, WindowFn, WindowInto};
use crate::Timestamp;

/// One window for everything: what bounded data starts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Global;

impl Global {
    /// Puts everything into the global window.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let spec = Global::windows().trigger(repeatedly(after_count(100))).discarding();
    /// ```
    pub fn windows() -> WindowInto<Global> {
        WindowInto::by(Global)
    }
}

impl<T> WindowFn<T> for Global {
    fn assign(&self, _: &T, _: Timestamp, mut emit: impl FnMut(Window)) {
        emit(Window::GLOBAL);
    }

    fn is_partition(&self) -> bool {
        true
    }

    fn side_window(&self, _: Window) -> Option<Window> {
        Some(Window::GLOBAL)
    }
}
