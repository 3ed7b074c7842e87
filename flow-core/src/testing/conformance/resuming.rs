use std::fmt::Debug;
use std::mem;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use super::source::encoded;
use crate::reference::Parked;
use crate::sink::{Claims, Commit, Delivery, Rejects, Sink, Writer, WriterContext};
use crate::testing::assert::difference;
use crate::{Bundle, Element, Timestamp};

/// Checks that a [`Sink`] goes on where a process was killed, in a durable run, with some elements that it takes: eight or
/// more.
///
/// The suite plays the runner. Two writers write to a place, epoch after epoch, one of them a step ahead of the other;
/// what they prepared is put into a manifest with what the epoch before carried on, and the process is killed: in front
/// of the commit, within or behind it, before the next manifest, or while the next process takes up what it finds. Another
/// number of writers then goes on, and writes again what no manifest had.
///
/// - Whatever is killed when, in the end everything is visible.
/// - A sink that [delivers](Sink::delivery) effectively once shows nothing twice, and nothing before its commit.
///
/// `durable` is a directory for the sink's files that is there and empty. `fresh` makes a sink of the place with a number: as another
/// process would, of the same number as before to go on. `visible` looks at what a reader of that place sees.
///
/// ```
/// use flow_core::testing::{MemorySink, MemorySinks, conformance};
/// let sinks = MemorySinks::new();
/// let state = std::env::temp_dir();
/// conformance::sink_resumes(
///     &state,
///     true,
///     |place| sinks.sink(&format!("place {place}")),
///     &["a", "b", "c", "d", "e", "f", "g", "h"].map(String::from),
///     |sink: &MemorySink<String>| sink.values(),
/// );
/// ```
#[track_caller]
pub fn sink_resumes<T, S>(
    durable: &Path,
    bounded: bool,
    fresh: impl Fn(usize) -> S,
    elements: &[T],
    visible: impl Fn(&S) -> Vec<T>,
) where
    T: Element + PartialEq + Debug,
    S: Sink<T>,
{
    assert!(elements.len() >= 8, "give eight elements or more, two for each of four epochs");
    let quarter = elements.len() / 4;
    let mut place = 0;
    for end in [End::Dropped, End::Gone] {
        for first in [Kill::BeforeCommit, Kill::WithinCommit, Kill::AfterCommit, Kill::BeforeManifest] {
            for second in
                [None, Some(Kill::WithinCommit), Some(Kill::AfterCommit), Some(Kill::BeforeManifest)]
            {
                let story =
                    format!("killed {first:?} ({end:?}), then {second:?}, place {place}, bounded: {bounded}");
                let epochs = [0, 1, 2, 3].map(|n| {
                    let to = if n == 3 { elements.len() } else { (n + 1) * quarter };
                    &elements[n * quarter..to]
                });
                let play =
                    Play { durable, bounded, fresh: &|| fresh(place), epochs, visible: &visible, end, story };
                play.run(first, second);
                place += 1;
            }
        }
    }
}

/// How a process ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// What it had is dropped in order, as when a run fails.
    Dropped,
    /// Nothing more is done, as when it is killed.
    Gone,
}

/// When a process is killed, in the epoch whose manifest is the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kill {
    BeforeCommit,
    WithinCommit,
    AfterCommit,
    /// The next epoch is prepared already.
    BeforeManifest,
}

struct Play<'a, T, S> {
    durable: &'a Path,
    bounded: bool,
    fresh: &'a dyn Fn() -> S,
    epochs: [&'a [T]; 4],
    visible: &'a dyn Fn(&S) -> Vec<T>,
    end: End,
    story: String,
}

/// What a process of the pipeline has of the sink.
struct Process<T: Element, S: Sink<T>> {
    sink: S,
    writers: Vec<S::Writer>,
    parked: Arc<Parked>,
}

/// What the last manifest says of the sink.
struct Manifest<Token> {
    epoch: u64,
    tokens: Vec<Token>,
}

impl<T: Element + PartialEq + Debug, S: Sink<T>> Play<'_, T, S> {
    #[track_caller]
    fn run(&self, first: Kill, second: Option<Kill>) {
        let mut process = self.begin();
        self.open(&mut process, 2);
        let tokens = self.epoch(&mut process, 1, self.epochs[0]);
        let carried = self.commit(&process, 1, false, tokens);
        let (done, ahead) = ([self.epochs[0], self.epochs[1]].concat(), self.epochs[2]);
        let mut tokens = self.epoch_with_one_ahead(&mut process, 2, self.epochs[1], ahead);
        self.shows_nothing_but(&process, self.epochs[0]);
        tokens.extend(carried);
        let manifest = Manifest { epoch: 2, tokens: through_its_encoding(&tokens) };
        self.killed(process, first, &manifest);

        let mut process = self.begin();
        if let Some(kill) = second {
            self.killed_again(process, kill, &manifest, &done);
            process = self.begin();
        }
        let carried = self.resume(&process, &manifest);
        self.shows_nothing_but(&process, &done);
        self.open(&mut process, 3);
        let mut tokens = self.epoch(&mut process, 3, self.epochs[2]);
        self.shows_nothing_but(&process, &done);
        tokens.extend(carried);
        let carried = self.commit(&process, 3, false, through_its_encoding(&tokens));
        let mut tokens = self.epoch(&mut process, 4, self.epochs[3]);
        self.shows_nothing_but(&process, &self.epochs[..3].concat());
        tokens.extend(carried);
        self.commit(&process, 4, true, through_its_encoding(&tokens));
        self.shows_all(&process);
    }

    fn begin(&self) -> Process<T, S> {
        Process { sink: (self.fresh)(), writers: Vec::new(), parked: Arc::new(Parked::here()) }
    }

    #[track_caller]
    fn open(&self, process: &mut Process<T, S>, workers: usize) {
        let claims = Claims::default();
        process.writers.extend((0..workers).map(|worker| {
            let cx = WriterContext {
                worker,
                workers,
                step: "write".into(),
                bounded: self.bounded,
                claims: claims.clone(),
                durable: Some(self.durable.to_owned()),
                ..WriterContext::default()
            };
            let opened = process.sink.open(&cx);
            opened.unwrap_or_else(|e| panic!("{}: no writer for worker {worker}: {}", self.story, e.report()))
        }));
    }

    #[track_caller]
    fn write(&self, process: &mut Process<T, S>, writer: usize, elements: &[T]) {
        let (mut bundle, mut rejects) = (Bundle::of(elements.to_vec()), Rejects::default());
        let written = process.parked.block_on(process.writers[writer].write(&mut bundle, &mut rejects));
        written.unwrap_or_else(|e| panic!("{}: a write failed: {}", self.story, e.report()));
        assert!(rejects.as_slice().is_empty(), "{}: the sink refuses elements: {rejects:?}", self.story);
    }

    #[track_caller]
    fn prepare(&self, process: &mut Process<T, S>, writer: usize, epoch: u64) -> Vec<S::Token> {
        let (watermark, mut rejects) = (watermark(epoch), Rejects::default());
        let prepared = process.writers[writer].prepare(epoch, watermark, &mut rejects);
        let prepared = process.parked.block_on(prepared);
        assert!(rejects.as_slice().is_empty(), "{}: the sink refuses elements: {rejects:?}", self.story);
        prepared
            .unwrap_or_else(|e| panic!("{}: epoch {epoch} cannot be prepared: {}", self.story, e.report()))
    }

    /// The writers share an epoch's elements.
    #[track_caller]
    fn epoch(&self, process: &mut Process<T, S>, epoch: u64, elements: &[T]) -> Vec<S::Token> {
        let writers = process.writers.len();
        for (n, element) in elements.iter().enumerate() {
            self.write(process, n % writers, std::slice::from_ref(element));
        }
        (0..writers).flat_map(|writer| self.prepare(process, writer, epoch)).collect()
    }

    /// The same, but one writer has begun the next epoch when the other prepares this one.
    #[track_caller]
    fn epoch_with_one_ahead(
        &self,
        process: &mut Process<T, S>,
        epoch: u64,
        elements: &[T],
        ahead: &[T],
    ) -> Vec<S::Token> {
        let (early, late) = elements.split_at(elements.len() / 2);
        self.write(process, 0, early);
        let mut tokens = self.prepare(process, 0, epoch);
        self.write(process, 0, ahead);
        tokens.extend(self.prepare_alone(process, epoch, late));
        tokens
    }

    #[track_caller]
    fn prepare_alone(&self, process: &mut Process<T, S>, epoch: u64, elements: &[T]) -> Vec<S::Token> {
        self.write(process, 1, elements);
        self.prepare(process, 1, epoch)
    }

    /// Commits as often as the sink allows, which changes nothing.
    #[track_caller]
    fn commit(
        &self,
        process: &Process<T, S>,
        epoch: u64,
        last: bool,
        tokens: Vec<S::Token>,
    ) -> Vec<S::Token> {
        let commit = Commit { epoch, last, watermark: watermark(epoch), tokens };
        let committed = process.parked.block_on(process.sink.clone().commit(commit));
        let committed = committed
            .unwrap_or_else(|e| panic!("{}: the commit of epoch {epoch}: {}", self.story, e.report()));
        through_its_encoding(&committed.carried)
    }

    #[track_caller]
    fn resume(&self, process: &Process<T, S>, manifest: &Manifest<S::Token>) -> Vec<S::Token> {
        let resumed = process.parked.block_on(process.sink.clone().resume(commit_of(manifest)));
        let resumed =
            resumed.unwrap_or_else(|e| panic!("{}: it cannot be resumed: {}", self.story, e.report()));
        through_its_encoding(&resumed.carried)
    }

    /// The process that wrote the manifest ends.
    #[track_caller]
    fn killed(&self, mut process: Process<T, S>, kill: Kill, manifest: &Manifest<S::Token>) {
        match kill {
            Kill::BeforeCommit => {}
            Kill::WithinCommit => begin(process.sink.clone().commit(commit_of(manifest))),
            Kill::AfterCommit => {
                self.commit(&process, manifest.epoch, false, manifest.tokens.clone());
            }
            Kill::BeforeManifest => {
                self.commit(&process, manifest.epoch, false, manifest.tokens.clone());
                self.epoch(&mut process, manifest.epoch + 1, self.epochs[2]);
            }
        }
        self.end(process);
    }

    /// So does one that takes up what it left.
    #[track_caller]
    fn killed_again(
        &self,
        mut process: Process<T, S>,
        kill: Kill,
        manifest: &Manifest<S::Token>,
        done: &[T],
    ) {
        if kill == Kill::WithinCommit {
            begin(process.sink.clone().resume(commit_of(manifest)));
        } else {
            self.resume(&process, manifest);
            self.shows_nothing_but(&process, done);
        }
        if kill == Kill::BeforeManifest {
            self.open(&mut process, 1);
            self.epoch(&mut process, manifest.epoch + 1, self.epochs[2]);
            self.shows_nothing_but(&process, done);
        }
        self.end(process);
    }

    fn end(&self, process: Process<T, S>) {
        match self.end {
            End::Dropped => drop(process),
            End::Gone => mem::forget(process),
        }
    }

    #[track_caller]
    fn shows_nothing_but(&self, process: &Process<T, S>, committed: &[T]) {
        let visible = (self.visible)(&process.sink);
        let (_, surplus) = difference(committed, &visible);
        let weak = process.sink.delivery(self.bounded) == Delivery::AtLeastOnce;
        assert!(
            weak || surplus.is_empty(),
            "{}: visible are {surplus:?}, which were not committed or are there already",
            self.story
        );
    }

    #[track_caller]
    fn shows_all(&self, process: &Process<T, S>) {
        let (all, visible) = (self.epochs.concat(), (self.visible)(&process.sink));
        let (missing, _) = difference(&all, &visible);
        assert!(missing.is_empty(), "{}: these elements are lost: {missing:?}", self.story);
        self.shows_nothing_but(process, &all);
    }
}

/// A future is given up when it first waits.
fn begin(future: impl Future) {
    let mut future = pin!(future);
    let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
}

fn commit_of<Token: Clone>(manifest: &Manifest<Token>) -> Commit<Token> {
    let Manifest { epoch, tokens } = manifest;
    Commit { epoch: *epoch, last: false, watermark: watermark(*epoch), tokens: tokens.clone() }
}

/// Nothing is known of time until the end.
fn watermark(epoch: u64) -> Timestamp {
    if epoch == 4 { Timestamp::MAX } else { Timestamp::MIN }
}

fn through_its_encoding<Token: crate::Wire>(tokens: &[Token]) -> Vec<Token> {
    encoded("list of tokens", &tokens.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Result;
    use crate::sink::Committed;
    use crate::testing::sinks::MemoryWriter;
    use crate::testing::{MemorySink, MemorySinks};

    /// Loses what a process left behind that was killed before the commit.
    #[derive(Clone)]
    struct Forgetful(MemorySink<u32>);

    impl Sink<u32> for Forgetful {
        type Writer = MemoryWriter<u32>;
        type Token = u64;

        fn delivery(&self, bounded: bool) -> Delivery {
            self.0.delivery(bounded)
        }

        fn open(&self, cx: &WriterContext) -> Result<MemoryWriter<u32>> {
            self.0.open(cx)
        }

        fn commit(
            &self,
            commit: Commit<u64>,
        ) -> impl Future<Output = Result<Committed<u64>>> + Send + 'static {
            self.0.commit(commit)
        }

        fn resume(&self, _: Commit<u64>) -> impl Future<Output = Result<Committed<u64>>> + Send + 'static {
            std::future::ready(Ok(Committed::default()))
        }
    }

    #[test]
    #[should_panic(expected = "these elements are lost")]
    fn a_sink_that_forgets_is_found_out() {
        let sinks = MemorySinks::new();
        let fresh = |place: usize| Forgetful(sinks.sink(&place.to_string()));
        let all: Vec<u32> = (0..8).collect();
        sink_resumes(Path::new("."), false, fresh, &all, |sink| sink.0.values());
    }
}
