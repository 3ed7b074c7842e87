//! Sinks of files in durable runs: processes are killed, and others go on.
#![cfg(feature = "files")]

use std::fs;
use std::future::Future;
use std::mem;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use flow_core::prelude::*;
use flow_core::sink::{Commit, Committed, Delivery, Rejects, Sink, Writer, WriterContext};
use flow_core::testing::conformance;
use flow_core::window::Window;
use flow_core::{Bundle, Meta, Result};
use flow_io::files::{FilePath, FilesWriter, JsonFiles, Prepared, TextFiles, TextLines, WriteFiles};
use tempfile::{TempDir, tempdir};

/// What a future gives that waits for nothing.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("files wait for nothing"),
    }
}

/// The visible files beneath a directory, by name.
fn visible(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if !path.file_name().unwrap().to_str().unwrap().starts_with('.') {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn lines(root: &Path) -> Vec<String> {
    let texts = visible(root).into_iter().map(|path| fs::read_to_string(path).unwrap());
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Where a sink writes, as it says itself.
fn place<T: Element>(sink: &impl Sink<T>) -> PathBuf {
    PathBuf::from(sink.describe().split_once("under ").unwrap().1)
}

fn words() -> Vec<String> {
    (0..11).map(|n| format!("word {n}")).collect()
}

#[test]
fn files_of_lines_go_on_after_a_kill() {
    let (root, state) = (tempdir().unwrap(), tempdir().unwrap());
    for bounded in [false, true] {
        let fresh = |n: usize| TextFiles::under(root.path().join(format!("{bounded}-{n}")));
        conformance::sink_resumes(state.path(), bounded, fresh, &words(), |sink: &WriteFiles<TextLines>| {
            lines(&place::<String>(sink))
        });
    }
}

#[test]
fn files_of_several_shards_go_on_after_a_kill() {
    let (root, state) = (tempdir().unwrap(), tempdir().unwrap());
    for bounded in [false, true] {
        let fresh = |n: usize| TextFiles::under(root.path().join(format!("{bounded}-{n}"))).shards(2);
        conformance::sink_resumes(state.path(), bounded, fresh, &words(), |sink: &WriteFiles<TextLines>| {
            lines(&place::<String>(sink))
        });
    }
}

#[test]
fn files_of_an_element_each_go_on_after_a_kill() {
    let (root, state) = (tempdir().unwrap(), tempdir().unwrap());
    let fresh = |n: usize| {
        JsonFiles::each_under(root.path().join(n.to_string()), |n: &u32| {
            FilePath::new().file(format_args!("{n}.json"))
        })
    };
    let numbers: Vec<u32> = (0..9).collect();
    conformance::sink_resumes(state.path(), false, fresh, &numbers, |sink| {
        lines(&place::<u32>(sink)).into_iter().map(|line| line.parse().unwrap()).collect()
    });
}

/// The minute that begins `n` minutes after the epoch.
fn minute(n: i64) -> Window {
    Window::new(Timestamp::from_secs(n * 60), Timestamp::from_secs(n * 60 + 60))
}

/// One process after another writes lines to a directory, a file for each minute, and is killed.
struct Script {
    root: TempDir,
    state: TempDir,
    bounded: bool,
    sink: WriteFiles<TextLines>,
    writer: Option<FilesWriter<String, TextLines>>,
    epoch: u64,
    watermark: i64,
    manifest: Vec<Prepared>,
    carried: Vec<Prepared>,
}

fn by_minute(root: &Path) -> WriteFiles<TextLines> {
    TextFiles::under(root).named(|name| FilePath::new().file(format_args!("{}.txt", name.start().minute())))
}

impl Script {
    fn new(bounded: bool) -> Self {
        let root = tempdir().unwrap();
        Script {
            sink: by_minute(root.path()),
            root,
            state: tempdir().unwrap(),
            bounded,
            writer: None,
            epoch: 0,
            watermark: 0,
            manifest: Vec::new(),
            carried: Vec::new(),
        }
    }

    fn write(&mut self, window: Window, line: &str) -> &mut Self {
        let context = WriterContext {
            workers: 1,
            step: "write".into(),
            bounded: self.bounded,
            durable: Some(self.state.path().to_owned()),
            ..WriterContext::default()
        };
        let open = || Sink::<String>::open(&self.sink, &context).unwrap();
        let writer = self.writer.get_or_insert_with(open);
        let meta = Meta { window, time: window.start, ..Meta::default() };
        let mut bundle = Bundle::with(vec![line.to_owned()], meta);
        let mut rejects = Rejects::default();
        now(writer.write(&mut bundle, &mut rejects)).unwrap();
        assert_eq!(rejects.as_slice(), []);
        self
    }

    /// Prepares an epoch and writes its manifest.
    fn prepare(&mut self, watermark: i64) -> &mut Self {
        (self.epoch, self.watermark) = (self.epoch + 1, watermark);
        let watermark = Timestamp::from_secs(watermark);
        let writer = self.writer.as_mut().unwrap();
        self.manifest = now(writer.prepare(self.epoch, watermark, &mut Rejects::default())).unwrap();
        self.manifest.append(&mut self.carried);
        self
    }

    fn the_commit(&self) -> Commit<Prepared> {
        let watermark = Timestamp::from_secs(self.watermark);
        Commit { epoch: self.epoch, last: false, watermark, tokens: self.manifest.clone() }
    }

    fn commit(&mut self, watermark: i64) -> Committed<Prepared> {
        self.prepare(watermark);
        let committed = now(Sink::<String>::commit(&self.sink, self.the_commit())).unwrap();
        self.carried.clone_from(&committed.carried);
        committed
    }

    fn kill(&mut self) -> &mut Self {
        let killed = (mem::replace(&mut self.sink, by_minute(self.root.path())), self.writer.take());
        mem::forget(killed);
        self
    }

    fn resume(&mut self) -> Result<()> {
        self.carried = now(Sink::<String>::resume(&self.sink, self.the_commit()))?.carried;
        Ok(())
    }

    fn texts(&self) -> Vec<(String, String)> {
        let text = |path: PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        };
        visible(self.root.path()).into_iter().map(text).collect()
    }

    fn hidden(&self) -> Vec<PathBuf> {
        let paths = fs::read_dir(self.root.path()).unwrap().map(|entry| entry.unwrap().path());
        paths.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with('.')).collect()
    }
}

fn wanted<const N: usize>(files: [(&str, &str); N]) -> Vec<(String, String)> {
    files.map(|(name, text)| (name.to_owned(), text.to_owned())).into()
}

#[test]
fn a_window_that_a_kill_falls_into_is_one_file_of_what_was_in_manifests() {
    let mut run = Script::new(false);
    assert_eq!(run.write(minute(0), "a").commit(0).held_since, None);
    run.write(minute(0), "b").prepare(10).write(minute(0), "in no manifest").kill().resume().unwrap();
    run.write(minute(0), "c").commit(60);
    assert_eq!(run.texts(), wanted([("0.txt", "a\nb\nc\n")]));
    assert_eq!(run.hidden(), [""; 0].map(PathBuf::from));
    assert_eq!(Sink::<String>::delivery(&run.sink, false), Delivery::EffectivelyOnce);
}

#[test]
fn what_comes_late_after_a_kill_is_written_beside_what_was_there_before() {
    for bounded in [false, true] {
        let mut run = Script::new(bounded);
        run.write(minute(0), "a").commit(60);
        run.kill().resume().unwrap();
        run.write(minute(0), "late").commit(120);
        assert_eq!(run.texts(), wanted([("0-1.txt", "late\n"), ("0.txt", "a\n")]));
    }
}

#[test]
#[cfg(unix)]
fn a_file_that_got_its_name_when_the_process_was_killed_gets_no_other() {
    let mut run = Script::new(false);
    run.write(minute(0), "a").prepare(60);
    let hidden = run.hidden().remove(0);
    fs::write(run.root.path().join("0.txt"), "of others").unwrap();
    fs::hard_link(&hidden, run.root.path().join("0-1.txt")).unwrap();
    run.kill().resume().unwrap();
    assert_eq!(run.texts(), wanted([("0-1.txt", "a\n"), ("0.txt", "of others")]));
    assert_eq!(run.hidden().len(), 0);
}

#[test]
fn a_file_that_is_lost_is_told_with_what_was_in_it() {
    let mut run = Script::new(false);
    run.write(minute(0), "a").commit(0);
    let hidden = run.hidden().remove(0);
    fs::remove_file(&hidden).unwrap();
    let error = run.kill().resume().unwrap_err();
    let file = run.root.path().join("0.txt");
    let wanted = format!(
        "{} cannot be gone on with: an earlier process has left 2 bytes of it in {}, which is not there; bring that back, \
         or begin anew with another state directory and without what it held",
        file.display(),
        hidden.display()
    );
    assert_eq!(error.to_string(), wanted);
}

#[test]
fn what_a_worker_had_written_ahead_of_another_is_not_in_the_file_of_a_later_process() {
    let mut run = Script::new(false);
    let context = WriterContext {
        workers: 2,
        step: "write".into(),
        durable: Some(run.state.path().to_owned()),
        ..WriterContext::default()
    };
    let open =
        |worker| Sink::<String>::open(&run.sink, &WriterContext { worker, ..context.clone() }).unwrap();
    let (mut one, mut other) = (open(0), open(1));
    let mut rejects = Rejects::default();
    let mut write = |writer: &mut FilesWriter<String, TextLines>, line: String| {
        let meta = Meta { window: minute(0), ..Meta::default() };
        now(writer.write(&mut Bundle::with(vec![line], meta), &mut rejects)).unwrap();
    };
    let prepare = |writer: &mut FilesWriter<String, TextLines>| {
        now(writer.prepare(1, Timestamp::MIN, &mut Rejects::default())).unwrap()
    };
    write(&mut one, "a".to_owned());
    let mut manifest = prepare(&mut one);
    write(&mut one, "x".repeat(40_000)); // more than is kept back
    write(&mut other, "b".to_owned());
    manifest.extend(prepare(&mut other));
    mem::forget((one, other));
    assert_eq!(fs::metadata(run.hidden().remove(0)).unwrap().len(), 40_005);

    (run.epoch, run.manifest) = (1, manifest);
    run.kill().resume().unwrap();
    run.write(minute(0), "c").commit(60);
    assert_eq!(run.texts(), wanted([("0.txt", "a\nb\nc\n")]));
    assert_eq!(run.hidden().len(), 0);
}
