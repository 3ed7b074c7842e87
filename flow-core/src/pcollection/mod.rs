//! Collections and their verbs.

mod aggregate;
mod approximate;
mod batches;
mod co_group;
mod dead_letters;
mod deduplicate;
mod elementwise;
mod fanout;
mod join;
mod join_in_time;
mod keyed;
mod shape;
mod side;
mod splittable;
mod time_sorted;
mod timed;
mod wait_on;
mod with;
mod write;

use std::marker::PhantomData;
use std::panic::Location;

use crate::Element;
use crate::exec::{Op, StepId};
use crate::graph::{CollectionId, Graph, NewStep, Shared};
use crate::steps::Typed;
use crate::window::Windowing;

pub use co_group::CoGroup;
pub use fanout::Fanout;
pub use with::With;

/// A collection of elements, bounded or not, each with an event time and a window.
///
/// It is a handle: cheap to clone, and read by as many steps as ask. Verbs make new collections of it; those for
/// pairs exist only on `PCollection<(K, V)>`.
///
/// | to | verbs |
/// | --- | --- |
/// | change elements | [`map`], [`filter`], [`filter_map`], [`flat_map`], [`process`], [`par_do`], [`map_async`], [`inspect`], [`reify`] |
/// | part and unite | [`split`], [`partition`], [`split_late`], [`flatten`] |
/// | give time and windows | [`with_timestamps`], [`window`] |
/// | aggregate | [`combine`], [`combine_per_key`], [`count`], [`distinct`], [`sample`], [`top`], [`latest`], [`quantiles`], [`approx_distinct`] and their forms per key; [`with_fanout`] for hot keys |
/// | group | [`key_by`], [`group_by_key`], [`co_group`], [`group_into_batches`], [`batches`] |
/// | join by window | [`join`], [`left_join`], [`outer_join`] |
/// | join by time | [`interval_join`], [`temporal_join`], [`left_temporal_join`] |
/// | remember | [`stateful`], [`par_do_stateful`], [`deduplicate`], [`deduplicate_by`], [`time_sorted`] |
/// | look aside and wait | [`with`], [`as_single`], [`as_list`], [`as_map`], [`as_multimap`], [`wait_on`] |
/// | spread the work | [`reshuffle`] |
/// | go on where elements fail | [`with_dead_letters`] |
/// | write | [`write`], [`try_write`], [`write_by`], [`for_each`] |
///
/// [`map`]: PCollection::map
/// [`filter`]: PCollection::filter
/// [`filter_map`]: PCollection::filter_map
/// [`flat_map`]: PCollection::flat_map
/// [`process`]: PCollection::process
/// [`par_do`]: PCollection::par_do
/// [`map_async`]: PCollection::map_async
/// [`inspect`]: PCollection::inspect
/// [`reify`]: PCollection::reify
/// [`split`]: PCollection::split
/// [`partition`]: PCollection::partition
/// [`split_late`]: PCollection::split_late
/// [`flatten`]: PCollection::flatten
/// [`with_timestamps`]: PCollection::with_timestamps
/// [`window`]: PCollection::window
/// [`combine`]: PCollection::combine
/// [`combine_per_key`]: PCollection::combine_per_key
/// [`count`]: PCollection::count
/// [`distinct`]: PCollection::distinct
/// [`sample`]: PCollection::sample
/// [`top`]: PCollection::top
/// [`latest`]: PCollection::latest
/// [`quantiles`]: PCollection::quantiles
/// [`approx_distinct`]: PCollection::approx_distinct
/// [`with_fanout`]: PCollection::with_fanout
/// [`key_by`]: PCollection::key_by
/// [`group_by_key`]: PCollection::group_by_key
/// [`co_group`]: PCollection::co_group
/// [`group_into_batches`]: PCollection::group_into_batches
/// [`batches`]: PCollection::batches
/// [`join`]: PCollection::join
/// [`left_join`]: PCollection::left_join
/// [`outer_join`]: PCollection::outer_join
/// [`interval_join`]: PCollection::interval_join
/// [`temporal_join`]: PCollection::temporal_join
/// [`left_temporal_join`]: PCollection::left_temporal_join
/// [`stateful`]: PCollection::stateful
/// [`par_do_stateful`]: PCollection::par_do_stateful
/// [`deduplicate`]: PCollection::deduplicate
/// [`deduplicate_by`]: PCollection::deduplicate_by
/// [`time_sorted`]: PCollection::time_sorted
/// [`with`]: PCollection::with
/// [`as_single`]: PCollection::as_single
/// [`as_list`]: PCollection::as_list
/// [`as_map`]: PCollection::as_map
/// [`as_multimap`]: PCollection::as_multimap
/// [`wait_on`]: PCollection::wait_on
/// [`reshuffle`]: PCollection::reshuffle
/// [`with_dead_letters`]: PCollection::with_dead_letters
/// [`write`]: PCollection::write
/// [`try_write`]: PCollection::try_write
/// [`write_by`]: PCollection::write_by
/// [`for_each`]: PCollection::for_each
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
