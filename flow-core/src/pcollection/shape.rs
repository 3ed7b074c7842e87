use std::panic::Location;

use super::PCollection;
use crate::element::Wire;
use crate::keyed;
use crate::{Element, graph::Graph};

impl<T: Element> PCollection<T> {
    /// This collection and others as one.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let both = apply([1, 2], |n: &PCollection<u32>| n.map(|n| n * 10).flatten([n]));
    /// assert_eq!(both.iter().sum::<u32>(), 33);
    /// ```
    #[track_caller]
    pub fn flatten<'a>(&self, others: impl IntoIterator<Item = &'a PCollection<T>>) -> PCollection<T> {
        self.flattened("flatten", others)
    }

    /// What `verb` flattens: the errors say who asked.
    #[track_caller]
    pub(super) fn flattened<'a>(
        &self,
        verb: &str,
        others: impl IntoIterator<Item = &'a PCollection<T>>,
    ) -> PCollection<T> {
        let location = Location::caller();
        let mut windowing = self.windowing();
        let mut bounded = self.is_bounded();
        let mut producers = self.graph.lock().collection(self.id).producers.clone();
        for other in others {
            if !self.graph.same(&other.graph) {
                self.error(location, format!("{verb} takes collections of one pipeline"));
                continue;
            }
            let theirs = other.windowing();
            if !windowing.is_compatible(&theirs) {
                self.error(
                    location,
                    format!(
                        "{verb} takes collections in the same windows: these are {windowing:?} and {theirs:?}"
                    ),
                );
            }
            if theirs.is_merging() {
                windowing = theirs;
            }
            bounded &= other.is_bounded();
            producers.extend(self.graph.lock().collection(other.id).producers.iter().copied());
        }
        let id = Graph::add_collection::<T>(&mut self.graph.lock(), producers, windowing, bounded);
        PCollection::new(&self.graph, id)
    }

    /// The same elements spread evenly over the workers: after a step that makes many of few, or before a slow one.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply([3], |n: &PCollection<u32>| n.flat_map(|n| 0..n).reshuffle()), [0, 1, 2]);
    /// ```
    #[track_caller]
    pub fn reshuffle(&self) -> PCollection<T>
    where
        T: Wire,
    {
        self.then("reshuffle", keyed::spread::<T>())
    }

    /// Names the step that made this collection: in the printed plan, in reports and in errors. If that was a verb of
    /// several steps, or a composite that was [applied](PCollection::apply), the whole of it takes the name; and the
    /// outputs of one step, as those of [`split`](PCollection::split), have one name. Names are unique.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let p = Pipeline::new();
    /// p.create([1]).map(|n| n + 1).named("increment").count().named("counts");
    /// assert!(p.to_string().contains("increment <- create"));
    /// assert!(p.to_string().contains("counts/key <- increment"));
    /// ```
    #[track_caller]
    #[allow(clippy::must_use_candidate)]
    pub fn named(&self, name: &str) -> PCollection<T> {
        let location = Location::caller();
        let mut graph = self.graph.lock();
        match graph.collection(self.id).producers.as_slice() {
            [(step, _)] => {
                let step = *step;
                graph.rename(step, name, location);
            }
            _ => {
                graph.error("a flattened collection is made by no step of its own: name its parts", location);
            }
        }
        drop(graph);
        self.clone()
    }

    /// Applies a composite: a function from collection to whatever it makes, whose steps are named under `name`.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// fn doubled(n: &PCollection<u32>) -> PCollection<u32> { n.map(|n| n * 2) }
    /// let p = Pipeline::new();
    /// p.create([1]).apply("double", doubled).for_each(|n| println!("{n}"));
    /// assert!(p.to_string().contains("double/map <- create"));
    /// ```
    ///
    /// It is also how a write gets a name, since it leaves no collection to be [`named`](PCollection::named).
    pub fn apply<R>(&self, name: &str, composite: impl FnOnce(&PCollection<T>) -> R) -> R {
        Graph::scoped(&self.graph, name, None, || composite(self))
    }
}
