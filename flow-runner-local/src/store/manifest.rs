use std::collections::BTreeMap;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};

/// How every manifest begins: the last byte is the version of the format.
pub(super) const MAGIC: &[u8; 8] = b"flowman1";

/// No manifest is larger: it has names, positions and descriptors, and no state.
const MAX_BYTES: u64 = 1 << 30;

/// What an epoch left behind. Once it is on disk under its name, the epoch has happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The epoch.
    pub(crate) epoch: u64,
    /// How often the directory has been opened for a run.
    pub(crate) generation: u64,
    /// Where the run was.
    pub(crate) stage: Stage,
    /// The hash of a known key: keys belong to workers by their hashes, which must not have changed.
    pub(crate) hash_probe: u64,
    /// The pipeline's steps, by the numbers that records have.
    pub(crate) steps: Vec<StepShape>,
    /// Of each source's step, by name.
    pub(crate) sources: BTreeMap<String, SourceState>,
    /// Of each sink's step, by name.
    pub(crate) sinks: BTreeMap<String, SinkState>,
    /// What steps keep: segments, oldest first.
    pub(crate) segments: Vec<SegmentRef>,
    /// How many bytes of `segments`, from the first on, were written as everything there was.
    pub(crate) whole_bytes: u64,
}

/// Where a run was when an epoch ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// In the middle.
    #[default]
    Running,
    /// Told to drain: a run that goes on drains too.
    Draining,
    /// At its last epoch, which is still to be committed.
    Ending,
    /// It is over.
    Over,
}

/// A step, as far as what it kept depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StepShape {
    /// Unique in the pipeline.
    pub(crate) name: String,
    /// What kind of step it is, with its types.
    pub(crate) shape: String,
}

/// How far a source was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourceState {
    /// What is still to be read.
    pub(crate) splits: Vec<SplitState>,
    /// Its watermark, in microseconds.
    pub(crate) watermark: i64,
}

/// A split that is not read to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SplitState {
    /// The split.
    pub(crate) split: Vec<u8>,
    /// Behind the last element that is in the state; none if it was not begun.
    pub(crate) position: Option<Vec<u8>>,
}

/// What a sink is still to make visible, as far as this epoch's commit is not known to have happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SinkState {
    /// Its watermark, in microseconds.
    pub(crate) watermark: i64,
    /// What its writers prepared, and what it carried on from earlier epochs.
    pub(crate) tokens: Vec<Vec<u8>>,
}

/// A segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentRef {
    /// Its file.
    pub(crate) name: String,
    /// How long it is.
    pub(crate) bytes: u64,
    /// How many frames it has.
    pub(crate) frames: u64,
}

impl Manifest {
    /// The file of an epoch's manifest.
    pub(super) fn name_of(epoch: u64) -> String {
        format!("manifest-{epoch:016x}")
    }

    /// The epoch of a manifest's file.
    pub(super) fn epoch_of(name: &str) -> Option<u64> {
        let digits = name.strip_prefix("manifest-").filter(|digits| digits.len() == 16)?;
        u64::from_str_radix(digits, 16).ok()
    }

    /// All files that it speaks of.
    pub(super) fn files(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.segments.iter().map(|segment| segment.name.as_str())
    }

    pub(super) fn encode(&self) -> io::Result<Vec<u8>> {
        let mut bytes = MAGIC.to_vec();
        bytes = postcard::to_extend(self, bytes).map_err(io::Error::other)?;
        let crc = crc32c::crc32c(&bytes);
        bytes.extend(crc.to_le_bytes());
        Ok(bytes)
    }

    pub(super) fn decode(from: impl Read) -> io::Result<Manifest> {
        let mut bytes = Vec::new();
        from.take(MAX_BYTES).read_to_end(&mut bytes)?;
        let damaged = |how: &str| io::Error::new(io::ErrorKind::InvalidData, how.to_owned());
        let (magic, _) = bytes.split_first_chunk::<8>().ok_or_else(|| damaged("it is too short"))?;
        if magic[..7] != MAGIC[..7] {
            return Err(damaged("it does not begin as a manifest does"));
        }
        if magic != MAGIC {
            let version = char::from(magic[7]);
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("its format is version {version}, and this program knows version 1"),
            ));
        }
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or_else(|| damaged("it is too short"))?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
            return Err(damaged("its checksum is wrong"));
        }
        let manifest: Manifest =
            postcard::from_bytes(&body[MAGIC.len()..]).map_err(|error| damaged(&error.to_string()))?;
        if manifest.files().all(is_segment) {
            Ok(manifest)
        } else {
            Err(damaged("it names what is no segment"))
        }
    }
}

/// Whether a file is a segment: what a manifest names is opened, and must not lead out of the directory.
fn is_segment(name: &str) -> bool {
    let digits = name.strip_prefix("segment-").and_then(|rest| rest.split_once('-'));
    digits.is_some_and(|(generation, number)| {
        let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex(generation) && is_hex(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_that_names_a_file_elsewhere_is_refused() {
        for name in ["/etc/passwd", "../segment-0-0", "segment-0-../../x", "segment-", "lock", ""] {
            let segment = SegmentRef { name: name.to_owned(), bytes: 8, frames: 0 };
            let bytes = Manifest { segments: vec![segment], ..Manifest::default() }.encode().unwrap();
            let error = Manifest::decode(&bytes[..]).unwrap_err();
            assert_eq!(error.to_string(), "it names what is no segment", "{name:?}");
        }
    }
}
