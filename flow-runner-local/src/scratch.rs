//! Scratch space in files.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use flow_core::BoxError;
use flow_core::scratch::{Blob, Scratch};

/// So much of a blob is in a file that it shares: there may be thousands of small ones, and a process may not have
/// thousands of files open.
const SMALL: u64 = 4 << 20;
/// How many blobs share a file, whose space comes back with the last of them.
const SHARING: usize = 64;

/// Temporary files in a folder. They have no names: the system takes their space back when they are closed, however
/// the process ends.
#[derive(Debug)]
pub(crate) struct TempFiles {
    folder: Arc<PathBuf>,
    /// The file that new blobs begin in, and how many have.
    shared: Mutex<(Weak<Segment>, usize)>,
}

impl TempFiles {
    /// In this folder, or else in the system's own for temporary files.
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        TempFiles { folder: Arc::new(folder.unwrap_or_else(std::env::temp_dir)), shared: Mutex::default() }
    }

    /// The file that a new blob begins in.
    fn shared(&self) -> Result<Arc<Segment>, BoxError> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, begun) = &mut *shared;
        if let Some(file) = file.upgrade().filter(|_| *begun < SHARING) {
            *begun += 1;
            return Ok(file);
        }
        let file = Arc::new(Segment::new(&self.folder)?);
        *shared = (Arc::downgrade(&file), 1);
        Ok(file)
    }
}

impl Scratch for TempFiles {
    fn blob(&self) -> Result<Box<dyn Blob>, BoxError> {
        let (folder, shared) = (Arc::clone(&self.folder), self.shared()?);
        Ok(Box::new(TempFile { folder, shared, pieces: Vec::new(), own: None, len: 0 }))
    }
}

/// A file, and where it ends.
#[derive(Debug)]
struct Segment {
    file: File,
    end: AtomicU64,
}

impl Segment {
    fn new(folder: &std::path::Path) -> Result<Self, BoxError> {
        let file = std::fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder));
        let file = file.map_err(|e| not_written(folder, 0, e))?;
        Ok(Segment { file, end: AtomicU64::new(0) })
    }

    /// Writes behind everything else; where that is.
    fn append(&self, bytes: &[u8]) -> io::Result<u64> {
        let at = self.end.fetch_add(bytes.len() as u64, Relaxed);
        write_at(&self.file, at, bytes).map(|()| at)
    }
}

/// A blob, which begins in a file that it shares and goes on in one of its own.
#[derive(Debug)]
struct TempFile {
    folder: Arc<PathBuf>,
    shared: Arc<Segment>,
    /// What is in the shared file: from where in the blob on, and where in the file.
    pieces: Vec<(u64, u64)>,
    /// The file for what comes behind, and where in the blob that begins.
    own: Option<(Segment, u64)>,
    len: u64,
}

impl TempFile {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        if self.own.is_none() && self.len + bytes.len() as u64 > SMALL {
            self.own = Some((Segment::new(&self.folder)?, self.len));
        }
        let failed = |e| not_written(&self.folder, self.len, e);
        if let Some((own, _)) = &self.own {
            own.append(bytes).map_err(failed)?;
            return Ok(());
        }
        let at = self.shared.append(bytes).map_err(failed)?;
        let goes_on = self.pieces.last().is_some_and(|(from, start)| start + (self.len - from) == at);
        if !goes_on {
            self.pieces.push((self.len, at));
        }
        Ok(())
    }

    /// Reads from the place where an offset is; how much, which is less than wanted where that place ends.
    fn read_some(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        if let Some((own, from)) = self.own.as_ref().filter(|(_, from)| offset >= *from) {
            return read_at(&own.file, offset - from, into).map(|()| into.len());
        }
        let next = self.pieces.partition_point(|(from, _)| *from <= offset);
        let end = self
            .pieces
            .get(next)
            .map_or_else(|| self.own.as_ref().map_or(self.len, |(_, from)| *from), |(from, _)| *from);
        let piece = next.checked_sub(1).map(|piece| self.pieces[piece]).filter(|_| offset < end);
        let (from, start) = piece.ok_or(io::ErrorKind::UnexpectedEof)?;
        let some = usize::try_from(end - offset).unwrap_or(usize::MAX).min(into.len());
        read_at(&self.shared.file, start + (offset - from), &mut into[..some]).map(|()| some)
    }
}

impl Blob for TempFile {
    fn append(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        self.write(bytes)?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn read(&self, mut offset: u64, mut into: &mut [u8]) -> Result<(), BoxError> {
        while !into.is_empty() {
            let read = self.read_some(offset, into);
            let read =
                read.map_err(|e| format!("a scratch file in {} cannot be read: {e}", self.folder.display()))?;
            offset += read as u64;
            into = &mut into[read..];
        }
        Ok(())
    }
}

/// What is wrong with the folder, and what to do.
fn not_written(folder: &std::path::Path, written: u64, error: io::Error) -> BoxError {
    let folder = folder.display();
    let wrong = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("the disk of the scratch folder {folder} is full after {written} bytes of this file")
        }
        _ => format!("a scratch file in {folder} cannot be written ({error})"),
    };
    format!("{wrong}: make space there, or set another folder with --scratch-dir").into()
}

/// Reads without moving the place where appending goes on.
#[cfg(unix)]
fn read_at(file: &File, offset: u64, into: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, offset)
}

#[cfg(windows)]
fn read_at(file: &File, mut offset: u64, mut into: &mut [u8]) -> io::Result<()> {
    while !into.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, into, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                into = &mut into[read..];
                offset += read as u64;
            }
        }
    }
    Ok(())
}

/// Writes at a place.
#[cfg(unix)]
pub(crate) fn write_at(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(windows)]
pub(crate) fn write_at(file: &File, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_write(file, bytes, offset)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => {
                bytes = &bytes[written..];
                offset += written as u64;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_appended_is_read_in_any_range() {
        let mut blob = TempFiles::new(None).blob().unwrap();
        blob.append(b"hello ").unwrap();
        let mut read = [0; 4];
        blob.read(1, &mut read).unwrap();
        assert_eq!(&read, b"ello");
        blob.append(b"world").unwrap();
        blob.read(5, &mut read).unwrap();
        assert_eq!(&read, b" wor");
        assert!(blob.read(8, &mut read).is_err());
    }

    #[test]
    fn blobs_that_share_a_file_and_outgrow_it_keep_apart() {
        let scratch = TempFiles::new(None);
        let mut blobs = [scratch.blob().unwrap(), scratch.blob().unwrap()];
        let block = |blob: u8, at: u32| [[blob; 4], at.to_le_bytes()].concat().repeat(1 << 15);
        for at in 0..40 {
            blobs[0].append(&block(0, at)).unwrap();
            blobs[1].append(&block(1, at)).unwrap();
        }
        for (of, blob) in (0..).zip(&blobs) {
            // Across the ends of blocks, and across the end of what is shared.
            let mut read = vec![0; 5 << 18];
            blob.read(8 * 5, &mut read).unwrap();
            let all: Vec<u8> = (0..40).flat_map(|at| block(of, at)).collect();
            assert!(read == all[40..][..read.len()]);
            let mut read = vec![0; all.len()];
            blob.read(0, &mut read).unwrap();
            assert!(read == all);
            assert!(blob.read(8, &mut read).is_err());
        }
    }

    #[test]
    fn a_full_disk_is_named_with_what_to_do() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let said = not_written(std::path::Path::new("/scratch"), 4096, full).to_string();
        assert_eq!(
            said,
            "the disk of the scratch folder /scratch is full after 4096 bytes of this file: make space there, or set \
             another folder with --scratch-dir"
        );
    }
}
