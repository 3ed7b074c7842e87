//! Reading files as a runner does: splits, readers, positions.
#![cfg(feature = "files")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::task::{Context, Poll, Waker};

use flow_core::source::{Next, Reader, ReaderContext, Source};
use flow_core::testing::conformance;
use flow_core::{Bundle, ErrorKind, Result};
use flow_io::files::{BadRecord, JsonFiles, LinePosition, TextFiles};
use proptest::prelude::*;

/// Everything that is left in a reader.
fn rest<R: Reader>(reader: &mut R) -> Result<Vec<R::Item>> {
    let (mut bundle, mut items) = (Bundle::default(), Vec::new());
    loop {
        let next = reader.poll_next(&mut Context::from_waker(Waker::noop()), &mut bundle);
        items.append(&mut bundle.values);
        match next {
            Poll::Ready(Ok(Next::More)) => {}
            Poll::Ready(Ok(Next::End)) => return Ok(items),
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Pending => panic!("a file is always ready"),
        }
    }
}

fn read<S: Source>(source: &S) -> Vec<S::Item> {
    let splits = source.splits(4).unwrap();
    splits
        .iter()
        .flat_map(|split| rest(&mut source.reader(split, None, &ReaderContext::default()).unwrap()).unwrap())
        .collect()
}

fn file_with(bytes: &[u8]) -> (tempfile::TempDir, String) {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a.txt");
    fs::write(&path, bytes).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (root, path)
}

/// The lines of a text, found in the plainest way.
fn lines_of(bytes: &[u8]) -> Vec<String> {
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    let ends = lines.into_iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    ends.map(|line| String::from_utf8_lossy(line).into_owned()).collect()
}

/// Bytes with many short lines, of all kinds.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(b"\n".to_vec()),
        1 => Just(b"\r\n".to_vec()),
        1 => Just(b"\r".to_vec()),
        1 => Just(b"\xff\xc3".to_vec()),
        4 => "[a-z\u{e9}]{0,12}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn splits_of_any_size_give_each_line_once(text in texts(), size in 1_u64..200) {
        let (_root, path) = file_with(&text);
        prop_assert_eq!(read(&TextFiles::matching(&path).split_bytes(size)), lines_of(&text));
    }

    #[test]
    fn a_reader_stopped_anywhere_goes_on_exactly_there(
        text in texts(), size in 1_u64..200, stop in 0_usize..40,
    ) {
        let (_root, path) = file_with(&text);
        let source = TextFiles::matching(&path).split_bytes(size).checked();
        for split in source.splits(1).unwrap() {
            let whole = rest(&mut source.reader(&split, None, &ReaderContext::default()).unwrap()).unwrap();
            let mut reader = source.reader(&split, None, &ReaderContext::default()).unwrap();
            // A bundle that is nearly full takes just as many elements as there are to be read before the stop.
            let room = stop % (whole.len() + 1);
            let mut bundle = Bundle::of(vec![Ok(String::new()); Bundle::<Result<String, BadRecord>>::TARGET_LEN - room]);
            if room > 0 {
                let _ = reader.poll_next(&mut Context::from_waker(Waker::noop()), &mut bundle);
            }
            let first = bundle.values.split_off(bundle.len() - room);
            let mut resumed = source.reader(&split, Some(reader.position()), &ReaderContext::default()).unwrap();
            prop_assert_eq!([first, rest(&mut resumed).unwrap()].concat(), whole);
        }
    }
}

#[test]
fn big_files_are_cut_for_the_workers_that_there_are() {
    let (_root, path) = file_with(&b"0123456789abcde\n".repeat(1 << 18)); // 4 MiB
    let source = TextFiles::matching(&path);
    let ends =
        |desired| source.splits(desired).unwrap().iter().map(|split| split.end >> 20).collect::<Vec<_>>();
    assert_eq!(ends(1), [4]);
    assert_eq!(ends(2), [2, 4]);
    assert_eq!(ends(100), [1, 2, 3, 4]);
    assert_eq!(read(&source).len(), 1 << 18);
}

#[test]
fn what_a_reader_gives_away_is_read_once_and_not_again_where_it_goes_on() {
    let lines: Vec<String> = (0..12_000).map(|n| format!("{n} {}", "x".repeat(n % 31))).collect();
    let (_root, path) = file_with(lines.join("\n").as_bytes());
    conformance::source(&TextFiles::matching(&path).split_bytes(200_000), &lines);

    let source = TextFiles::matching(&path).split_bytes(1 << 20);
    let mut reader = source.reader(&source.splits(1).unwrap()[0], None, &ReaderContext::default()).unwrap();
    let given = source.split_off(&mut reader).unwrap();
    assert_eq!((given.start, given.end), (126_423, 252_847));
    assert_eq!(reader.position().end, Some(126_423));
}

#[test]
fn positions_are_line_starts_and_count_lines() {
    let (_root, path) = file_with(b"one\r\ntwo\nthree");
    let source = TextFiles::matching(&path);
    let split = &source.splits(1).unwrap()[0];
    let mut reader = source.reader(split, None, &ReaderContext::default()).unwrap();
    assert_eq!(reader.position(), LinePosition::START);
    assert_eq!(rest(&mut reader).unwrap(), ["one", "two", "three"]);
    assert_eq!(reader.position(), LinePosition { offset: 14, line: Some(4), end: None });
    let mut resumed = source
        .reader(split, Some(LinePosition { offset: 5, line: Some(2), end: None }), &ReaderContext::default())
        .unwrap();
    assert_eq!(rest(&mut resumed).unwrap(), ["two", "three"]);
}

#[test]
fn a_bad_record_says_where_it_is_and_the_good_ones_go_on() {
    let (_root, path) = file_with(b"1\n\nx\n3\n");
    let read = read(&JsonFiles::<u32>::matching(&path));
    assert_eq!((&read[0], &read[2]), (&Ok(1), &Ok(3)));
    let bad = read[1].as_ref().unwrap_err();
    let wanted = BadRecord {
        file: path,
        line: Some(3),
        offset: 3,
        bytes: 1,
        reason: "expected value at column 1".into(),
        text: "x".into(),
    };
    assert_eq!(*bad, wanted);
    assert_eq!(serde_json::from_str::<BadRecord>(&serde_json::to_string(bad).unwrap()).unwrap(), wanted);
}

#[test]
fn the_line_of_a_bad_record_in_a_later_split_is_not_guessed() {
    let (_root, path) = file_with(b"1111111\n2222222\nx\n");
    let read = read(&JsonFiles::<u32>::matching(&path).split_bytes(8));
    let bad = read[2].as_ref().unwrap_err();
    assert_eq!((bad.line, bad.offset), (None, 16));
    assert_eq!(bad.to_string(), format!("{path} at byte 16: expected value at column 1"));
}

#[test]
fn too_long_a_line_is_a_bad_record_or_fails_the_run_but_is_never_lost() {
    let (_root, path) = file_with(b"ab\n0123456789\ncd\n");
    let source = TextFiles::matching(&path).max_record_bytes(4);
    let split = &source.splits(1).unwrap()[0];
    let error = rest(&mut source.reader(split, None, &ReaderContext::default()).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Source);
    let reason = "the record is 10 bytes long, more than the allowed 4";
    assert_eq!(error.to_string(), format!("{path}:2: {reason}"));

    let read = read(&source.checked());
    assert_eq!((read[0].as_deref(), read[2].as_deref()), (Ok("ab"), Ok("cd")));
    let bad = read[1].as_ref().unwrap_err();
    assert_eq!((bad.reason.as_str(), bad.text.as_str(), bad.bytes), (reason, "0123456789", 10));
}

#[test]
fn compressed_files_are_read_whole_and_resumed() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a.txt.gz");
    let members = ["one\ntw", "o\nthree\n"].map(|text| {
        let mut member = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        member.write_all(text.as_bytes()).unwrap();
        member.finish().unwrap()
    });
    fs::write(&path, members.concat()).unwrap();
    let source = TextFiles::matching(path.to_str().unwrap());
    assert_eq!(read(&source), ["one", "two", "three"]);
    let split = &source.splits(1).unwrap()[0];
    let position = LinePosition { offset: 4, line: Some(2), end: None };
    assert_eq!(
        rest(&mut source.reader(split, Some(position), &ReaderContext::default()).unwrap()).unwrap(),
        ["two", "three"]
    );
}

#[test]
fn a_truncated_compressed_file_fails_the_run() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a.gz");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&b"line\n".repeat(1000)).unwrap();
    let bytes = encoder.finish().unwrap();
    fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
    let source = TextFiles::matching(path.to_str().unwrap());
    let split = &source.splits(1).unwrap()[0];
    let error = rest(&mut source.reader(split, None, &ReaderContext::default()).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read {}", path.display()));
}

#[test]
fn another_file_of_the_same_name_is_not_read_on_in() {
    let (root, path) = file_with(b"one\ntwo\n");
    let source = TextFiles::matching(&path);
    let split = &source.splits(1).unwrap()[0];
    let later = fs::metadata(&path).unwrap().modified().unwrap() + std::time::Duration::from_secs(1);
    fs::write(&path, "other\n").unwrap();
    fs::File::options().write(true).open(Path::new(&path)).unwrap().set_modified(later).unwrap();
    let error = source
        .reader(split, Some(LinePosition { offset: 4, line: Some(2), end: None }), &ReaderContext::default())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{path} has changed since it was first read: cannot read on in it")
    );
    drop(root);
}

#[test]
fn a_file_that_is_gone_is_an_error_with_its_path() {
    let (root, path) = file_with(b"one\n");
    let source = TextFiles::matching(&path);
    let split = source.splits(1).unwrap().remove(0);
    drop(root);
    let error = source.reader(&split, None, &ReaderContext::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Source);
    assert_eq!(error.report(), format!("cannot read {path}: No such file or directory (os error 2)"));
}

#[test]
fn an_empty_file_has_no_lines() {
    let (_root, path) = file_with(b"");
    assert!(read(&TextFiles::matching(&path)).is_empty());
}
