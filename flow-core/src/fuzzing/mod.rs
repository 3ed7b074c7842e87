//! What a fuzzer calls: each target takes any bytes, as they may come from outside or from a damaged disk, and panics if
//! a promise is broken. `fuzz/` runs them in a fuzzer, and the test below over the corpora there.

mod accumulators;
mod lookup;
mod persisted;
mod restored;
mod triggers;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use accumulators::accumulators;
pub use lookup::lookup_block;
pub use persisted::persisted;
pub use restored::restored;
pub use triggers::triggers;

use crate::Timestamp;

/// All targets, by the names of their corpora.
pub const TARGETS: [(&str, fn(&[u8])); 6] = [
    ("timestamp", timestamp),
    ("persisted", persisted),
    ("restored", restored),
    ("accumulators", accumulators),
    ("triggers", triggers),
    ("lookup_block", lookup_block),
];

/// What is read as a timestamp is printed as one that is read as the same.
pub fn timestamp(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.parse::<Timestamp>() {
        Ok(at) => assert_eq!(at.to_string().parse::<Timestamp>().ok(), Some(at), "{text:?}"),
        Err(error) => assert!(error.to_string().len() < 1_024, "{text:?}"),
    }
}

/// Reads a value, and writes and reads it again: nothing may have changed.
fn decoded<T: Serialize + DeserializeOwned>(data: &[u8]) -> Option<(T, &[u8])> {
    let (value, rest) = postcard::take_from_bytes::<T>(data).ok()?;
    let once = postcard::to_allocvec(&value).expect("what was decoded encodes");
    let again: T = postcard::from_bytes(&once).expect("what was encoded decodes");
    assert_eq!(once, postcard::to_allocvec(&again).expect("what was decoded encodes"));
    Some((value, rest))
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;
