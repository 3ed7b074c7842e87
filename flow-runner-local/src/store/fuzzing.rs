use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::disk::DiskFile;
use super::frame::{Frames, SegmentWriter};
use super::manifest::{MAGIC, Manifest};
use super::records::records_of;

/// Reads bytes as a manifest: as they are, and again with a beginning and a checksum that are right.
pub(crate) fn read_manifest(data: &[u8]) {
    let _ = Manifest::decode(data);
    let mut sealed = [MAGIC, data].concat();
    sealed.extend(crc32c::crc32c(&sealed).to_le_bytes());
    let Ok(manifest) = Manifest::decode(&sealed[..]) else { return };
    assert!(manifest.files().all(|name| name.starts_with("segment-") && !name.contains(['/', '.'])));
    let encoded = manifest.encode().expect("what was decoded encodes");
    assert_eq!(Manifest::decode(&encoded[..]).expect("what was encoded decodes"), manifest);
}

/// Reads bytes as a segment, and writes and reads them as frames of three bytes, whole and with one byte changed.
pub(crate) fn read_segment(data: &[u8]) {
    let _ = all(data);
    let wanted: Vec<&[u8]> = data.chunks(3).collect();
    let mut file = Vec::new();
    write(&mut file, &wanted).expect("memory takes everything");
    assert_eq!(all(&file).expect("what was written is read"), wanted);
    if let Some(at) = data.first().map(|at| usize::from(*at) % file.len()) {
        file[at] ^= 0x10;
        assert!(all(&file).is_err(), "damage at byte {at} is not noticed");
    }
}

fn all(bytes: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let mut frames = Frames::new("segment".to_owned(), Box::new(io::Cursor::new(bytes.to_vec())))?;
    let mut all = Vec::new();
    while let Some(frame) = frames.next()? {
        let _ = records_of(frame).last();
        all.push(frame.to_vec());
    }
    Ok(all)
}

fn write(file: &mut Vec<u8>, frames: &[&[u8]]) -> io::Result<()> {
    struct InMemory(Arc<Mutex<Vec<u8>>>);
    impl DiskFile for InMemory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(())
        }
        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let memory = Arc::default();
    let mut writer = SegmentWriter::new("segment".to_owned(), Box::new(InMemory(Arc::clone(&memory))))?;
    frames.iter().try_for_each(|frame| writer.push(frame))?;
    writer.finish()?;
    file.append(&mut memory.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(())
}
