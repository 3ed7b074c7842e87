//! What [`Tables`](super::Tables) write at the end of an epoch.

use serde::{Deserialize, Serialize};

use crate::window::Window;

/// A key in a window. Those of a window that is open say which worker wrote them: one may have emitted the window, and
/// [says so](crate::keyed::kernel::ForAll::Emitted) for itself, while others have not.
#[derive(Serialize, Deserialize)]
pub(super) enum Record<K, A> {
    /// To be merged into what the key has had.
    Open { worker: usize, window: Window, key: K, accumulator: A },
    /// Everything that is kept of it, after the window was emitted.
    Late { window: Window, key: K, accumulator: Option<A>, panes: u32 },
}

/// What has changed since the last barrier, beside what is in the tables of open windows.
pub(super) struct Changes<K> {
    /// Windows that were emitted.
    pub(super) emitted: Vec<Window>,
    /// Keys of windows that were emitted before, by their hash.
    pub(super) late: Vec<(Window, u64, K)>,
}

impl<K> Default for Changes<K> {
    fn default() -> Self {
        Changes { emitted: Vec::new(), late: Vec::new() }
    }
}
