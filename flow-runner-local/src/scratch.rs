//! Scratch space in files.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use flow_core::BoxError;
use flow_core::scratch::{Blob, Scratch};

/// Temporary files in a folder. They have no names: the system takes their space back when they are closed, however
/// the process ends.
#[derive(Debug)]
pub(crate) struct TempFiles {
    folder: PathBuf,
}

impl TempFiles {
    /// In this folder, or else in the system's own for temporary files.
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        TempFiles { folder: folder.unwrap_or_else(std::env::temp_dir) }
    }
}

impl Scratch for TempFiles {
    fn blob(&self) -> Result<Box<dyn Blob>, BoxError> {
        let file = std::fs::create_dir_all(&self.folder).and_then(|()| tempfile::tempfile_in(&self.folder));
        let file = file.map_err(|e| not_written(&self.folder, 0, e))?;
        Ok(Box::new(TempFile { file, folder: self.folder.clone(), len: 0 }))
    }
}

#[derive(Debug)]
struct TempFile {
    file: File,
    folder: PathBuf,
    len: u64,
}

impl Blob for TempFile {
    fn append(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        self.file.write_all(bytes).map_err(|e| not_written(&self.folder, self.len, e))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), BoxError> {
        let read = read_at(&self.file, offset, into);
        read.map_err(|e| format!("a scratch file in {} cannot be read: {e}", self.folder.display()).into())
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
