//! Where collections go: [`Sink`] and [`Writer`].

mod by;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::element::{Element, Wire};
use crate::metrics::Metrics;
use crate::{Bundle, Result, Timestamp};
pub(crate) use by::By;

/// How often an element can come out, across crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Never lost; may be written twice after a failure.
    AtLeastOnce,
    /// Never lost, and visible once: commits are idempotent.
    EffectivelyOnce,
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Delivery::AtLeastOnce => "at least once",
            Delivery::EffectivelyOnce => "effectively once",
        })
    }
}

/// A place that elements are written to.
///
/// Each worker opens a [`Writer`] and writes its share. At the end of an epoch every writer *prepares*: what it
/// wrote becomes durable but stays invisible, and it returns tokens that say where it is. When all have, the tokens
/// of all writers are *committed* in one call, which makes the data visible. A commit may be repeated after a
/// failure and must then change nothing.
///
/// A sink is a value: cheap to clone, without open connections; clones write to the same place.
pub trait Sink<T: Element>: Clone + Send + Sync + 'static {
    /// Writes on one worker.
    type Writer: Writer<T, Token = Self::Token>;
    /// Says what one writer prepared.
    type Token: Wire;

    /// What this sink promises for a collection that ends, or for one that does not.
    fn delivery(&self, bounded: bool) -> Delivery;

    /// Makes sure that the place is there and lets us write, as far as can be known before the first element. Awaited
    /// once, before anything is read.
    ///
    /// # Errors
    /// What the user has to change: the run ends. A server that is away is waited for.
    fn check(&self) -> impl Future<Output = Result<()>> + Send + 'static {
        std::future::ready(Ok(()))
    }

    /// Whether elements become visible only when their window is complete, as those of a window's file do.
    fn holds_windows(&self) -> bool {
        false
    }

    /// Opens the writer of one worker.
    fn open(&self, cx: &WriterContext) -> Result<Self::Writer>;

    /// Makes prepared data visible.
    fn commit(
        &self,
        commit: Commit<Self::Token>,
    ) -> impl Future<Output = Result<Committed<Self::Token>>> + Send + 'static;

    /// Goes on where an earlier process stopped, in a durable run: with the tokens that its last epoch prepared, whose commit
    /// may have happened or not, and those that it [carried](Committed::carried) on. Called once, before any writer is
    /// opened. The same as a commit, unless the sink holds data in between.
    fn resume(
        &self,
        commit: Commit<Self::Token>,
    ) -> impl Future<Output = Result<Committed<Self::Token>>> + Send + 'static {
        self.commit(commit)
    }

    /// A few words for the printed plan, without secrets.
    fn describe(&self) -> String {
        crate::graph::short_name::<Self>().to_owned()
    }
}

/// One epoch of all writers of a sink.
#[derive(Clone, Debug)]
pub struct Commit<Token> {
    /// Counts from 1; a durable run goes on counting where its last process stopped.
    pub epoch: u64,
    /// Nothing more is coming: whatever is still open should be finished.
    pub last: bool,
    /// The least watermark of all writers: windows that end at or before it are complete.
    pub watermark: Timestamp,
    /// What the writers prepared.
    pub tokens: Vec<Token>,
}

/// What a commit has made visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed<Token> {
    /// The oldest epoch of which some data is still not visible, as in a window's file that takes more; none when
    /// everything is. Sources are acknowledged only up to the epoch before it.
    pub held_since: Option<u64>,
    /// In a durable run, what a later process must know of the data that is still not visible: tokens that are given to
    /// [`resume`](Sink::resume), with those that are prepared next. With it, sources are acknowledged all the same.
    pub carried: Vec<Token>,
}

/// Everything is visible.
impl<Token> Default for Committed<Token> {
    fn default() -> Self {
        Committed { held_since: None, carried: Vec::new() }
    }
}

/// Writes one worker's share of a collection to a [`Sink`].
pub trait Writer<T: Element>: Send + 'static {
    /// Says what was prepared.
    type Token: Wire;

    /// Takes the bundle's elements, leaving it empty. Elements that the place refuses go to `rejects`, each with its
    /// reason; an error means that the place itself failed.
    ///
    /// Work that needs no waiting should be done at once: the future is polled in place first, and only if it is
    /// not ready is the rest of the input held back.
    fn write(
        &mut self,
        bundle: &mut Bundle<T>,
        rejects: &mut Rejects<T>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Makes everything written since the last call durable but not visible. `watermark` is the writer's input
    /// watermark. Called at the end of each epoch.
    fn prepare(
        &mut self,
        epoch: u64,
        watermark: Timestamp,
        rejects: &mut Rejects<T>,
    ) -> impl Future<Output = Result<Vec<Self::Token>>> + Send;
}

/// The places that the sinks of a run have taken, so that no two of them overwrite each other.
#[derive(Clone, Debug, Default)]
pub struct Claims(Arc<Mutex<BTreeMap<String, Claim>>>);

#[derive(Debug)]
struct Claim {
    sink: usize,
    step: String,
}

impl Claims {
    /// Whether these are the claims of the same run.
    pub fn is_of_the_same_run(&self, other: &Claims) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Takes a place for a sink, by a number that tells the sinks of a run apart; again is fine.
    ///
    /// # Errors
    /// The step of the other sink that has the place.
    pub fn claim(&self, place: &str, sink: usize, step: &str) -> Result<(), String> {
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match claims.get(place) {
            Some(claim) if claim.sink != sink => Err(claim.step.clone()),
            Some(_) => Ok(()),
            None => {
                claims.insert(place.to_owned(), Claim { sink, step: step.to_owned() });
                Ok(())
            }
        }
    }
}

/// Which writer of a sink this is.
#[derive(Clone, Debug, Default)]
pub struct WriterContext {
    /// From 0.
    pub worker: usize,
    /// How many workers write.
    pub workers: usize,
    /// The step's name, unique in the pipeline.
    pub step: String,
    /// Whether the collection ends.
    pub bounded: bool,
    /// The places that the run's sinks have taken.
    pub claims: Claims,
    /// What the step counts, for the run's report. A sink that counts `written`, the elements that it has made visible,
    /// has the runner check at the end that what came in was written or refused.
    pub metrics: Metrics,
    /// In a durable run, a directory for what is written and not visible yet: it outlives the process, and is shared by
    /// all sinks of the pipeline.
    pub durable: Option<PathBuf>,
    /// For a writer that is opened in the middle of a run, the last epoch that ended before it on its worker, and the
    /// worker's watermark then.
    pub after: Option<(u64, Timestamp)>,
    /// An earlier process has written to the step's other destinations: what is found at this one may be its work, although it
    /// has left nothing there to [resume](Sink::resume) with.
    pub resumed: bool,
}

/// An element that a sink refused, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected<T> {
    /// The element.
    pub value: T,
    /// Where it should have gone.
    pub destination: String,
    /// Why it was refused, in one line.
    pub reason: String,
}

/// Collects what a [`Writer`] refuses.
#[derive(Debug)]
pub struct Rejects<T> {
    pub(crate) bundle: Bundle<Rejected<T>>,
}

impl<T> Default for Rejects<T> {
    fn default() -> Self {
        Rejects { bundle: Bundle::default() }
    }
}

impl<T> Rejects<T> {
    /// Refuses an element.
    pub fn reject(
        &mut self,
        value: T,
        meta: crate::Meta,
        destination: impl Into<String>,
        reason: impl Into<String>,
    ) {
        self.bundle.push(Rejected { value, destination: destination.into(), reason: reason.into() }, meta);
    }

    /// Adds what was refused elsewhere.
    pub(crate) fn append(&mut self, mut other: Rejects<T>) {
        other.bundle.drain().for_each(|(value, meta)| self.bundle.push(value, meta));
    }

    /// The elements refused so far.
    pub fn as_slice(&self) -> &[Rejected<T>] {
        &self.bundle.values
    }
}
