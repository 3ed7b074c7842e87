use std::marker::PhantomData;
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::apply::run_on;
use super::collect;
use crate::exec::{
    AnyOutput, BoxFuture, Cx, Driver, Epoch, Output, Progress, ReadOp, Signal, SourceWatermark, StepId, typed,
};
use crate::graph::Shared;
use crate::{
    Bundle, Element, Meta, PCollection, Pipeline, ReferenceRunner, Reified, Result, Runner, StepLabel,
    Timestamp,
};

/// A script for the streams of a test: elements, watermarks and clock moves, one after the other. After each step the
/// pipeline comes to rest before the next; views that are being loaded anew are waited for. At the end every watermark goes
/// to plus infinity, and what reads on by itself is stopped.
///
/// For a single stream, [`stream`] is shorter.
///
/// ```
/// use flow_core::prelude::*;
/// use flow_core::testing::{Script, collect};
/// let p = Pipeline::new();
/// let script = Script::new(&p);
/// let (left, right) = (script.input::<u32>(), script.input::<u32>());
/// let both = collect(&left.collection().flatten([&right.collection()]));
/// right.add([(2, Timestamp::from_secs(0))]);
/// left.add([(1, Timestamp::from_secs(0))]).watermark(Timestamp::from_secs(60));
/// ReferenceRunner::new().run(p)?;
/// assert_eq!(both.values(), [2, 1]);
/// # Ok::<(), flow_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    pipeline: Pipeline,
}

impl Script {
    /// An empty script for a pipeline.
    pub fn new(pipeline: &Pipeline) -> Self {
        Script { pipeline: pipeline.clone() }
    }

    /// One more stream that the script speaks of.
    #[track_caller]
    pub fn input<T: Element>(&self) -> Input<T> {
        let lines: Lines<T> = Arc::default();
        let source = Scripted { lines: Arc::clone(&lines) };
        let collection = self.pipeline.source("script", String::new(), source);
        Input { graph: self.pipeline.graph.clone(), lines, collection }
    }

    /// Moves processing time forward.
    pub fn clock(&self, by: Duration) -> &Self {
        self.pipeline.graph.lock().script.push(Some(by));
        self
    }
}

type Lines<T> = Arc<Mutex<Vec<(usize, Line<T>)>>>;

#[derive(Clone, Debug)]
enum Line<T> {
    Elements(Vec<(T, Timestamp)>),
    Watermark(Timestamp),
}

/// A stream of a [`Script`].
#[derive(Clone, Debug)]
pub struct Input<T> {
    graph: Shared,
    lines: Lines<T>,
    collection: PCollection<T>,
}

impl<T: Element> Input<T> {
    /// The stream as a collection, unbounded.
    pub fn collection(&self) -> PCollection<T> {
        self.collection.clone()
    }

    /// Elements with their event times arrive, in one bundle. Their times lie before [`Timestamp::MAX`], and nothing
    /// arrives once the watermark has reached it: the run reports both as errors.
    #[track_caller]
    pub fn add(&self, elements: impl IntoIterator<Item = (T, Timestamp)>) -> &Self {
        self.line(Line::Elements(elements.into_iter().collect()), Location::caller())
    }

    /// The stream's watermark moves forward: to [`Timestamp::MAX`] at its end, which comes by itself. One that moves
    /// back is an error of the run.
    #[track_caller]
    pub fn watermark(&self, to: Timestamp) -> &Self {
        self.line(Line::Watermark(to), Location::caller())
    }

    fn line(&self, line: Line<T>, location: &'static Location<'static>) -> &Self {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut graph = self.graph.lock();
        if let Err(message) = line.follows(&lines) {
            graph.error(message, location);
            return self;
        }
        let step = graph.script.len();
        graph.script.push(None);
        lines.push((step, line));
        drop((graph, lines));
        self
    }
}

impl<T> Line<T> {
    /// Why this line cannot come after others, in the user's words.
    fn follows(&self, lines: &[(usize, Line<T>)]) -> Result<(), String> {
        // The last is the latest: one that goes back is no line.
        let watermark = lines.iter().rev().find_map(|(_, line)| match line {
            Line::Watermark(to) => Some(*to),
            Line::Elements(_) => None,
        });
        let watermark = watermark.unwrap_or(Timestamp::MIN);
        match self {
            Line::Watermark(to) if *to < watermark => Err(format!(
                "a watermark cannot go back: this one is {to}, and it was {watermark}, by which everything in \
                     between is late already; move this step up, or leave it out"
            )),
            Line::Elements(elements) if watermark == Timestamp::MAX && !elements.is_empty() => Err(
                "nothing arrives after the end of a stream: its watermark is at plus infinity, and these \
                     elements would be in no result; add them before"
                    .into(),
            ),
            Line::Elements(elements) if elements.iter().any(|(_, at)| *at == Timestamp::MAX) => Err(format!(
                "an element cannot be at plus infinity, where streams end, since it would be in no window: the last \
                 moment that it can have is {}, Timestamp::END_OF_GLOBAL_WINDOW",
                Timestamp::END_OF_GLOBAL_WINDOW
            )),
            _ => Ok(()),
        }
    }
}

/// A stream for the test of one transform.
///
/// ```
/// use flow_core::prelude::*;
/// use flow_core::testing::stream;
/// use std::time::Duration;
/// let at = Timestamp::from_secs;
/// let counts = stream::<u32>()
///     .add([(7, at(1)), (7, at(2))])
///     .watermark(at(60))
///     .add([(7, at(3))])
///     .run(|n| n.window(Fixed::of(Duration::from_secs(60)).allowed_lateness(Duration::from_secs(60)).accumulating()).count());
/// let seen: Vec<_> = counts.iter().map(|c| (c.value, c.pane.timing)).collect();
/// assert_eq!(seen, [((7, 2), Timing::OnTime), ((7, 3), Timing::Late)]);
/// ```
pub fn stream<T: Element>() -> Stream<T> {
    Stream { moves: Vec::new(), element: PhantomData }
}

/// A stream under construction; made by [`stream`].
#[derive(Clone, Debug)]
#[must_use = "a stream is a script: run it"]
pub struct Stream<T> {
    moves: Vec<Move<T>>,
    element: PhantomData<T>,
}

#[derive(Clone, Debug)]
enum Move<T> {
    Line(Line<T>, &'static Location<'static>),
    Clock(Duration),
}

impl<T: Element> Stream<T> {
    /// Elements with their event times arrive, in one bundle; see [`Input::add`].
    #[track_caller]
    #[expect(
        clippy::should_implement_trait,
        reason = "steps of a script are added to it; `+` would say nothing"
    )]
    pub fn add(mut self, elements: impl IntoIterator<Item = (T, Timestamp)>) -> Self {
        self.moves.push(Move::Line(Line::Elements(elements.into_iter().collect()), Location::caller()));
        self
    }

    /// The watermark moves forward; see [`Input::watermark`].
    #[track_caller]
    pub fn watermark(mut self, to: Timestamp) -> Self {
        self.moves.push(Move::Line(Line::Watermark(to), Location::caller()));
        self
    }

    /// Processing time moves forward.
    pub fn clock(mut self, by: Duration) -> Self {
        self.moves.push(Move::Clock(by));
        self
    }

    /// The same script with the elements of each step in bundles of at most `size`.
    pub fn in_bundles_of(self, size: usize) -> Self {
        self.rebundled(|elements| elements.chunks(size.max(1)).map(<[_]>::to_vec).collect())
    }

    /// The same script with the elements of each step one by one, the last first.
    pub fn reversed(self) -> Self {
        self.rebundled(|elements| elements.iter().rev().map(|element| vec![element.clone()]).collect())
    }

    fn rebundled(self, cut: impl Fn(&[(T, Timestamp)]) -> Vec<Vec<(T, Timestamp)>>) -> Self {
        let mut moves = Vec::new();
        for step in self.moves {
            match step {
                Move::Line(Line::Elements(elements), location) => {
                    let bundles = cut(&elements).into_iter();
                    moves.extend(bundles.map(|bundle| Move::Line(Line::Elements(bundle), location)));
                }
                other => moves.push(other),
            }
        }
        Stream { moves, element: PhantomData }
    }

    /// The stream as a collection of a pipeline.
    #[track_caller]
    pub fn collection(self, pipeline: &Pipeline) -> PCollection<T> {
        let script = Script::new(pipeline);
        let input = script.input();
        for step in self.moves {
            match step {
                Move::Line(line, location) => {
                    input.line(line, location);
                }
                Move::Clock(by) => {
                    script.clock(by);
                }
            }
        }
        input.collection()
    }

    /// Runs a transform on the stream with the reference runner; returns its results with timestamp, window and pane.
    ///
    /// # Panics
    /// When the pipeline fails, with its error.
    #[track_caller]
    pub fn run<O: Element>(
        self,
        transform: impl FnOnce(&PCollection<T>) -> PCollection<O>,
    ) -> Vec<Reified<O>> {
        self.run_on(&ReferenceRunner::new(), transform)
    }

    /// As [`run`](Stream::run), on a runner of your choice: on one with several workers results come in any order.
    ///
    /// # Panics
    /// When the pipeline fails, with its error.
    #[track_caller]
    pub fn run_on<R: Runner, O: Element>(
        self,
        runner: &R,
        transform: impl FnOnce(&PCollection<T>) -> PCollection<O>,
    ) -> Vec<Reified<O>> {
        let p = Pipeline::new();
        let output = collect(&transform(&self.collection(&p)));
        run_on(runner, p);
        output.reified()
    }
}

struct Scripted<T> {
    lines: Lines<T>,
}

impl<T: Element> ReadOp for Scripted<T> {
    fn is_bounded(&self) -> bool {
        false
    }

    fn is_scripted(&self) -> bool {
        true
    }

    fn splits(&self, _: usize) -> Result<Vec<Vec<u8>>> {
        Ok(Vec::new())
    }

    fn driver(&self, step: StepId, _: &StepLabel, output: AnyOutput) -> Box<dyn Driver> {
        Box::new(Playing { step, lines: Arc::clone(&self.lines), output: typed::<T>(output) })
    }
}

struct Playing<T> {
    step: StepId,
    lines: Lines<T>,
    output: Output<T>,
}

impl<T: Element> Driver for Playing<T> {
    fn open(&mut self, _: &[u8], _: Option<&[u8]>, _: Timestamp) -> Result<()> {
        Ok(())
    }

    fn poll(&mut self, _: &mut std::task::Context<'_>, _: &mut Cx) -> Result<Progress> {
        Ok(Progress::Done)
    }

    fn watermark(&self, _: Timestamp, _: Timestamp) -> SourceWatermark {
        SourceWatermark::NoSplit
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        self.output.signal(signal, cx)
    }

    fn commit(&mut self, _: Epoch) -> Vec<BoxFuture<Result<()>>> {
        Vec::new()
    }

    fn play(&mut self, at: usize, mine: bool, cx: &mut Cx) -> Result<()> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.binary_search_by_key(&at, |(step, _)| *step);
        let line = line.ok().map(|line| lines[line].1.clone());
        drop(lines);
        match line {
            None => Ok(()),
            Some(Line::Watermark(to)) => self.output.signal(Signal::Watermark(to), cx),
            Some(Line::Elements(_)) if !mine => Ok(()),
            Some(Line::Elements(elements)) => {
                cx.enter_with(self.step, elements.len());
                cx.emitted(self.step, elements.len());
                let meta = |time| Meta { time, ..Meta::default() };
                let mut bundle: Bundle<T> =
                    elements.into_iter().map(|(value, at)| (value, meta(at))).collect();
                self.output.bundle(&mut bundle, cx)
            }
        }
    }
}
