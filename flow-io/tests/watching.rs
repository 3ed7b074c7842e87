//! Files read as they appear, on this machine and in Cloud Storage.
#![cfg(feature = "gcs")]

mod gcs_kit;

use std::fs;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime};

use flow_core::prelude::*;
use flow_core::source::Source;
use flow_core::testing::conformance;
use flow_gcp_emulator::{Clock, Emulator, Fault, When};
use flow_io::files::{ReadFiles, Text, TextFiles};
use flow_runner_local::{Job, LocalRunner, Options};
use gcs_kit::{BUCKET, Shop};

const SOON: Duration = Duration::from_millis(5);

/// A run that gives lines of files as they appear.
fn watch(files: ReadFiles<Text>) -> (Job, Receiver<String>) {
    let p = Pipeline::new();
    let (sender, lines) = channel();
    p.read(files.watch(SOON)).for_each(move |line| sender.send(line.clone()).unwrap());
    let options = Options { epoch: SOON, ..Options::default().with_workers(2) };
    (LocalRunner::new(options).start(p).unwrap(), lines)
}

#[track_caller]
fn next(lines: &Receiver<String>) -> String {
    lines.recv_timeout(Duration::from_secs(20)).expect("a line comes")
}

/// Ends the run; whatever else it has read.
fn end(job: Job, lines: Receiver<String>) -> Vec<String> {
    job.drain();
    job.wait().unwrap_or_else(|error| panic!("{}", error.report()));
    lines.into_iter().collect()
}

#[test]
fn objects_are_read_once_as_they_appear() {
    let shop = Shop::open();
    shop.put("in/a.txt", "one\ntwo\n");
    let (job, lines) = watch(TextFiles::matching("gs://shop-data/in/*.txt").on(&shop.cloud));
    assert_eq!([next(&lines), next(&lines)], ["one", "two"]);
    shop.put("in/c.txt", "three\n");
    assert_eq!(next(&lines), "three");
    shop.put("in/b.txt", "four\n");
    shop.put("in/other.json", "not this one\n");
    assert_eq!(next(&lines), "four");
    shop.put("in/a.txt", "written anew\n");
    assert_eq!(next(&lines), "written anew");
    shop.emulator.gcs().delete(BUCKET, "in/c.txt").unwrap();
    shop.put("in/d.txt", "last\n");
    assert_eq!(next(&lines), "last");
    assert_eq!(end(job, lines), Vec::<String>::new());
}

#[test]
fn files_are_read_once_as_they_appear() {
    let root = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        fs::write(root.path().join(".new"), text).unwrap();
        fs::rename(root.path().join(".new"), root.path().join(name)).unwrap();
    };
    let (job, lines) = watch(TextFiles::matching(format!("{}/*.txt", root.path().display())));
    put("b.txt", "one\ntwo\n");
    assert_eq!([next(&lines), next(&lines)], ["one", "two"]);
    put("a.txt", "three");
    assert_eq!(next(&lines), "three");
    put("b.txt", "written anew\n");
    assert_eq!(next(&lines), "written anew");
    fs::remove_file(root.path().join("a.txt")).unwrap();
    put("c.txt", "last\n");
    assert_eq!(next(&lines), "last");
    assert_eq!(end(job, lines), Vec::<String>::new());
}

#[test]
fn an_object_that_is_gone_when_it_would_be_read_is_passed_over() {
    let shop = Shop::open();
    shop.emulator.faults().add("storage.get", When::First(1), Fault::status(404));
    shop.put("in/a", "one\n");
    shop.put("in/b", "two\n");
    let (job, lines) = watch(TextFiles::matching("gs://shop-data/in").on(&shop.cloud));
    assert_eq!([next(&lines), next(&lines)], ["two", "one"], "it is there again when it is looked next");
    assert_eq!(end(job, lines), Vec::<String>::new());
}

#[test]
fn watching_is_a_lawful_source() {
    let shop = Shop::open();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    let mut wanted = Vec::new();
    for name in ["a", "b", "c"] {
        let lines: Vec<String> = (0..3_000).map(|n| format!("{name} {n}")).collect();
        shop.put(&format!("in/{name}"), lines.join("\n"));
        wanted.extend(lines);
    }
    conformance::source(&TextFiles::matching("gs://shop-data/in").on(&shop.cloud).watch(SOON), &wanted);
}

#[test]
fn a_bucket_that_is_missing_is_told_at_the_start() {
    let shop = Shop::open();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    let files = TextFiles::matching("gs://no-such-bucket/in").on(&shop.cloud).watch(SOON);
    let error = files.splits(1).unwrap_err();
    assert!(error.to_string().starts_with("bucket `no-such-bucket` does not exist: create it"), "{error}");
}

#[test]
fn windows_of_arrival_close_as_files_come() {
    let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_mins(10));
    let emulator = Emulator::builder().clock(clock).start().unwrap();
    let shop = Shop::of(emulator);
    let p = Pipeline::new();
    let (sender, counts) = channel();
    let lines = p.read(TextFiles::matching("gs://shop-data/in/").on(&shop.cloud).watch(SOON));
    let counted = lines.window(Fixed::of(Duration::from_mins(1))).map(|_| ()).count();
    counted.reify().for_each(move |count| sender.send((count.window.start, count.value.1)).unwrap());
    let options = Options { epoch: SOON, ..Options::default().with_workers(2) };
    let job = LocalRunner::new(options).start(p).unwrap();
    shop.put("in/a", "one\ntwo\n");
    shop.emulator.clock().advance(Duration::from_mins(1));
    shop.put("in/b", "three\n");
    let first = counts.recv_timeout(Duration::from_secs(20)).expect("the first minute closes");
    assert_eq!(first, (Timestamp::from_secs(600), 2));
    job.drain();
    job.wait().unwrap_or_else(|error| panic!("{}", error.report()));
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(Timestamp::from_secs(660), 1)]);
}
