//! Compressed input, with a limit to how far it may swell.

use std::io::{self, Read};
use std::path::Path;
use std::task::Waker;

use flate2::read::MultiGzDecoder;

use super::origin::Input;

/// Whether a file is read through [`Gunzip`], by its name.
pub(crate) fn is_gzip(path: &str) -> bool {
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

impl<R: Read> Gunzip<R> {
    pub(super) fn new(inner: R) -> Self {
        Gunzip { decoder: MultiGzDecoder::new(Metered { inner, read: 0 }), out: 0 }
    }
}

/// The decoder keeps what it has when its input has nothing more for now.
impl<R: Input> Input for Gunzip<R> {
    fn wake(&mut self, waker: &Waker) {
        self.decoder.get_mut().inner.wake(waker);
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
        let mut gunzip = Gunzip::new(&bomb[..]);
        let error = io::copy(&mut gunzip, &mut io::sink()).unwrap_err();
        assert_eq!(error.to_string(), "it swells more than 100 times, as only a decompression bomb does");
        assert!(gunzip.out < 101 << 20);
    }

    /// Gives a byte at a time, and nothing every other time.
    struct Stuttering<'a>(&'a [u8], bool);

    impl Read for Stuttering<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let most = buffer.len().min(1);
            self.0.read(&mut buffer[..most])
        }
    }

    #[test]
    fn input_that_comes_in_pieces_is_unzipped_all_the_same() {
        let mut bytes = Vec::new();
        for member in ["one\ntwo\n", "three"] {
            let mut encoder = GzEncoder::new(&mut bytes, Compression::fast());
            encoder.write_all(member.as_bytes()).unwrap();
        }
        let (mut gunzip, mut text) = (Gunzip::new(Stuttering(&bytes, false)), Vec::new());
        loop {
            let mut buffer = [0; 4];
            match gunzip.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => text.extend_from_slice(&buffer[..read]),
                Err(cause) => assert_eq!(cause.kind(), io::ErrorKind::WouldBlock),
            }
        }
        assert_eq!(text, b"one\ntwo\nthree");
    }
}
