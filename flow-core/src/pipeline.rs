use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::exec::{Op, ReadOp};
use crate::graph::{Graph, NewStep, Shared};
use crate::memory::Create;
use crate::metrics::{Counter, Distribution, Gauge, Metrics};
use crate::read::Read;
use crate::source::refreshing::Refreshing;
use crate::source::{Impulse, Source};
use crate::steps::{self, Published};
use crate::window::Windowing;
use crate::{BoxError, Element, PCollection, Timestamp, View};

/// A pipeline under construction: a graph of steps that a runner runs.
///
/// Verbs on it and on the collections that come of it add steps; they never fail. What is wrong with the pipeline
/// is found when it is run, all of it at once, with the lines of the program that it stands in.
///
/// ```
/// use flow_core::prelude::*;
///
/// let p = Pipeline::new();
/// p.create(["to be", "or not"]).process(|line, out| for word in line.split(' ') { out.emit(word.to_string()) });
/// assert_eq!(p.to_string(), "create (2 elements)\nprocess <- create\n");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Pipeline {
    pub(crate) graph: Shared,
}

impl Pipeline {
    /// An empty pipeline.
    pub fn new() -> Self {
        Self::default()
    }

    /// A collection of given values: for tests, and for small tables to look things up in. Text is given as `String`:
    /// a `&str` can be counted and grouped nowhere, since it cannot be read back from where it was stored.
    #[track_caller]
    pub fn create<T: Element>(&self, values: impl IntoIterator<Item = T>) -> PCollection<T> {
        let values: Vec<T> = values.into_iter().collect();
        let detail = match values.len() {
            1 => "1 element".to_owned(),
            count => format!("{count} elements"),
        };
        self.source("create", detail, Read::new(Create::new(values), Metrics::default()))
    }

    /// Reads a source.
    #[track_caller]
    pub fn read<S: Source>(&self, source: S) -> PCollection<S::Item> {
        let (detail, metrics) = (source.describe(), self.graph.lock().metrics.clone());
        self.source("read", detail, Read::new(source, metrics))
    }

    /// A tick every so often, with its own moment as value and timestamp, once processing time has reached it: to look
    /// at something again and again, or to have windows end where nothing else comes. See [`Impulse`] for where ticks
    /// begin and end; those of a period alone begin with the run and go on until it is stopped.
    ///
    /// The watermark stands at the next tick. Where the clock leaps, all ticks in between come.
    ///
    /// ```
    /// use flow_core::prelude::*;
    /// use flow_core::testing::{Script, collect};
    /// use std::time::Duration;
    /// let p = Pipeline::new();
    /// let ticks = collect(&p.periodic_impulse(Duration::from_mins(5)).map(|at| at.micros() / 60_000_000));
    /// Script::new(&p).clock(Duration::from_mins(12));
    /// ReferenceRunner::new().run(p)?;
    /// assert_eq!(ticks.values(), [0, 5, 10]);
    /// # Ok::<(), flow_core::Error>(())
    /// ```
    #[track_caller]
    pub fn periodic_impulse(&self, impulse: impl Into<Impulse>) -> PCollection<Timestamp> {
        let impulse = impulse.into();
        if impulse.period().as_micros() == 0 {
            let message = "ticks need a period of a microsecond at least, which is what time is measured in: otherwise \
                           they would all be at the same moment, without end";
            self.graph.lock().error(message, Location::caller());
        }
        self.source("periodic_impulse", impulse.to_string(), impulse)
    }

    /// A side input that is loaded when the run begins and anew every so often: rates, rules, a list of what is blocked.
    /// Every window sees the value that was loaded last.
    ///
    /// Elements wait for the first load; if it fails, so does the run. When a later one fails, the last value stays, a
    /// warning is logged, and `failed_refreshes` counts it among the metrics of the step. Loads do not overlap: one that
    /// takes longer than `every` delays the next. The run does not wait for this to end, which it never does. A durable run
    /// that goes on begins with a load as well.
    ///
    /// The future is polled on a worker that has other things to do: wait in it, as for a request, or hand what blocks
    /// to a thread of its own.
    ///
    /// ```
    /// use flow_core::prelude::*;
    /// use std::time::Duration;
    /// # async fn load_rates() -> Result<u64, BoxError> { Ok(7) }
    /// let p = Pipeline::new();
    /// let rates = p.refreshing(Duration::from_mins(5), || async { load_rates().await });
    /// let priced = flow_core::testing::collect(&p.create([1, 2]).with(&rates).map(|n, rate| n * rate));
    /// ReferenceRunner::new().run(p)?;
    /// assert_eq!(priced.values(), [7, 14]);
    /// # Ok::<(), flow_core::Error>(())
    /// ```
    #[track_caller]
    pub fn refreshing<V, E, Fut>(
        &self,
        every: Duration,
        load: impl Fn() -> Fut + Send + Sync + 'static,
    ) -> View<V>
    where
        V: Send + Sync + 'static,
        E: Into<BoxError>,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
    {
        let location = Location::caller();
        if every.as_micros() == 0 {
            let message = "a refreshing view needs a period of a microsecond at least: otherwise it would be loaded all \
                           the time";
            self.graph.lock().error(message, location);
        }
        let windowing = Windowing::default();
        let empty: Arc<dyn Fn() -> Result<V, BoxError> + Send + Sync> =
            Arc::new(|| Err("a refreshing view was read before its first load".into()));
        let metrics = self.graph.lock().metrics.clone();
        let load: crate::source::refreshing::Load<V> = Arc::new(move || {
            let loaded = load();
            Box::pin(async move { loaded.await.map_err(Into::into) })
        });
        let step = Graph::scoped(&self.graph, "refreshing", Some(location), || {
            let op = Refreshing { every, load, metrics };
            let values: PCollection<Published<V>> = self.source("load", format!("every {every:?}"), op);
            let publish = steps::publish(windowing.clone(), Arc::clone(&empty), None);
            values.add_step("publish", String::new(), location, publish)
        });
        View { step, graph: self.graph.origin(), windowing, empty, value: PhantomData }
    }

    #[track_caller]
    pub(crate) fn source<T: Element>(
        &self,
        verb: &'static str,
        detail: String,
        op: impl ReadOp + 'static,
    ) -> PCollection<T> {
        let bounded = op.is_bounded();
        let new = NewStep {
            verb,
            detail,
            location: Location::caller(),
            op: Op::Read(std::sync::Arc::new(op)),
            inputs: Vec::new(),
            views: Vec::new(),
        };
        let mut graph = self.graph.lock();
        let step = graph.add_step(new);
        let id = graph.add_output::<T>(step, Windowing::default(), bounded);
        drop(graph);
        PCollection::new(&self.graph, id)
    }

    /// A counter of the pipeline, by name.
    pub fn counter(&self, name: &str) -> Counter {
        self.graph.lock().metrics.counter(name)
    }

    /// A distribution of the pipeline, by name.
    pub fn distribution(&self, name: &str) -> Distribution {
        self.graph.lock().metrics.distribution(name)
    }

    /// A gauge of the pipeline, by name.
    pub fn gauge(&self, name: &str) -> Gauge {
        self.graph.lock().metrics.gauge(name)
    }

    /// The plan as a mermaid flowchart.
    pub fn to_mermaid(&self) -> String {
        self.graph.lock().to_mermaid()
    }

    /// For runners: the checked graph. Handles of the pipeline and its collections are of no use afterwards: a verb
    /// on them panics.
    ///
    /// # Errors
    /// Everything that is wrong with the pipeline.
    pub fn into_graph(self) -> crate::Result<Graph> {
        let mut graph = self.graph.take()?;
        graph.take_expectations();
        graph.check()?;
        Ok(graph)
    }
}

impl std::fmt::Display for Pipeline {
    /// The plan, a line for each step.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&*self.graph.lock(), f)
    }
}
