use std::fmt::Debug;
use std::sync::Arc;

use super::source::encoded;
use crate::metrics::Metrics;
use crate::reference::Parked;
use crate::sink::{Claims, Commit, Delivery, Rejects, Sink, Writer, WriterContext};
use crate::testing::assert::difference;
use crate::{Bundle, Element, Timestamp};

/// Checks the laws of a [`Sink`] with some elements that it takes: a handful.
///
/// `fresh` makes a sink of an empty place; `visible` looks at what a reader of that place sees.
///
/// - Writers of two workers write to one place, epoch after epoch; after the last commit everything is visible.
/// - Tokens survive their encoding, and any clone of the sink commits them.
/// - An epoch in which nothing was written commits, as does one of no tokens.
///
/// A sink that [delivers](Sink::delivery) effectively once also obeys these:
///
/// - Nothing is visible before its commit, and then nothing that was not committed.
/// - A commit that is repeated changes nothing.
/// - What a writer wrote or prepared that was dropped stays invisible, also when a later run commits an epoch of the
///   same number.
///
/// ```
/// use flow_core::testing::{MemorySink, MemorySinks, conformance};
/// let sinks = MemorySinks::new();
/// let mut places = 0..;
/// conformance::sink(
///     || sinks.sink(&format!("place {}", places.next().unwrap())),
///     &["a", "b", "c", "d"].map(String::from),
///     |sink: &MemorySink<String>| sink.values(),
/// );
/// ```
#[track_caller]
pub fn sink<T, S>(mut fresh: impl FnMut() -> S, elements: &[T], visible: impl Fn(&S) -> Vec<T>)
where
    T: Element + PartialEq + Debug,
    S: Sink<T>,
{
    assert!(elements.len() > 1, "give two elements or more, for two writers");
    let mut laws = Laws {
        sink: fresh(),
        elements,
        visible,
        parked: Arc::new(Parked::here()),
        claims: Claims::default(),
    };
    laws.epochs_become_visible();
    laws.sink = fresh();
    laws.empty_epochs_commit();
    if laws.sink.delivery(false) == Delivery::EffectivelyOnce {
        laws.sink = fresh();
        laws.what_was_dropped_stays_invisible();
    }
}

struct Laws<'a, T, S, F> {
    sink: S,
    elements: &'a [T],
    visible: F,
    parked: Arc<Parked>,
    claims: Claims,
}

impl<T, S, F> Laws<'_, T, S, F>
where
    T: Element + PartialEq + Debug,
    S: Sink<T>,
    F: Fn(&S) -> Vec<T>,
{
    /// Three epochs of two writers, the second of which has nothing to write.
    #[track_caller]
    fn epochs_become_visible(&self) {
        let mut writers = [self.open(0), self.open(1)];
        let (first, second) = self.elements.split_at(self.elements.len() / 2);
        for (epoch, elements) in [(1, first), (2, &[][..]), (3, second)] {
            let committed = if epoch == 1 { &[] } else { first };
            let before = (self.visible)(&self.sink);
            for (writer, share) in writers.iter_mut().zip(halves(elements)) {
                self.write(writer, share);
            }
            self.still(&before, "something became visible by a write alone");
            let tokens = writers.iter_mut().flat_map(|writer| self.prepare(writer, epoch)).collect();
            self.still(&before, "something became visible before its commit");
            let last = epoch == 3;
            self.commit(epoch, last, tokens);
            self.has_nothing_else(&[committed, elements].concat());
        }
        self.has_all(self.elements);
    }

    #[track_caller]
    fn empty_epochs_commit(&self) {
        self.commit(1, false, Vec::new());
        let mut writer = self.open(0);
        let tokens = self.prepare(&mut writer, 2);
        self.commit(2, true, tokens);
        self.has_nothing_else(&[]);
    }

    #[track_caller]
    fn what_was_dropped_stays_invisible(&self) {
        let (dropped, kept) = self.elements.split_at(1);
        let mut only_written = self.open(0);
        self.write(&mut only_written, dropped);
        drop(only_written);
        let mut prepared = self.open(0);
        self.write(&mut prepared, dropped);
        drop(self.prepare(&mut prepared, 1));
        drop(prepared);
        self.still(&[], "something became visible without a commit");
        let mut writer = self.open(0);
        self.write(&mut writer, kept);
        let tokens = self.prepare(&mut writer, 1);
        self.commit(1, true, tokens);
        self.has_nothing_else(kept);
        self.has_all(kept);
    }

    #[track_caller]
    fn open(&self, worker: usize) -> S::Writer {
        let cx = WriterContext {
            worker,
            workers: 2,
            step: "write".into(),
            bounded: false,
            claims: self.claims.clone(),
            metrics: Metrics::default(),
            ..WriterContext::default()
        };
        self.sink.open(&cx).unwrap_or_else(|e| panic!("no writer for worker {worker}: {}", e.report()))
    }

    #[track_caller]
    fn write(&self, writer: &mut S::Writer, elements: &[T]) {
        if elements.is_empty() {
            return;
        }
        let (mut bundle, mut rejects) = (Bundle::of(elements.to_vec()), Rejects::default());
        let written = self.parked.block_on(writer.write(&mut bundle, &mut rejects));
        written.unwrap_or_else(|e| panic!("a write failed: {}", e.report()));
        assert!(bundle.is_empty(), "a write left elements in its bundle: {:?}", bundle.values);
        no_rejects(&rejects);
    }

    #[track_caller]
    fn prepare(&self, writer: &mut S::Writer, epoch: u64) -> Vec<S::Token> {
        let mut rejects = Rejects::default();
        let watermark = if epoch == 3 { Timestamp::MAX } else { Timestamp::MIN };
        let tokens = self.parked.block_on(writer.prepare(epoch, watermark, &mut rejects));
        no_rejects(&rejects);
        encoded("token", &tokens.unwrap_or_else(|e| panic!("a prepare failed: {}", e.report())))
    }

    /// Commits, and once more if that should change nothing.
    #[track_caller]
    fn commit(&self, epoch: u64, last: bool, tokens: Vec<S::Token>) {
        let watermark = if last { Timestamp::MAX } else { Timestamp::MIN };
        let commit = || {
            let commit = Commit { epoch, last, watermark, tokens: tokens.clone() };
            let committed = self.parked.block_on(self.sink.clone().commit(commit));
            committed.unwrap_or_else(|e| panic!("the commit of epoch {epoch} failed: {}", e.report()));
            (self.visible)(&self.sink)
        };
        let once = commit();
        if self.sink.delivery(false) == Delivery::EffectivelyOnce {
            let twice = commit();
            let (missing, surplus) = difference(&once, &twice);
            assert!(
                missing.is_empty() && surplus.is_empty(),
                "a repeated commit changes what is visible: {missing:?} went, {surplus:?} came"
            );
        }
    }

    /// Visible is what was before, if the sink delivers effectively once.
    #[track_caller]
    fn still(&self, before: &[T], law: &str) {
        let now = (self.visible)(&self.sink);
        let (_, surplus) = difference(before, &now);
        assert!(
            self.sink.delivery(false) == Delivery::AtLeastOnce || surplus.is_empty(),
            "{law}: {surplus:?}"
        );
    }

    #[track_caller]
    fn has_nothing_else(&self, committed: &[T]) {
        self.still(committed, "something is visible that was not committed");
    }

    #[track_caller]
    fn has_all(&self, committed: &[T]) {
        let now = (self.visible)(&self.sink);
        let (missing, _) = difference(committed, &now);
        assert!(missing.is_empty(), "after the last commit these elements are not visible: {missing:?}");
    }
}

fn halves<T>(elements: &[T]) -> [&[T]; 2] {
    let (first, second) = elements.split_at(elements.len() / 2);
    [first, second]
}

#[track_caller]
fn no_rejects<T: Debug>(rejects: &Rejects<T>) {
    let rejected = rejects.as_slice();
    assert!(rejected.is_empty(), "the sink refuses elements that it should take: {rejected:?}");
}
