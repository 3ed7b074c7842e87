use std::io::{Read, Write};

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;

use super::gunzip::Gunzip;
use super::scanner::Scanner;
use super::{Decode, Record};
use crate::files::{Json, JsonLines, Line};

/// A line of a file: where it begins, its length if it is too long, and its bytes if not.
type Found = (u64, Option<u64>, Vec<u8>);

/// Lines are the same whatever the pieces in which a file is read, and those that are too long are told. The first byte is
/// the size of the pieces, the second the length that is allowed.
pub fn lines(data: &[u8]) {
    let &[chunk, longest, ref text @ ..] = data else { return };
    let (chunk, longest) = (usize::from(chunk) + 1, usize::from(longest));
    let mut wanted = Vec::new();
    let mut offset = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        let too_long = (bare.len() > longest).then_some(bare.len() as u64);
        let kept = bare.strip_suffix(b"\r").unwrap_or(bare);
        wanted.push((offset, too_long, if too_long.is_some() { Vec::new() } else { kept.to_vec() }));
        offset += line.len() as u64;
    }
    assert_eq!(scanned(text, chunk, longest), wanted);
}

fn scanned(mut text: &[u8], chunk: usize, longest: usize) -> Vec<Found> {
    let mut scanner = Scanner::new(0, Some(1), chunk, longest);
    let mut lines = Vec::new();
    loop {
        let end = text.is_empty();
        let found = scanner.next().or_else(|| if end { scanner.finish() } else { None });
        if let Some(found) = found {
            let too_long = found.too_long.as_ref().map(|(length, _)| *length);
            let bytes = if too_long.is_some() { &[][..] } else { scanner.bytes(&found) };
            lines.push((found.offset, too_long, bytes.to_vec()));
        } else if end {
            return lines;
        } else {
            let room = scanner.room();
            let read = room.len().min(text.len());
            room[..read].copy_from_slice(&text[..read]);
            text = &text[read..];
            scanner.filled(read);
        }
    }
}

/// What is no gzip is refused, what is comes out in bounded pieces, and what was packed is unpacked.
pub fn gunzip(data: &[u8]) {
    let _ = std::io::copy(&mut Gunzip::new(data), &mut std::io::sink());
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).expect("memory takes everything");
    let packed = encoder.finish().expect("memory takes everything");
    let mut plain = Vec::new();
    Gunzip::new(&packed[..]).read_to_end(&mut plain).expect("what was packed is unpacked");
    assert_eq!(plain, data);
}

/// A line of JSON is a value, which is written on one line again, or a bad record that shows the line.
pub fn json_lines(data: &[u8]) {
    let record = Record { bytes: data, file: "in.jsonl", line: None, offset: 0 };
    match Json::<Value>::default().decode(record) {
        None => assert!(data.trim_ascii().is_empty()),
        Some(Err(bad)) => assert_eq!(bad.bytes, data.len() as u64),
        Some(Ok(value)) => {
            let mut line = Vec::new();
            JsonLines.write(&value, &mut line).expect("a value of JSON is written");
            assert!(!line.contains(&b'\n'));
            let again = Json::<Value>::default().decode(Record { bytes: &line, ..record });
            assert!(matches!(again, Some(Ok(_))), "{}", line.escape_ascii());
        }
    }
}
