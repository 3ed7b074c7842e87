//! What a fuzzer calls: each target takes any bytes, as they may come from a damaged disk, and panics if a promise is
//! broken. `fuzz/` runs them in a fuzzer, and the test below over the corpora there.

/// All targets, by the names of their corpora.
pub const TARGETS: [(&str, fn(&[u8])); 3] =
    [("manifest", manifest), ("segment", segment), ("settings", settings)];

/// A manifest is refused or is the one that was written, and names no file but a segment.
pub fn manifest(data: &[u8]) {
    crate::store::fuzzing::read_manifest(data);
}

/// A segment's records are those that were written, and damage is refused.
pub fn segment(data: &[u8]) {
    crate::store::fuzzing::read_segment(data);
}

/// Sizes and durations are read or refused, and none is zero.
pub fn settings(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    crate::options::read_settings(text);
}

#[cfg(test)]
#[path = "../../fuzz/replay.rs"]
mod replay;
