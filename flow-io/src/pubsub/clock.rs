//! The one place of the connector where civil time is read: watermarks of a stream say how far the world is.

use flow_core::Timestamp;

pub(super) fn now() -> Timestamp {
    Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
}

/// From an earlier moment to a later one; nothing if it is the other way round.
pub(super) fn since(earlier: Timestamp, later: Timestamp) -> std::time::Duration {
    let micros = later.micros().saturating_sub(earlier.micros());
    std::time::Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
