use std::io::{self, Read};

use flow_core::exec::planted;

use super::disk::DiskFile;
use super::manifest::SegmentRef;
use super::state_dir::about;

/// How every segment begins.
const MAGIC: &[u8; 8] = b"flowseg1";

/// A frame is no longer than this: a length beyond is damage, and is not allocated.
const MAX_FRAME: u32 = 1 << 30;

/// Appends frames to a segment: each with its length and a CRC-32C of both, little endian.
pub(crate) struct SegmentWriter {
    file: Box<dyn DiskFile>,
    bytes: u64,
    frames: u64,
    name: String,
}

impl SegmentWriter {
    pub(super) fn new(name: String, mut file: Box<dyn DiskFile>) -> io::Result<Self> {
        file.write(MAGIC)?;
        Ok(SegmentWriter { file, bytes: MAGIC.len() as u64, frames: 0, name })
    }

    /// Appends a frame.
    pub(crate) fn push(&mut self, frame: &[u8]) -> io::Result<()> {
        let length =
            u32::try_from(frame.len()).ok().filter(|length| *length <= MAX_FRAME).ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::FileTooLarge,
                    "what a step keeps of one key is larger than 1 GiB",
                )
            })?;
        self.file.write(&length.to_le_bytes())?;
        self.file.write(&checksum(length, frame).to_le_bytes())?;
        self.file.write(frame)?;
        self.bytes += 8 + u64::from(length);
        self.frames += 1;
        Ok(())
    }

    /// Makes the segment durable.
    pub(crate) fn finish(mut self) -> io::Result<SegmentRef> {
        // Planted: the manifest is synced, and speaks of what is in memory alone.
        if !planted("segment-not-synced") {
            self.file.sync().map_err(|error| about(&self.name, &error))?;
        }
        Ok(SegmentRef { name: self.name, bytes: self.bytes, frames: self.frames })
    }
}

/// The frames of a segment, in order.
pub(crate) struct Frames {
    from: Box<dyn Read + Send>,
    record: Vec<u8>,
    at: u64,
    name: String,
}

impl Frames {
    pub(super) fn new(name: String, mut from: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut magic = [0; 8];
        from.read_exact(&mut magic).map_err(|error| damaged(0, &error.to_string()))?;
        if &magic != MAGIC {
            return Err(damaged(0, "it does not begin as a segment does"));
        }
        Ok(Frames { from, record: Vec::new(), at: 8, name })
    }

    /// The next frame; none behind the last.
    pub(crate) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        match self.fill() {
            Ok(true) => Ok(Some(&self.record)),
            Ok(false) => Ok(None),
            Err(error) => Err(about(&self.name, &error)),
        }
    }

    fn fill(&mut self) -> io::Result<bool> {
        let mut length = [0; 4];
        if !fill_or_end(&mut self.from, &mut length).map_err(|e| damaged(self.at, &e.to_string()))? {
            return Ok(false);
        }
        let length = u32::from_le_bytes(length);
        if length > MAX_FRAME {
            return Err(damaged(self.at, "a record cannot be as long as it says"));
        }
        let mut crc = [0; 4];
        self.from.read_exact(&mut crc).map_err(|e| damaged(self.at, &e.to_string()))?;
        self.record.clear();
        // By what comes, not by what the length says.
        let read = (&mut self.from).take(u64::from(length)).read_to_end(&mut self.record)?;
        if read != length as usize || checksum(length, &self.record) != u32::from_le_bytes(crc) {
            return Err(damaged(self.at, "its checksum is wrong"));
        }
        self.at += 8 + u64::from(length);
        Ok(true)
    }
}

/// Fills a buffer; false if there is nothing more at all.
fn fill_or_end(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends within a record")),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

fn checksum(length: u32, record: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length.to_le_bytes()), record)
}

fn damaged(at: u64, how: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("damaged at byte {at}: {how}"))
}
