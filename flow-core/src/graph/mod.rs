//! The pipeline as a value: steps and the collections between them.
//!
//! Verbs add to a [`Graph`]; a runner takes it, checks it and builds its plan from it. It prints as text
//! ([`Display`](std::fmt::Display)) and as mermaid ([`Graph::to_mermaid`]).

mod check;
mod expect;
mod lease;
mod names;
mod print;
mod regions;

use std::any::type_name;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use crate::exec::{CollectionOf, CollectionOp, Op, StepId};
use crate::views::Awaited;
use crate::window::Windowing;
use crate::{Element, Error, StepLabel};
pub use check::BuildErrors;
pub(crate) use expect::Expectation;
use expect::Taken;
pub(crate) use names::ScopeId;
use names::{Names, moved};
pub(crate) use print::short_name;
pub(crate) use regions::Region;

/// A collection's number in its pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CollectionId(pub u32);

impl CollectionId {
    /// As an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A step: one verb of the pipeline, or a part of one.
#[derive(Debug)]
pub struct Step {
    /// Its number.
    pub id: StepId,
    /// Its unique name and the caller's line.
    pub label: StepLabel,
    /// A few words on what it does, for the printed plan.
    pub detail: String,
    /// Its factories.
    pub op: Op,
    /// What it reads, in order.
    pub inputs: Vec<CollectionId>,
    /// What it makes, in order.
    pub outputs: Vec<CollectionId>,
    /// What its outputs are called if there are several, for the printed plan; by number where it says nothing.
    pub output_names: Vec<&'static str>,
    /// The views that it looks things up in, by the steps that publish them.
    pub views: Vec<StepId>,
    /// The same, to wait for them.
    pub(crate) awaited: Option<Awaited>,
    /// The composites that it stands in, from the outermost to the innermost.
    pub(crate) scopes: Vec<ScopeId>,
}

/// A collection between steps.
pub struct Collection {
    /// Its number.
    pub id: CollectionId,
    /// The step that makes it; several if it is the flattening of several outputs.
    pub producers: Vec<(StepId, usize)>,
    /// How it is windowed.
    pub windowing: Windowing,
    /// Whether it ends.
    pub bounded: bool,
    /// What a runner does without knowing the element type.
    pub op: Arc<dyn CollectionOp>,
    /// The element type's name.
    pub element: &'static str,
}

impl std::fmt::Debug for Collection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Collection({:?}, {}, {:?})", self.id, self.element, self.windowing)
    }
}

/// A pipeline under construction or ready to run.
#[derive(Debug, Default)]
pub struct Graph {
    /// In order of construction: every step stands behind those that it reads from.
    pub steps: Vec<Step>,
    /// In order of construction.
    pub collections: Vec<Collection>,
    /// Clock moves of the script that scripted sources play, one entry a step of the script.
    pub script: Vec<Option<Duration>>,
    /// What must hold at the end of a run.
    pub(crate) expectations: Vec<Expectation>,
    /// The same, once a runner has the graph.
    taken: Vec<Taken>,
    /// The places that sinks have taken.
    pub(crate) claims: crate::sink::Claims,
    /// The regions of dead letters.
    pub(crate) regions: Vec<Region>,
    /// The metrics that steps write to.
    pub(crate) metrics: crate::metrics::Metrics,
    errors: Vec<Error>,
    names: Names,
    /// A runner has the steps, and this is what is left behind.
    is_gone: bool,
}

/// What a new step is made of.
pub(crate) struct NewStep {
    pub(crate) verb: &'static str,
    pub(crate) detail: String,
    pub(crate) location: &'static Location<'static>,
    pub(crate) op: Op,
    pub(crate) inputs: Vec<CollectionId>,
    pub(crate) views: Vec<StepId>,
}

impl Graph {
    pub(crate) fn add_step(&mut self, new: NewStep) -> StepId {
        let id = StepId(u32::try_from(self.steps.len()).expect("fewer than 2^32 steps"));
        let name = self.names.fresh(new.verb);
        let location = self.names.caller().unwrap_or(new.location);
        let label = StepLabel { name, location };
        self.steps.push(Step {
            id,
            label,
            detail: new.detail,
            op: new.op,
            inputs: new.inputs,
            outputs: Vec::new(),
            output_names: Vec::new(),
            views: new.views,
            awaited: None,
            scopes: self.names.open().to_vec(),
        });
        id
    }

    pub(crate) fn add_output<T: Element>(
        &mut self,
        step: StepId,
        windowing: Windowing,
        bounded: bool,
    ) -> CollectionId {
        let port = self.steps[step.index()].outputs.len();
        let id = self.add_collection::<T>(vec![(step, port)], windowing, bounded);
        self.steps[step.index()].outputs.push(id);
        id
    }

    /// A collection made of several others without a step.
    pub(crate) fn add_collection<T: Element>(
        &mut self,
        producers: Vec<(StepId, usize)>,
        windowing: Windowing,
        bounded: bool,
    ) -> CollectionId {
        let id = CollectionId(u32::try_from(self.collections.len()).expect("fewer than 2^32 collections"));
        self.collections.push(Collection {
            id,
            producers,
            windowing,
            bounded,
            op: Arc::new(CollectionOf::<T>::new()),
            element: type_name::<T>(),
        });
        id
    }

    /// Says which views a step reads.
    pub(crate) fn looks_up(&mut self, step: StepId, views: Vec<StepId>, awaited: Awaited) {
        let step = &mut self.steps[step.index()];
        (step.views, step.awaited) = (views, Some(awaited));
    }

    /// Names a step, or, if it stands in a composite that is done, the whole of that.
    pub(crate) fn rename(&mut self, step: StepId, name: &str, location: &'static Location<'static>) {
        let renamed = match self.step(step).scopes.get(self.names.open().len()).copied() {
            Some(composite) => self.rename_composite(composite, name),
            None => self.rename_step(step, name),
        };
        if let Err(message) = renamed {
            self.error(message, location);
        }
    }

    fn rename_step(&mut self, step: StepId, name: &str) -> Result<(), String> {
        let label = &mut self.steps[step.index()].label;
        label.name = self.names.claim(name, &label.name)?;
        Ok(())
    }

    fn rename_composite(&mut self, composite: ScopeId, name: &str) -> Result<(), String> {
        let (old, new) = self.names.rename(composite, name)?;
        for step in self.steps.iter_mut().filter(|step| step.scopes.contains(&composite)) {
            step.label.name = moved(&step.label.name, &old, &new);
        }
        Ok(())
    }

    /// Builds a composite. With a `location`, that of a verb of ours, its steps and errors are all there: they stand
    /// in closures, which lose the caller.
    pub(crate) fn scoped<R>(
        graph: &Shared,
        scope: &str,
        location: Option<&'static Location<'static>>,
        body: impl FnOnce() -> R,
    ) -> R {
        graph.lock().names.enter(scope, location);
        let result = body();
        graph.lock().names.leave();
        result
    }

    /// Keeps an error of construction for when the pipeline is run.
    pub(crate) fn error(&mut self, message: impl Into<String>, location: &'static Location<'static>) {
        let location = self.names.caller().unwrap_or(location);
        let message = format!("{}:{}: {}", location.file(), location.line(), message.into());
        self.errors.push(Error::config(message));
    }

    /// The names and places of all steps, by number.
    pub fn labels(&self) -> Arc<[StepLabel]> {
        self.steps.iter().map(|s| s.label.clone()).collect()
    }

    /// The step of a number.
    pub fn step(&self, id: StepId) -> &Step {
        &self.steps[id.index()]
    }

    /// The collection of a number.
    pub fn collection(&self, id: CollectionId) -> &Collection {
        &self.collections[id.index()]
    }

    /// The steps that read a step's output, with the number of their input: through flattened collections too.
    pub fn readers(&self, step: StepId, output: usize) -> Vec<(StepId, usize)> {
        let made: Vec<CollectionId> =
            self.collections.iter().filter(|c| c.producers.contains(&(step, output))).map(|c| c.id).collect();
        let mut readers = Vec::new();
        for reader in &self.steps {
            for (port, input) in reader.inputs.iter().enumerate() {
                if made.contains(input) {
                    readers.push((reader.id, port));
                }
            }
        }
        readers
    }

    /// The pipeline's own metrics.
    pub fn metrics(&self) -> crate::metrics::Metrics {
        self.metrics.clone()
    }

    /// Hands the expectations over to the run that is about to begin.
    pub(crate) fn take_expectations(&mut self) {
        self.taken.extend(self.expectations.drain(..).map(Expectation::taken));
    }

    /// The checks that the end of a successful run owes: the assertions of a test fail here. A runner that leaves
    /// them out passes every test.
    pub fn finish(&mut self) -> Result<(), Vec<Error>> {
        let failed: Vec<Error> = self.taken.drain(..).filter_map(|taken| taken.checked().err()).collect();
        if failed.is_empty() { Ok(()) } else { Err(failed) }
    }
}

/// The graph that all handles of a pipeline share.
#[derive(Clone, Debug, Default)]
#[doc(hidden)]
pub struct Shared(Arc<Mutex<Graph>>);

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Graph> {
        let graph = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        assert!(
            !graph.is_gone,
            "this pipeline has been run already: build it anew to add steps or to run it again"
        );
        graph
    }

    /// Takes the graph out, for a runner; an error if one has it already.
    pub(crate) fn take(&self) -> crate::Result<Graph> {
        let mut graph = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let taken = std::mem::replace(&mut *graph, Graph { is_gone: true, ..Graph::default() });
        if taken.is_gone {
            return Err(Error::config("this pipeline has been run already: build it anew to run it again"));
        }
        Ok(taken)
    }

    pub(crate) fn same(&self, other: &Shared) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// To tell this graph from others, without keeping it: views are held by the graph's own steps.
    pub(crate) fn origin(&self) -> Origin {
        Origin(Arc::downgrade(&self.0))
    }

    pub(crate) fn is(&self, origin: &Origin) -> bool {
        Arc::as_ptr(&self.0) == origin.0.as_ptr()
    }
}

/// Which graph something is of.
#[derive(Clone, Debug)]
#[doc(hidden)]
pub struct Origin(Weak<Mutex<Graph>>);
