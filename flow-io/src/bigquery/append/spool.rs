use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::gcp::unique;

/// Rows of an epoch that are in a stream, kept until the epoch is prepared: should the stream go astray, they go into
/// another. What is beyond a megabyte is in a temporary file, which nobody else sees.
#[derive(Debug)]
pub(super) struct Spool {
    chunks: Vec<Chunk>,
    in_memory: usize,
    memory: usize,
    file: Option<File>,
    written: u64,
    bytes: usize,
}

#[derive(Debug)]
enum Chunk {
    Rows(Vec<Vec<u8>>),
    /// The lengths of the rows, and where they begin.
    Filed(Vec<u32>, u64),
}

/// How much is kept in memory: little, for there may be hundreds of writers.
const MEMORY: usize = 1 << 20;

impl Spool {
    pub(super) fn new() -> Self {
        Self::keeping(MEMORY)
    }

    fn keeping(memory: usize) -> Self {
        Spool { chunks: Vec::new(), in_memory: 0, memory, file: None, written: 0, bytes: 0 }
    }

    pub(super) fn push(&mut self, rows: Vec<Vec<u8>>) -> io::Result<()> {
        let bytes: usize = rows.iter().map(Vec::len).sum();
        self.bytes += bytes;
        if self.in_memory + bytes <= self.memory {
            self.in_memory += bytes;
            self.chunks.push(Chunk::Rows(rows));
            return Ok(());
        }
        let lengths = rows.iter().map(|row| u32::try_from(row.len()).unwrap_or(u32::MAX)).collect();
        let at = self.written;
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(nameless()?),
        };
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&rows.concat())?;
        self.written += bytes as u64;
        self.chunks.push(Chunk::Filed(lengths, at));
        Ok(())
    }

    /// How many chunks there are.
    pub(super) fn len(&self) -> usize {
        self.chunks.len()
    }

    /// How many bytes of rows there are.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many bytes of rows are in a chunk.
    pub(super) fn size(&self, at: usize) -> usize {
        match &self.chunks[at] {
            Chunk::Rows(rows) => rows.iter().map(Vec::len).sum(),
            Chunk::Filed(lengths, _) => lengths.iter().map(|length| *length as usize).sum(),
        }
    }

    /// The rows of a chunk.
    pub(super) fn get(&mut self, at: usize) -> io::Result<Vec<Vec<u8>>> {
        let (lengths, from) = match &self.chunks[at] {
            Chunk::Rows(rows) => return Ok(rows.clone()),
            Chunk::Filed(lengths, from) => (lengths, *from),
        };
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        file.seek(SeekFrom::Start(from))?;
        let mut rows = Vec::with_capacity(lengths.len());
        for length in lengths {
            let mut row = vec![0; *length as usize];
            file.read_exact(&mut row)?;
            rows.push(row);
        }
        Ok(rows)
    }

    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.chunks.clear();
        (self.in_memory, self.written, self.bytes) = (0, 0, 0);
        match &self.file {
            Some(file) => file.set_len(0),
            None => Ok(()),
        }
    }
}

/// A file without a name: it is gone when the process is, however that ends.
fn nameless() -> io::Result<File> {
    let path = std::env::temp_dir().join(format!(".flow-bigquery-{}", unique()));
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_from_memory_and_from_the_file() {
        let mut spool = Spool::keeping(4);
        let chunks =
            [vec![b"ab".to_vec(), b"c".to_vec()], vec![b"defg".to_vec(), Vec::new()], vec![b"h".to_vec()]];
        for _ in 0..2 {
            for chunk in &chunks {
                spool.push(chunk.clone()).unwrap();
            }
            assert_eq!((spool.len(), spool.bytes(), spool.written), (3, 8, 4));
            for at in [2, 0, 1] {
                assert_eq!(spool.get(at).unwrap(), chunks[at]);
                assert_eq!(spool.size(at), [3, 4, 1][at]);
            }
            spool.clear().unwrap();
            assert_eq!((spool.len(), spool.bytes()), (0, 0));
        }
    }
}
