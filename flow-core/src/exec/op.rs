//! What the graph holds of each step: typed factories behind untyped traits.

use std::any::Any;
use std::collections::HashMap;
use std::fmt::Debug;
use std::future::Future;
use std::hash::BuildHasherDefault;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::time::Duration;

use super::{AnyOutput, Cx, Epoch, Output, Receiver, Signal, StepId};
use crate::scratch::Space;
use crate::sink::{Commit, Committed};
use crate::{Bundle, Element, Result, StepLabel, Timestamp};

/// A future that may be driven on any thread.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a step does, as far as a runner must know.
#[derive(Clone)]
pub enum Op {
    /// Reads a source.
    Read(std::sync::Arc<dyn ReadOp>),
    /// Works on the elements in place, on the worker that has them.
    Each(std::sync::Arc<dyn StepOp>),
    /// Moves elements to the worker that they belong to, and works on them there.
    Exchange(std::sync::Arc<dyn ExchangeOp>),
    /// Writes to a sink; its output, if used, is what the sink refused.
    Write(std::sync::Arc<dyn WriteOp>),
}

impl Debug for Op {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Op::Read(_) => "Read",
            Op::Each(_) => "Each",
            Op::Exchange(_) => "Exchange",
            Op::Write(_) => "Write",
        })
    }
}

/// What a worker knows while it builds its chains.
#[derive(Debug)]
pub struct BuildCx {
    /// From 0.
    pub worker: usize,
    /// How many workers run this step.
    pub workers: usize,
    labels: std::sync::Arc<[crate::StepLabel]>,
    shared: HashMap<StepId, Rc<dyn Any>, BuildHasherDefault<std::hash::DefaultHasher>>,
    space: Space,
    grouping_memory: Option<usize>,
    durable: Option<PathBuf>,
    restored: HashMap<StepId, Vec<Vec<u8>>, BuildHasherDefault<std::hash::DefaultHasher>>,
}

impl BuildCx {
    /// For one of `workers`.
    pub fn new(worker: usize, workers: usize, labels: std::sync::Arc<[crate::StepLabel]>) -> Self {
        BuildCx {
            worker,
            workers,
            labels,
            shared: HashMap::default(),
            space: Space::default(),
            grouping_memory: None,
            durable: None,
            restored: HashMap::default(),
        }
    }

    /// With scratch for steps that have more than fits into memory; otherwise they keep it there.
    #[must_use]
    pub fn with_space(self, space: Space) -> Self {
        BuildCx { space, ..self }
    }

    /// With so many bytes of memory for each grouping on this worker; otherwise each has what the space says.
    #[must_use]
    pub fn with_grouping_memory(self, bytes: usize) -> Self {
        BuildCx { grouping_memory: Some(bytes), ..self }
    }

    /// Of a durable run: steps keep track of what changes in each epoch, and sinks may keep files in this directory.
    #[must_use]
    pub fn durable(self, sinks: PathBuf) -> Self {
        BuildCx { durable: Some(sinks), ..self }
    }

    /// Gives a step that is not built behind an exchange of its own the records that it wrote in an earlier run.
    pub fn restore(&mut self, step: StepId, records: Vec<Vec<u8>>) {
        self.restored.insert(step, records);
    }

    /// A step that was given records and has not taken them.
    pub fn unclaimed(&self) -> Option<StepId> {
        self.restored.iter().find(|(_, records)| !records.is_empty()).map(|(step, _)| *step)
    }

    /// Whether what steps keep is written down when an epoch ends.
    pub(crate) fn is_durable(&self) -> bool {
        self.durable.is_some()
    }

    /// Where sinks of a durable run may keep files.
    pub(crate) fn sinks_dir(&self) -> Option<&Path> {
        self.durable.as_deref()
    }

    /// What the step wrote in an earlier run.
    pub(crate) fn take_restored(&mut self, step: StepId) -> Vec<Vec<u8>> {
        self.restored.remove(&step).unwrap_or_default()
    }

    /// Where a step puts what does not fit into memory.
    pub(crate) fn space(&self) -> &Space {
        &self.space
    }

    /// Where a grouping puts what does not fit into its share of memory.
    pub(crate) fn grouping_space(&self) -> Space {
        Space { memory: self.grouping_memory.unwrap_or(self.space.memory), ..self.space.clone() }
    }

    /// The name and place of a step.
    pub fn label(&self, step: StepId) -> &crate::StepLabel {
        &self.labels[step.index()]
    }

    /// This worker's one value of a step that others share with it, as a view is; made by whoever asks first.
    pub(crate) fn shared<V: 'static>(&mut self, of: StepId, make: impl FnOnce() -> V) -> Rc<V> {
        let any = self.shared.entry(of).or_insert_with(|| Rc::new(make()));
        Rc::clone(any).downcast().expect("a step shares one type")
    }
}

/// What a region of dead letters has to know of a step that works in place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// It passes on at once, or at the end of a bundle, what comes of its elements.
    #[default]
    AtOnce,
    /// So, and it puts elements into other windows.
    Windows,
    /// It passes on what comes of its elements when others have gone on already.
    Waits,
}

/// A step that works on elements in place.
pub trait StepOp: Send + Sync {
    /// Whether it may stand in a region of dead letters.
    fn manner(&self) -> Manner {
        Manner::AtOnce
    }

    /// Builds the step on one worker, in front of its outputs.
    fn build(&self, step: StepId, outputs: Vec<AnyOutput>, cx: &mut BuildCx) -> Result<AnyOutput>;
}

/// A step that writes to a sink.
pub trait WriteOp: StepOp {
    /// Makes an epoch visible: the encoded tokens of all writers. What it carries on is encoded as the tokens were.
    fn commit(&self, commit: Commit<Vec<u8>>) -> BoxFuture<Result<Committed<Vec<u8>>>>;

    /// Goes on with what an earlier run of the pipeline left behind; see [`Sink::resume`](crate::sink::Sink::resume).
    fn resume(&self, commit: Commit<Vec<u8>>) -> BoxFuture<Result<Committed<Vec<u8>>>>;

    /// Makes sure that the place is there.
    fn check(&self) -> BoxFuture<Result<()>>;

    /// See [`Sink::holds_windows`](crate::sink::Sink::holds_windows).
    fn holds_windows(&self) -> bool;

    /// What the sink promises.
    fn delivery(&self) -> crate::sink::Delivery;
}

/// How an exchange chooses the receiving worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// By the key's hash.
    Key,
    /// In turn, to spread the load.
    Spread,
    /// Every element to all workers.
    All,
}

/// A step that moves elements between workers.
pub trait ExchangeOp: Send + Sync {
    /// How the receiving worker is chosen.
    fn routing(&self) -> Routing;

    /// Its types, as far as what it keeps depends on them: what an earlier run kept is taken back only if they are the same.
    fn shape(&self) -> &'static str {
        std::any::type_name::<Self>()
    }

    /// Whether what it takes is held for ever, and never acknowledged.
    fn holds_without_end(&self) -> bool {
        false
    }

    /// The end of the sending worker's chain.
    fn sender(&self, step: StepId, outbox: Box<dyn Outbox>, cx: &mut BuildCx) -> AnyOutput;

    /// The head of the receiving worker's chain.
    fn receiver(&self, step: StepId, output: AnyOutput, cx: &mut BuildCx) -> Box<dyn Inbox>;

    /// The whole step in one place by the written rules, without pre-aggregation: what the reference runner runs.
    fn inline(&self, step: StepId, output: AnyOutput, cx: &mut BuildCx) -> AnyOutput;
}

/// What travels between workers: elements of a type that the two ends agree on.
#[derive(Debug)]
pub struct Parcel {
    /// The elements.
    pub data: Box<dyn Any + Send>,
    /// About how many bytes of memory they take.
    pub bytes: usize,
}

/// Sends to the receiving workers of an exchange. Never waits.
pub trait Outbox {
    /// How many workers receive.
    fn workers(&self) -> usize;
    /// Hands elements to one worker.
    fn send(&mut self, worker: usize, parcel: Parcel);
    /// Hands a signal to all workers, behind what was sent.
    fn signal(&mut self, signal: Signal);
}

/// The receiving end of an exchange on one worker.
pub trait Inbox {
    /// Takes elements. Not called while [`work`](Inbox::work) has more to do, unless it [is open](Inbox::is_open).
    fn parcel(&mut self, parcel: Parcel, cx: &mut Cx) -> Result<()>;

    /// Takes a signal that holds for all senders. Except for pokes, not called while [`work`](Inbox::work) has more
    /// to do and it is not [open](Inbox::is_open).
    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()>;

    /// Passes on about a bundle of what is due; true if there is more.
    fn work(&mut self, cx: &mut Cx) -> Result<bool>;

    /// Takes back a record that was written when an epoch of an earlier run ended, with the hash that it was written with,
    /// in the order of writing and before anything else arrives.
    fn restore(&mut self, hash: Option<u64>, record: &[u8], cx: &mut Cx) -> Result<()>;

    /// All records are back.
    fn restored(&mut self, cx: &mut Cx) {
        let _ = cx;
    }

    /// The processing time at which a poke would make something due.
    fn deadline(&self) -> Option<Timestamp> {
        None
    }

    /// Whether it goes on making elements by itself, as a source does, or may be given what makes it do so: the run has
    /// not read everything while an inbox says yes.
    fn is_reading(&self) -> bool {
        false
    }

    /// Whether more is to be given to it although [`work`](Inbox::work) has more to do, so that what goes on for long
    /// keeps nothing back.
    fn is_open(&self) -> bool {
        false
    }
}

/// A source as the graph holds it.
pub trait ReadOp: Send + Sync {
    /// Whether it ends.
    fn is_bounded(&self) -> bool;

    /// Whether all its splits are read at once; otherwise one after the other as workers come free.
    fn reads_splits_at_once(&self) -> bool {
        !self.is_bounded()
    }

    /// Whether it plays a script, step by step, as told.
    fn is_scripted(&self) -> bool {
        false
    }

    /// Whether it only serves what others read, as one that keeps a view fresh does: the run ends without waiting for
    /// its end, and it ends with the run.
    fn is_auxiliary(&self) -> bool {
        false
    }

    /// The encoded splits.
    fn splits(&self, desired: usize) -> Result<Vec<Vec<u8>>>;

    /// What reads splits into a chain, on one worker.
    fn driver(&self, step: StepId, label: &StepLabel, output: AnyOutput) -> Box<dyn Driver>;

    /// See [`Source::lease`](crate::source::Source::lease).
    fn lease(&self) -> Option<Duration> {
        None
    }
}

/// What one poll of a [`Driver`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Elements went down the chain, or a split ended.
    Moved,
    /// Nothing now; the waker will be called.
    Pending,
    /// No split is open.
    Done,
}

/// How far a driver's splits are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceWatermark {
    /// The least of those that count.
    At(Timestamp),
    /// All open splits are idle.
    Idle,
    /// No split is open.
    NoSplit,
}

/// Reads splits of a source into a worker's chain.
pub trait Driver {
    /// Starts reading a split at `now`, in processing time.
    fn open(&mut self, split: &[u8], position: Option<&[u8]>, now: Timestamp) -> Result<()>;

    /// Takes back what readers of the step [remembered](crate::source::Reader::remember) in an earlier run, before any split is
    /// opened.
    fn restore(&mut self, records: &[Vec<u8>]) -> Result<()> {
        let _ = records;
        Ok(())
    }

    /// Reads about a bundle from one of the open splits and passes it down the chain.
    fn poll(&mut self, task: &mut Context<'_>, cx: &mut Cx) -> Result<Progress>;

    /// How far the open splits are at `now`, in processing time: those that have had nothing to say since
    /// `idle_before` do not count.
    fn watermark(&self, now: Timestamp, idle_before: Timestamp) -> SourceWatermark;

    /// Gives away a part of what it still has to read, for another worker to [`open`](Driver::open), with a moment before
    /// which that holds nothing.
    fn split_off(&mut self) -> Result<Option<(Vec<u8>, Timestamp)>> {
        Ok(None)
    }

    /// The processing time at which it has something to say again, if that is all that it waits for.
    fn deadline(&self) -> Option<Timestamp> {
        None
    }

    /// Whether an auxiliary source has done what the run may not end without.
    fn may_end(&self) -> bool {
        true
    }

    /// Passes a signal down the chain; at a barrier, the positions of all splits are kept for its commit.
    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()>;

    /// Everything up to the epoch is in the sinks: tells the readers.
    fn commit(&mut self, epoch: Epoch) -> Vec<BoxFuture<Result<()>>>;

    /// Plays one step of a script; its elements only if they are this worker's turn.
    fn play(&mut self, at: usize, mine: bool, cx: &mut Cx) -> Result<()> {
        let _ = (at, mine, cx);
        Ok(())
    }
}

/// What a runner must do with a collection without knowing its type.
pub trait CollectionOp: Send + Sync {
    /// One output in front of several, none included: the last takes the elements, the others clones.
    fn tee(&self, outputs: Vec<AnyOutput>) -> AnyOutput;

    /// Several inputs for one output.
    fn merge(&self, output: AnyOutput, inputs: usize) -> Vec<AnyOutput>;
}

/// The factory of everything that only needs the element type.
pub(crate) struct CollectionOf<T>(std::marker::PhantomData<fn(T)>);

impl<T> CollectionOf<T> {
    pub(crate) fn new() -> Self {
        CollectionOf(std::marker::PhantomData)
    }
}

impl<T: Element> CollectionOp for CollectionOf<T> {
    fn tee(&self, outputs: Vec<AnyOutput>) -> AnyOutput {
        let mut outputs: Vec<Output<T>> = outputs.into_iter().map(typed::<T>).collect();
        if outputs.len() == 1 {
            return Box::new(outputs.remove(0));
        }
        erased(super::tee::Tee { outputs, spare: Bundle::default() })
    }

    fn merge(&self, output: AnyOutput, inputs: usize) -> Vec<AnyOutput> {
        super::merge::ports(typed::<T>(output), inputs).into_iter().map(|port| erased(port)).collect()
    }
}

/// The output's type, which the graph's construction guarantees.
pub(crate) fn typed<T: 'static>(output: AnyOutput) -> Output<T> {
    *output.downcast::<Output<T>>().expect("a collection's readers take its element type")
}

/// Forgets the type of a receiver.
pub(crate) fn erased<T: 'static>(receiver: impl Receiver<T> + 'static) -> AnyOutput {
    let output: Output<T> = Box::new(receiver);
    Box::new(output)
}
