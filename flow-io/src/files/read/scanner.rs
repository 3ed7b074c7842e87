//! Lines out of a stream of bytes that arrives in pieces: no I/O here.

use memchr::memchr;

use super::BadRecord;

/// Holds the bytes read and not yet handed out, and finds the lines in them.
#[derive(Debug)]
pub(super) struct Scanner {
    buffer: Vec<u8>,
    /// The first byte of the record that comes next.
    start: usize,
    /// No line ends between `start` and here.
    searched: usize,
    /// Behind the last byte read.
    end: usize,
    /// Where the next record begins in the file.
    offset: u64,
    /// Its number, if lines were counted from the start.
    line: Option<u64>,
    /// The next record has already grown too long, and only its head is kept.
    long: Option<Long>,
    chunk: usize,
    max_record: usize,
}

#[derive(Debug, Default)]
struct Long {
    head: Vec<u8>,
    dropped: u64,
}

/// A line, in the scanner's buffer until more is read.
#[derive(Debug)]
pub(super) struct Found {
    from: usize,
    to: usize,
    pub(super) offset: u64,
    pub(super) line: Option<u64>,
    /// Set if it is longer than allowed: its length and its head.
    pub(super) too_long: Option<(u64, Vec<u8>)>,
}

impl Scanner {
    /// For reading from `offset` on, about `chunk` bytes at a time, records of at most `max_record` bytes.
    pub(super) fn new(offset: u64, line: Option<u64>, chunk: usize, max_record: usize) -> Self {
        Scanner {
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            end: 0,
            offset,
            line,
            long: None,
            chunk,
            max_record,
        }
    }

    /// Gives the buffer back: nothing more is read.
    pub(super) fn release(&mut self) {
        (self.start, self.searched, self.end) = (0, 0, 0);
        self.buffer = Vec::new();
    }

    /// Where the next record begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The number of the next record, where known.
    pub(super) fn line(&self) -> Option<u64> {
        self.line
    }

    /// The next whole line, if one has been read.
    #[inline]
    pub(super) fn next(&mut self) -> Option<Found> {
        if let Some(at) = memchr(b'\n', &self.buffer[self.searched..self.end]) {
            let newline = self.searched + at;
            return Some(self.found(newline, newline + 1));
        }
        self.searched = self.end;
        if self.end - self.start > self.max_record {
            self.drop_long();
        }
        None
    }

    /// The last record, which no newline ends; asked when there is nothing more to read.
    pub(super) fn finish(&mut self) -> Option<Found> {
        (self.end > self.start || self.long.is_some()).then(|| self.found(self.end, self.end))
    }

    /// The bytes of a line just found, without a carriage return.
    #[inline]
    pub(super) fn bytes(&self, found: &Found) -> &[u8] {
        let bytes = &self.buffer[found.from..found.to];
        bytes.strip_suffix(b"\r").unwrap_or(bytes)
    }

    /// Drops everything through the next newline; whether one has been read.
    pub(super) fn skip_line(&mut self) -> bool {
        let newline = memchr(b'\n', &self.buffer[self.start..self.end]);
        let next = newline.map_or(self.end, |at| self.start + at + 1);
        self.offset += (next - self.start) as u64;
        (self.start, self.searched) = (next, next);
        newline.is_some()
    }

    /// Room to read more into; say with [`filled`](Scanner::filled) how much of it was used.
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.start..self.end, 0);
        self.searched -= self.start;
        self.end -= self.start;
        self.start = 0;
        let wanted = self.end + self.chunk;
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        } else if self.buffer.len() > 4 * wanted {
            self.buffer.truncate(wanted); // a huge record has passed
            self.buffer.shrink_to_fit();
        }
        &mut self.buffer[self.end..wanted]
    }

    /// Takes `bytes` of the room as read.
    pub(super) fn filled(&mut self, bytes: usize) {
        self.end += bytes;
    }

    #[inline]
    fn found(&mut self, to: usize, next: usize) -> Found {
        let from = self.start;
        let kept = to - from;
        let too_long =
            if self.long.is_some() || kept > self.max_record { Some(self.take_long(from, to)) } else { None };
        let length = too_long.as_ref().map_or(kept as u64, |(length, _)| *length);
        let found = Found { from, to, offset: self.offset, line: self.line, too_long };
        self.offset += length + (next - to) as u64;
        self.line = self.line.map(|line| line + 1);
        (self.start, self.searched) = (next, next);
        found
    }

    /// The length and the head of the too long record that ends at `to`.
    fn take_long(&mut self, from: usize, to: usize) -> (u64, Vec<u8>) {
        let mut long = self.long.take().unwrap_or_default();
        long.take_in(&self.buffer[from..to]);
        (long.dropped, long.head)
    }

    /// Gives up keeping the record at hand.
    fn drop_long(&mut self) {
        let long = self.long.get_or_insert_default();
        long.take_in(&self.buffer[self.start..self.end]);
        self.start = self.end;
    }
}

impl Long {
    fn take_in(&mut self, bytes: &[u8]) {
        let wanted = BadRecord::TEXT_LIMIT - self.head.len();
        self.head.extend_from_slice(&bytes[..wanted.min(bytes.len())]);
        self.dropped += bytes.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every line of `text`, fed `chunk` bytes at a time, with offset, number and whether it was too long.
    fn lines(text: &[u8], chunk: usize, max_record: usize) -> Vec<(u64, u64, Option<u64>, Vec<u8>)> {
        let mut scanner = Scanner::new(0, Some(1), chunk, max_record);
        let (mut rest, mut lines) = (text, Vec::new());
        loop {
            let end = rest.is_empty();
            let found = scanner.next().or_else(|| if end { scanner.finish() } else { None });
            if let Some(found) = found {
                let bytes = match &found.too_long {
                    Some((_, head)) => head.clone(),
                    None => scanner.bytes(&found).to_vec(),
                };
                lines.push((found.offset, found.line.unwrap(), found.too_long.map(|(len, _)| len), bytes));
            } else if end {
                return lines;
            } else {
                let room = scanner.room();
                let read = room.len().min(rest.len());
                room[..read].copy_from_slice(&rest[..read]);
                rest = &rest[read..];
                scanner.filled(read);
            }
        }
    }

    #[test]
    fn lines_are_found_whatever_the_pieces() {
        let text = b"one\r\n\nthree, longer\nlast";
        let wanted = [
            (0, 1, None, b"one".to_vec()),
            (5, 2, None, b"".to_vec()),
            (6, 3, None, b"three, longer".to_vec()),
            (20, 4, None, b"last".to_vec()),
        ];
        for chunk in 1..30 {
            assert_eq!(lines(text, chunk, 100), wanted, "chunk {chunk}");
        }
    }

    #[test]
    fn a_record_over_the_limit_is_told_and_the_next_one_is_whole() {
        for chunk in 1..30 {
            let found = lines(b"ab\n0123456789\ncd", chunk, 5);
            assert_eq!(found[1], (3, 2, Some(10), b"0123456789".to_vec()), "chunk {chunk}");
            assert_eq!(found[2], (14, 3, None, b"cd".to_vec()), "chunk {chunk}");
        }
    }

    #[test]
    fn an_endless_record_takes_bounded_memory() {
        let mut scanner = Scanner::new(0, Some(1), 1024, 4096);
        for _ in 0..1000 {
            let room = scanner.room();
            room.fill(b'x');
            let read = room.len();
            scanner.filled(read);
            assert!(scanner.next().is_none());
            assert!(scanner.buffer.capacity() <= 16 * 1024);
        }
        let (length, head) = scanner.finish().unwrap().too_long.unwrap();
        assert_eq!((length, head.len()), (1_024_000, 64 * 1024));
    }
}
