use std::panic::Location;

use crate::exec::{Op, ReadOp};
use crate::graph::{Graph, NewStep, Shared};
use crate::memory::Create;
use crate::metrics::{Counter, Distribution, Gauge, Metrics};
use crate::read::Read;
use crate::source::Source;
use crate::window::Windowing;
use crate::{Element, PCollection};

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
