//! Collections and their verbs.

mod aggregate;
mod elementwise;
mod join;
mod keyed;
mod shape;
mod side;
mod timed;
mod with;
mod write;

use std::marker::PhantomData;
use std::panic::Location;

use crate::Element;
use crate::exec::{Op, StepId};
use crate::graph::{CollectionId, Graph, NewStep, Shared};
use crate::steps::Typed;
use crate::window::Windowing;

pub use with::With;

/// A collection of elements, bounded or not, each with an event time and a window.
///
/// It is a handle: cheap to clone, and read by as many steps as ask. Verbs make new collections of it; those for
/// pairs exist only on `PCollection<(K, V)>`.
#[must_use = "a collection that no step reads goes nowhere: write it, or look at it with `for_each`"]
pub struct PCollection<T> {
    pub(crate) graph: Shared,
    pub(crate) id: CollectionId,
    element: PhantomData<fn() -> T>,
}

impl<T> Clone for PCollection<T> {
    fn clone(&self) -> Self {
        PCollection { graph: self.graph.clone(), id: self.id, element: PhantomData }
    }
}

impl<T> std::fmt::Debug for PCollection<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PCollection<{}>({})", std::any::type_name::<T>(), self.id.0)
    }
}

impl<T> PCollection<T> {
    pub(crate) fn new(graph: &Shared, id: CollectionId) -> Self {
        PCollection { graph: graph.clone(), id, element: PhantomData }
    }
}

impl<T: Element> PCollection<T> {
    /// How this collection is windowed.
    pub fn windowing(&self) -> Windowing {
        self.graph.lock().collection(self.id).windowing.clone()
    }

    /// Whether it ends.
    pub fn is_bounded(&self) -> bool {
        self.graph.lock().collection(self.id).bounded
    }

    /// A step that reads this collection, without outputs yet.
    pub(crate) fn add_step(
        &self,
        verb: &'static str,
        detail: String,
        location: &'static Location<'static>,
        op: Op,
    ) -> StepId {
        let new = NewStep { verb, detail, location, op, inputs: vec![self.id], views: Vec::new() };
        self.graph.lock().add_step(new)
    }

    /// An output of a step that reads this collection.
    pub(crate) fn output<U: Element>(&self, step: StepId, windowing: Windowing) -> PCollection<U> {
        let bounded = self.is_bounded();
        let id = Graph::add_output::<U>(&mut self.graph.lock(), step, windowing, bounded);
        PCollection::new(&self.graph, id)
    }

    /// A step with one output in the same windows.
    #[track_caller]
    pub(crate) fn then<U: Element>(
        &self,
        verb: &'static str,
        step: impl Into<Typed<T, U>>,
    ) -> PCollection<U> {
        self.then_in(self.windowing(), verb, String::new(), step)
    }

    /// A step with one output in windows of its own.
    #[track_caller]
    pub(crate) fn then_in<U: Element>(
        &self,
        windowing: Windowing,
        verb: &'static str,
        detail: String,
        step: impl Into<Typed<T, U>>,
    ) -> PCollection<U> {
        let step = self.add_step(verb, detail, Location::caller(), step.into().op);
        self.output(step, windowing)
    }

    /// Keeps an error of construction, at the caller's line.
    pub(crate) fn error(&self, location: &'static Location<'static>, message: impl Into<String>) {
        self.graph.lock().error(message, location);
    }

    /// Several steps as one verb: their names stand under its name, and they are at its caller's line.
    #[track_caller]
    pub(crate) fn composite<R>(&self, verb: &str, body: impl FnOnce() -> R) -> R {
        Graph::scoped(&self.graph, verb, Some(Location::caller()), body)
    }

    /// Says what the outputs of a step are called.
    pub(crate) fn name_outputs(&self, step: StepId, names: &[&'static str]) {
        self.graph.lock().steps[step.index()].output_names = names.to_vec();
    }
}
