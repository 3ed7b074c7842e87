//! Writing files as a runner does: writers on workers, epochs, commits.
#![cfg(feature = "files")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use flow_core::metrics::Metrics;
use flow_core::sink::{Claims, Commit, Committed, Rejects, Sink, Writer, WriterContext};
use flow_core::window::Window;
use flow_core::{Bundle, Element, ErrorKind, Meta, Result, Timestamp};
use flow_io::files::{FilePath, FilesWriter, JsonFiles, Prepared, TextFiles, TextLines, WriteFiles};

/// What a future gives that waits for nothing.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("files wait for nothing"),
    }
}

fn worker(worker: usize, bounded: bool) -> WriterContext {
    WriterContext {
        worker,
        workers: 2,
        step: "write".into(),
        bounded,
        claims: Claims::default(),
        metrics: Metrics::default(),
        ..WriterContext::default()
    }
}

/// The minute that begins `n` minutes after the epoch.
fn minute(n: i64) -> Window {
    Window::new(Timestamp::from_secs(n * 60), Timestamp::from_secs(n * 60 + 60))
}

fn bundle<T: Element>(window: Window, values: impl IntoIterator<Item = T>) -> Bundle<T> {
    let time = window.start;
    Bundle::with(values.into_iter().collect(), Meta { window, time, ..Meta::default() })
}

/// One writer of lines, driven by hand through epochs.
struct Script {
    sink: WriteFiles<TextLines>,
    writer: FilesWriter<String, TextLines>,
    rejects: Rejects<String>,
    epoch: u64,
}

impl Script {
    fn of(sink: WriteFiles<TextLines>, bounded: bool) -> Self {
        Script::of_run(&Claims::default(), sink, bounded)
    }

    /// Of a run that others belong to as well.
    fn of_run(run: &Claims, sink: WriteFiles<TextLines>, bounded: bool) -> Self {
        let writer = sink.open(&WriterContext { claims: run.clone(), ..worker(0, bounded) }).unwrap();
        Script { sink, writer, rejects: Rejects::default(), epoch: 1 }
    }

    fn write(&mut self, window: Window, line: &str) -> &mut Self {
        now(self.writer.write(&mut bundle(window, [line.to_owned()]), &mut self.rejects)).unwrap();
        self
    }

    fn try_commit(&mut self, watermark: Timestamp) -> Result<Committed<Prepared>> {
        let epoch = self.epoch;
        let tokens = now(self.writer.prepare(epoch, watermark, &mut self.rejects))?;
        self.epoch += 1;
        let commit = Commit { epoch, last: watermark == Timestamp::MAX, watermark, tokens };
        now(Sink::<String>::commit(&self.sink, commit))
    }

    fn commit(&mut self, watermark: i64) -> Committed<Prepared> {
        self.try_commit(Timestamp::from_secs(watermark)).unwrap()
    }

    fn end(&mut self) -> Committed<Prepared> {
        self.try_commit(Timestamp::MAX).unwrap()
    }

    fn reasons(&self) -> Vec<String> {
        self.rejects.as_slice().iter().map(|rejected| rejected.reason.clone()).collect()
    }
}

/// The visible files beneath a directory, with their contents.
fn tree(root: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for path in all_files(root) {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if !name.rsplit('/').next().unwrap().starts_with('.') {
            files.insert(name, fs::read_to_string(path).unwrap());
        }
    }
    files
}

fn all_files(root: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(all_files(&path)) } else { files.push(path) }
    }
    files
}

fn wanted<const N: usize>(files: [(&str, &str); N]) -> BTreeMap<String, String> {
    files.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

/// Names files by their window's minute.
fn by_minute(root: &Path) -> WriteFiles<TextLines> {
    TextFiles::under(root).named(|name| FilePath::new().file(format_args!("{}.txt", name.start().minute())))
}

#[test]
fn a_file_appears_when_the_watermark_has_passed_its_window() {
    let root = tempfile::tempdir().unwrap();
    let mut run = Script::of(by_minute(root.path()), true);
    run.write(minute(0), "a").write(minute(1), "b");
    assert_eq!(run.commit(59).held_since, Some(1));
    assert_eq!(tree(root.path()), wanted([]));
    run.write(minute(0), "c");
    assert_eq!(run.commit(60).held_since, Some(1));
    assert_eq!(tree(root.path()), wanted([("0.txt", "a\nc\n")]));
    run.write(minute(2), "d");
    assert_eq!(run.commit(120).held_since, Some(3));
    assert_eq!(run.end().held_since, None);
    assert_eq!(tree(root.path()), wanted([("0.txt", "a\nc\n"), ("1.txt", "b\n"), ("2.txt", "d\n")]));
    assert_eq!(all_files(root.path()).len(), 3, "no temporary file is left");
}

#[test]
fn a_file_waits_for_the_last_moment_of_its_window() {
    let root = tempfile::tempdir().unwrap();
    let mut run = Script::of(by_minute(root.path()), true);
    run.write(minute(0), "a").try_commit(minute(0).max_timestamp()).unwrap();
    assert_eq!(tree(root.path()), wanted([]));
}

#[test]
fn sources_are_held_by_the_oldest_epoch_that_is_not_visible() {
    let root = tempfile::tempdir().unwrap();
    let mut run = Script::of(by_minute(root.path()), true);
    run.write(minute(5), "a").commit(0);
    run.write(minute(6), "b").write(minute(4), "c");
    assert_eq!(run.commit(0).held_since, Some(1));
    assert_eq!(run.commit(6 * 60).held_since, Some(2));

    let mut run = Script::of(by_minute(root.path()), true);
    let tokens = now(run.writer.prepare(1, Timestamp::MIN, &mut run.rejects)).unwrap();
    run.write(minute(7), "behind the barrier");
    let commit = Commit { epoch: 1, last: false, watermark: Timestamp::MIN, tokens };
    assert_eq!(now(Sink::<String>::commit(&run.sink, commit)).unwrap().held_since, None);
}

/// How many bytes are in all files, visible or not.
fn bytes_under(root: &Path) -> u64 {
    all_files(root).iter().map(|path| fs::metadata(path).unwrap().len()).sum()
}

#[test]
fn a_block_goes_to_the_file_as_soon_as_it_is_full() {
    let root = tempfile::tempdir().unwrap();
    let mut run = Script::of(by_minute(root.path()), true);
    run.write(minute(0), &"x".repeat(20_000));
    assert_eq!(bytes_under(root.path()), 0);
    run.write(minute(0), &"x".repeat(20_000));
    assert_eq!(bytes_under(root.path()), 40_002);
}

#[test]
fn blocks_of_many_files_take_bounded_memory() {
    let root = tempfile::tempdir().unwrap();
    let mut run = Script::of(TextFiles::under(root.path()), true);
    let line = "x".repeat(20_000);
    let mut n = 0;
    while bytes_under(root.path()) == 0 {
        run.write(minute(n), &line);
        n += 1;
    }
    assert!((500..3_360).contains(&n), "written out at {n} lines");
    assert_eq!(bytes_under(root.path()), n as u64 * 20_001);
    run.write(minute(n), &line);
    assert_eq!(bytes_under(root.path()), n as u64 * 20_001, "the memory is free again");
}

#[test]
fn late_elements_go_to_further_parts_even_if_the_naming_forgets_them() {
    let root = tempfile::tempdir().unwrap();
    let mut run = Script::of(by_minute(root.path()), true);
    run.write(minute(0), "a").commit(60);
    run.write(minute(0), "late").commit(61);
    run.write(minute(0), "later").write(minute(0), "too").end();
    let files = [("0.txt", "a\n"), ("0-1.txt", "late\n"), ("0-2.txt", "later\ntoo\n")];
    assert_eq!(tree(root.path()), wanted(files));
}

#[test]
fn what_is_written_after_a_barrier_is_not_made_visible_by_its_commit() {
    let root = tempfile::tempdir().unwrap();
    let mut run = Script::of(by_minute(root.path()), true);
    run.write(minute(0), "a");
    let watermark = Timestamp::from_secs(60);
    let tokens = now(run.writer.prepare(1, watermark, &mut run.rejects)).unwrap();
    run.write(minute(0), &"x".repeat(1 << 20)); // more than a block: it is appended to a file at once
    now(Sink::<String>::commit(&run.sink, Commit { epoch: 1, last: false, watermark, tokens })).unwrap();
    assert_eq!(tree(root.path()), wanted([("0.txt", "a\n")]));
    run.epoch = 2;
    run.commit(60);
    assert_eq!(tree(root.path()).get("0-1.txt").map(String::len), Some((1 << 20) + 1));
}

#[test]
fn a_naming_that_gives_two_windows_one_name_loses_neither() {
    let root = tempfile::tempdir().unwrap();
    let mut run = Script::of(TextFiles::under(root.path()).named(|_| FilePath::new().file("all.txt")), true);
    run.write(minute(0), "a").write(minute(1), "b").end();
    assert_eq!(tree(root.path()), wanted([("all.txt", "a\n"), ("all-1.txt", "b\n")]));
}

#[test]
fn the_default_name_says_window_and_shard() {
    let root = tempfile::tempdir().unwrap();
    let mut run = Script::of(TextFiles::under(root.path()), true);
    run.write(minute(0), "a").write(Window::GLOBAL, "b").end();
    let windowed = "19700101T000000Z-19700101T000100Z-00001-of-00001.txt";
    assert_eq!(tree(root.path()), wanted([(windowed, "a\n"), ("data-00001-of-00001.txt", "b\n")]));
}

#[test]
fn a_rerun_replaces_the_files_and_removes_what_a_killed_run_left() {
    let root = tempfile::tempdir().unwrap();
    Script::of(by_minute(root.path()), true).write(minute(0), "old").write(minute(1), "other").end();
    fs::write(root.path().join(".0.txt.tmp-1-99999"), "half").unwrap();
    Script::of(by_minute(root.path()), true).write(minute(0), "new").end();
    assert_eq!(tree(root.path()), wanted([("0.txt", "new\n"), ("1.txt", "other\n")]));
    assert_eq!(all_files(root.path()).len(), 2);
}

#[test]
fn a_restarted_stream_writes_beside_what_may_have_been_acknowledged() {
    let root = tempfile::tempdir().unwrap();
    Script::of(by_minute(root.path()), false).write(minute(0), "acknowledged").commit(60);
    Script::of(by_minute(root.path()), false).write(minute(0), "late").commit(60);
    assert_eq!(tree(root.path()), wanted([("0.txt", "acknowledged\n"), ("0-1.txt", "late\n")]));
}

#[test]
fn an_endless_collection_in_the_global_window_makes_a_part_an_epoch() {
    let root = tempfile::tempdir().unwrap();
    let sink = TextFiles::under(root.path()).named(|_| FilePath::new().file("a.txt"));
    let mut run = Script::of(sink, false);
    assert_eq!(run.write(Window::GLOBAL, "a").commit(0).held_since, None);
    assert_eq!(run.commit(0).held_since, None);
    assert_eq!(run.write(Window::GLOBAL, "b").commit(0).held_since, None);
    assert_eq!(tree(root.path()), wanted([("a.txt", "a\n"), ("a-1.txt", "b\n")]));
}

#[test]
fn a_repeated_commit_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let mut run = Script::of(by_minute(root.path()), true);
    let watermark = Timestamp::from_secs(60);
    run.write(minute(0), "a").write(minute(1), "b");
    let tokens = now(run.writer.prepare(1, watermark, &mut run.rejects)).unwrap();
    for _ in 0..2 {
        let commit = Commit { epoch: 1, last: false, watermark, tokens: tokens.clone() };
        assert_eq!(now(Sink::<String>::commit(&run.sink, commit)).unwrap().held_since, Some(1));
        assert_eq!(tree(root.path()), wanted([("0.txt", "a\n")]));
    }
}

#[test]
fn tokens_say_what_is_where() {
    let root = tempfile::tempdir().unwrap();
    let mut run = Script::of(by_minute(root.path()), true);
    run.write(minute(3), "abc");
    let tokens = now(run.writer.prepare(1, Timestamp::MIN, &mut run.rejects)).unwrap();
    assert_eq!(tokens.len(), 1);
    assert_eq!((tokens[0].window, tokens[0].epoch, tokens[0].bytes), (minute(3), 1, 4));
    assert_eq!(tokens[0].path, root.path().join("3.txt").to_str().unwrap());
    assert_eq!(fs::read_to_string(&tokens[0].temporary).unwrap(), "abc\n");
    assert!(now(run.writer.prepare(2, Timestamp::MIN, &mut run.rejects)).unwrap().is_empty());
}

#[test]
fn a_run_that_fails_leaves_nothing_behind() {
    let root = tempfile::tempdir().unwrap();
    let mut run = Script::of(by_minute(root.path()), true);
    run.write(minute(0), "a").commit(0);
    assert_eq!(all_files(root.path()).len(), 1);
    drop(run);
    assert_eq!(all_files(root.path()).len(), 0);
}

#[test]
fn all_workers_share_one_file() {
    let root = tempfile::tempdir().unwrap();
    let (sink, claims) = (JsonFiles::under(root.path()), Claims::default());
    let tokens: Vec<_> = std::thread::scope(|scope| {
        let workers = (0..4_u64).map(|n| {
            let (sink, claims) = (sink.clone(), claims.clone());
            scope.spawn(move || {
                let context = WriterContext { claims, ..worker(n as usize, true) };
                let mut writer = Sink::<u64>::open(&sink, &context).unwrap();
                let mut rejects = Rejects::default();
                for chunk in 0..100 {
                    let values = (0..1000).map(|i| (n * 100 + chunk) * 1000 + i);
                    now(writer.write(&mut bundle(Window::GLOBAL, values), &mut rejects)).unwrap();
                }
                now(writer.prepare(1, Timestamp::MAX, &mut rejects)).unwrap()
            })
        });
        workers.collect::<Vec<_>>().into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let commit = Commit { epoch: 1, last: true, watermark: Timestamp::MAX, tokens };
    now(Sink::<u64>::commit(&sink, commit)).unwrap();
    let files = tree(root.path());
    assert_eq!(files.keys().collect::<Vec<_>>(), ["data-00001-of-00001.jsonl"]);
    let numbers: BTreeSet<u64> =
        files.values().next().unwrap().lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(numbers.len(), 400_000);
    assert_eq!(numbers.last(), Some(&399_999));
}

#[test]
fn shards_are_files_of_their_own() {
    let root = tempfile::tempdir().unwrap();
    let (sink, claims) = (TextFiles::under(root.path()).shards(2), Claims::default());
    let mut rejects = Rejects::default();
    for n in 0..3 {
        let context = WriterContext { claims: claims.clone(), ..worker(n, true) };
        let mut writer = sink.open(&context).unwrap();
        now(writer.write(&mut bundle(Window::GLOBAL, [n]), &mut rejects)).unwrap();
        now(writer.prepare(1, Timestamp::MAX, &mut rejects)).unwrap();
    }
    let commit = Commit { epoch: 1, last: true, watermark: Timestamp::MAX, tokens: Vec::new() };
    now(Sink::<usize>::commit(&sink, commit)).unwrap();
    let files = [("data-00001-of-00002.txt", "0\n2\n"), ("data-00002-of-00002.txt", "1\n")];
    assert_eq!(tree(root.path()), wanted(files));
}

#[test]
fn names_out_of_data_stay_beneath_the_root() {
    let root = tempfile::tempdir().unwrap();
    let sink = TextFiles::under(root.path().join("out"));
    for name in ["../../etc", "a/b", ".hidden"] {
        Script::of(sink.clone().within(name), true).write(Window::GLOBAL, "x").end();
    }
    let file = "data-00001-of-00001.txt";
    let names = ["%2E.%2F..%2Fetc", "%2Ehidden", "a%2Fb"].map(|name| format!("out/{name}/{file}"));
    assert_eq!(tree(root.path()).into_keys().collect::<Vec<_>>(), names);
}

#[test]
fn elements_whose_path_cannot_be_are_refused_and_the_rest_is_written() {
    let root = tempfile::tempdir().unwrap();
    let sink = TextFiles::under(root.path()).named(|name| match name.start().minute() {
        0 => FilePath::new().dir("..").file("a"),
        1 => FilePath::new().file("x".repeat(200)),
        _ => FilePath::new().file("good.txt"),
    });
    let mut run = Script::of(sink, true);
    run.write(minute(0), "up").write(minute(1), "long").write(minute(2), "good").end();
    assert_eq!(tree(root.path()), wanted([("good.txt", "good\n")]));
    let reasons = run.reasons();
    assert_eq!(reasons[0], "`..` cannot be a part of a file's path");
    assert!(reasons[1].ends_with("is too long for a part of a file's path: more than 128 bytes"));
    assert_eq!(run.rejects.as_slice()[0].value, "up");
    assert_eq!(run.rejects.as_slice()[0].destination, root.path().to_str().unwrap());
}

#[test]
#[cfg(unix)]
fn a_link_out_of_the_root_is_refused() {
    let (root, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::os::unix::fs::symlink(elsewhere.path(), root.path().join("a")).unwrap();
    let mut run = Script::of(TextFiles::under(root.path()).within("a"), true);
    run.write(Window::GLOBAL, "x").end();
    assert_eq!(all_files(elsewhere.path()).len(), 0);
    let link = root.path().join("a").display().to_string();
    assert_eq!(run.reasons(), [format!("{link} is a symbolic link, which is not followed")]);
}

#[test]
fn files_without_number_are_refused_until_others_are_finished() {
    let root = tempfile::tempdir().unwrap();
    let mut run = Script::of(by_minute(root.path()).max_files(2), true);
    run.write(minute(0), "a").write(minute(1), "b").write(minute(2), "c");
    assert_eq!(run.reasons(), ["2 files are being written: no more at a time"]);
    run.commit(60);
    run.write(minute(2), "c").end();
    assert_eq!(tree(root.path()), wanted([("0.txt", "a\n"), ("1.txt", "b\n"), ("2.txt", "c\n")]));
}

#[test]
fn derived_sinks_share_the_limit_of_files() {
    let root = tempfile::tempdir().unwrap();
    let base = TextFiles::under(root.path()).max_files(1);
    let mut first = Script::of(base.clone().within("a"), true);
    let mut second = Script::of(base.within("b"), true);
    first.write(Window::GLOBAL, "x");
    second.write(Window::GLOBAL, "y");
    assert_eq!(second.reasons(), ["1 files are being written: no more at a time"]);
}

#[test]
fn more_files_than_may_be_open_are_written_all_the_same() {
    let root = tempfile::tempdir().unwrap();
    let mut run = Script::of(by_minute(root.path()).max_open(3), true);
    for round in ["a", "b", "c"] {
        for n in 0..20 {
            run.write(minute(n), round);
        }
        run.commit(0);
    }
    run.end();
    let files = tree(root.path());
    assert_eq!(files.len(), 20);
    assert!(files.values().all(|text| text == "a\nb\nc\n"));
}

#[test]
fn an_element_that_the_format_cannot_hold_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let sink = JsonFiles::under(root.path());
    let mut writer = sink.open(&worker(0, true)).unwrap();
    let mut rejects = Rejects::default();
    let rows = [BTreeMap::from([(vec![1], 1)]), BTreeMap::new()]; // JSON's keys are text
    now(writer.write(&mut bundle(Window::GLOBAL, rows), &mut rejects)).unwrap();
    now(writer.prepare(1, Timestamp::MAX, &mut rejects)).unwrap();
    let commit = Commit { epoch: 1, last: true, watermark: Timestamp::MAX, tokens: Vec::new() };
    now(Sink::<BTreeMap<Vec<i32>, i32>>::commit(&sink, commit)).unwrap();
    assert_eq!(rejects.as_slice()[0].reason, "key must be a string");
    assert_eq!(tree(root.path()), wanted([("data-00001-of-00001.jsonl", "{}\n")]));
}

#[test]
fn a_file_where_a_directory_must_be_fails_the_run_with_its_path() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("a"), "").unwrap();
    let mut run = Script::of(TextFiles::under(root.path()).within("a"), true);
    let error =
        now(run.writer.write(&mut bundle(minute(0), ["x".to_owned()]), &mut run.rejects)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Sink);
    assert_eq!(error.report(), format!("cannot write {}: not a directory", root.path().join("a").display()));

    let sink = TextFiles::under(root.path().join("a").join("b"));
    let mut run = Script::of(sink, true);
    let error =
        now(run.writer.write(&mut bundle(minute(0), ["x".to_owned()]), &mut run.rejects)).unwrap_err();
    assert!(error.report().ends_with("Not a directory (os error 20)"), "{}", error.report());
}

#[test]
fn a_name_that_is_a_directory_fails_the_commit_with_its_path() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("0.txt")).unwrap();
    let mut run = Script::of(by_minute(root.path()), true);
    let error = run.write(minute(0), "a").try_commit(Timestamp::MAX).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string()),
        (ErrorKind::Sink, format!("cannot write {}/0.txt", root.path().display()))
    );
}

#[test]
fn two_steps_cannot_write_to_clones_of_one_sink() {
    let root = tempfile::tempdir().unwrap();
    let sink = TextFiles::under(root.path());
    let claims = Claims::default();
    let run = Script::of_run(&claims, sink.clone(), true);
    let other = WriterContext { step: "write 2".into(), claims, ..worker(0, true) };
    let error = Sink::<String>::open(&sink, &other).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().starts_with("steps `write` and `write 2` write to clones of one sink"));
    drop(run);
}

#[tokio::test]
async fn on_a_runtime_many_files_are_finished_at_once() {
    let root = tempfile::tempdir().unwrap();
    let mut run = Script::of(by_minute(root.path()), true);
    for n in 0..30 {
        run.write(minute(n), "a");
    }
    let tokens = now(run.writer.prepare(1, Timestamp::MAX, &mut run.rejects)).unwrap();
    let commit = Commit { epoch: 1, last: true, watermark: Timestamp::MAX, tokens };
    Sink::<String>::commit(&run.sink, commit).await.unwrap();
    assert_eq!(tree(root.path()).len(), 30);
}

#[test]
fn a_writer_opened_in_the_middle_of_a_run_holds_only_what_it_writes() {
    let root = tempfile::tempdir().unwrap();
    let claims = Claims::default();
    let mut run = Script::of_run(&claims, by_minute(root.path()), true);
    for _ in 1..4 {
        run.commit(60);
    }
    run.writer = run.sink.open(&WriterContext { claims, ..worker(1, true) }).unwrap();
    run.write(minute(5), "a").write(minute(0), "late");
    assert_eq!(run.commit(60).held_since, Some(4));
    assert_eq!(tree(root.path()), wanted([("0.txt", "late\n")]));
}

#[test]
fn a_share_of_a_file_that_was_finished_meanwhile_becomes_a_part() {
    let root = tempfile::tempdir().unwrap();
    let claims = Claims::default();
    let mut run = Script::of_run(&claims, by_minute(root.path()), true);
    let mut second = Script::of_run(&claims, run.sink.clone(), true);
    second.write(minute(0), "b");
    run.write(minute(0), "a").commit(60);
    second.epoch = 2;
    second.commit(60);
    assert_eq!(tree(root.path()), wanted([("0.txt", "a\n"), ("0-1.txt", "b\n")]));
}

#[test]
fn a_sink_that_is_used_again_after_a_run_that_failed_begins_anew() {
    let root = tempfile::tempdir().unwrap();
    let sink = by_minute(root.path());
    let mut failed = Script::of(sink.clone(), true);
    failed.write(minute(0), "half");
    now(failed.writer.prepare(500, Timestamp::MIN, &mut failed.rejects)).unwrap();
    drop(failed);
    let mut run = Script::of(sink, true);
    run.write(minute(0), "whole").end();
    assert_eq!(tree(root.path()), wanted([("0.txt", "whole\n")]));
}
