//! Compressed input, with a limit to how far it may swell.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

/// Whether a file is read through [`Gunzip`], by its name.
pub(super) fn is_gzip(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

/// Reads a file of one or more gzip members.
#[derive(Debug)]
pub(super) struct Gunzip<R> {
    decoder: MultiGzDecoder<Metered<R>>,
    out: u64,
}

/// Below this the ratio is not looked at.
const HARMLESS: u64 = 100 << 20;
/// How many bytes one compressed byte may become. Text and JSON stay under 30.
const MAX_RATIO: u64 = 100;

impl Gunzip<File> {
    pub(super) fn new(file: File) -> Self {
        Gunzip { decoder: MultiGzDecoder::new(Metered { inner: file, read: 0 }), out: 0 }
    }
}

impl<R: Read> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.decoder.read(buffer)?;
        self.out += read as u64;
        if self.out > HARMLESS && self.out / MAX_RATIO > self.decoder.get_ref().read {
            let reason = format!("it swells more than {MAX_RATIO} times, as only a decompression bomb does");
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(read)
    }
}

/// Counts what is read.
#[derive(Debug)]
struct Metered<R> {
    inner: R,
    read: u64,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    #[test]
    fn a_bomb_is_refused_before_it_has_swollen_far() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let zeros = vec![0; 1 << 20];
        for _ in 0..200 {
            encoder.write_all(&zeros).unwrap();
        }
        let bomb = encoder.finish().unwrap();
        let decoder = MultiGzDecoder::new(Metered { inner: &bomb[..], read: 0 });
        let mut gunzip = Gunzip { decoder, out: 0 };
        let error = io::copy(&mut gunzip, &mut io::sink()).unwrap_err();
        assert_eq!(error.to_string(), "it swells more than 100 times, as only a decompression bomb does");
        assert!(gunzip.out < 101 << 20);
    }
}
