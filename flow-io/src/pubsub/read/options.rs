//! How a subscription is read.

use std::time::Duration;

use super::tide::Pace;

#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) streams: Option<usize>,
    pub(super) max_messages: usize,
    pub(super) max_bytes: usize,
    pub(super) max_lease: Duration,
    pub(super) horizon: Duration,
    pub(super) id_attribute: Option<String>,
    pub(super) pace: Pace,
}

/// How far a lease is extended at a time: what a reader that was killed had is delivered again after this.
pub(super) const EXTENSION: Duration = Duration::from_secs(20);

/// What was leased to others, or lost with a connection, is here again after this.
const AGAIN: Duration = EXTENSION.saturating_add(Duration::from_secs(10));

impl Default for Options {
    fn default() -> Self {
        Options {
            streams: None,
            max_messages: 100_000,
            max_bytes: 256 << 20,
            max_lease: Duration::from_hours(1),
            horizon: Duration::from_mins(10),
            id_attribute: None,
            pace: Pace { span: AGAIN, margin: AGAIN, hold: AGAIN },
        }
    }
}
