use std::future::Future;
use std::panic::Location;

use super::PCollection;
use crate::split::{Split, Variants};
use crate::steps::{self, DoFn, Emit, Order, Outcome};
use crate::{Element, Reified};

impl<T: Element> PCollection<T> {
    /// Each element through a function.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply([1, 2], |n: &PCollection<u32>| n.map(|n| n * 10)), [10, 20]);
    /// ```
    #[track_caller]
    pub fn map<U: Element>(&self, f: impl Fn(T) -> U + Send + Sync + 'static) -> PCollection<U> {
        self.then("map", steps::map(f))
    }

    /// The elements that a function says yes to.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply([1, 2, 3], |n: &PCollection<u32>| n.filter(|n| n % 2 == 1)), [1, 3]);
    /// ```
    #[track_caller]
    pub fn filter(&self, keep: impl Fn(&T) -> bool + Send + Sync + 'static) -> PCollection<T> {
        self.then("filter", steps::filter(keep))
    }

    /// Each element through a function that may have no result for it.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply(["1", "x"], |s: &PCollection<String>| s.filter_map(|s| s.parse::<u32>().ok())), [1]);
    /// ```
    #[track_caller]
    pub fn filter_map<U: Element>(
        &self,
        f: impl Fn(T) -> Option<U> + Send + Sync + 'static,
    ) -> PCollection<U> {
        self.then("filter_map", steps::filter_map(f))
    }

    /// Each element to any number of results. A function whose results borrow from the element is written with
    /// [`process`](PCollection::process).
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply([2, 3], |n: &PCollection<u32>| n.flat_map(|n| 0..n)), [0, 1, 0, 1, 2]);
    /// ```
    #[track_caller]
    pub fn flat_map<I>(&self, f: impl Fn(T) -> I + Send + Sync + 'static) -> PCollection<I::Item>
    where
        I: IntoIterator<Item: Element>,
    {
        self.then(
            "flat_map",
            steps::process(move |value, out| f(value).into_iter().for_each(|result| out.emit(result))),
        )
    }

    /// Each element to any number of results, emitted one by one; the general form of
    /// [`map`](PCollection::map) and [`filter`](PCollection::filter). The function may return a `Result`: an error
    /// ends the run, with the step's name.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let words = apply(["to be", "or"], |lines: &PCollection<String>| {
    ///     lines.process(|line, out| for word in line.split(' ') { out.emit(word.to_string()) })
    /// });
    /// assert_eq!(words, ["to", "be", "or"]);
    /// ```
    #[track_caller]
    pub fn process<U, R, F>(&self, f: F) -> PCollection<U>
    where
        U: Element,
        R: Outcome,
        F: Fn(T, &mut Emit<'_, U>) -> R + Send + Sync + 'static,
    {
        self.then("process", steps::process(f))
    }

    /// A step with set-up, bundles and tear-down: see [`DoFn`].
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// /// Passes on the greatest element of each bundle.
    /// #[derive(Clone, Default)]
    /// struct Greatest(Option<u32>);
    ///
    /// impl DoFn<u32, u32> for Greatest {
    ///     fn process(&mut self, n: u32, _: &mut Emit<'_, u32>) -> Result<(), BoxError> {
    ///         self.0 = self.0.max(Some(n));
    ///         Ok(())
    ///     }
    ///     fn finish_bundle(&mut self, out: &mut BundleEmit<'_, u32>) -> Result<(), BoxError> {
    ///         self.0.take().into_iter().for_each(|n| out.emit(n, Timestamp::MIN, Window::GLOBAL));
    ///         Ok(())
    ///     }
    /// }
    /// assert_eq!(apply([2, 7, 5], |n: &PCollection<u32>| n.par_do(Greatest::default())), [7]);
    /// ```
    #[track_caller]
    pub fn par_do<U: Element>(&self, dofn: impl DoFn<T, U>) -> PCollection<U> {
        self.then("par_do", steps::par_do(dofn))
    }

    /// Each element through an async function, at most `concurrency` at a time on each worker. Results keep the
    /// order of their elements.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let doubled = apply([1, 2, 3], |n: &PCollection<u32>| n.map_async(2, |n| async move { n * 2 }));
    /// assert_eq!(doubled, [2, 4, 6]);
    /// ```
    #[track_caller]
    pub fn map_async<U, Fut>(
        &self,
        concurrency: usize,
        f: impl Fn(T) -> Fut + Send + Sync + 'static,
    ) -> PCollection<U>
    where
        U: Element,
        Fut: Future<Output = U> + Send + 'static,
    {
        self.then("map_async", steps::async_map(concurrency, Order::Kept, f))
    }

    /// As [`map_async`](PCollection::map_async), with results in the order in which they are done: a slow call does
    /// not hold up the others.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let mut doubled = apply([1, 2], |n: &PCollection<u32>| n.map_async_unordered(2, |n| async move { n * 2 }));
    /// doubled.sort();
    /// assert_eq!(doubled, [2, 4]);
    /// ```
    #[track_caller]
    pub fn map_async_unordered<U, Fut>(
        &self,
        concurrency: usize,
        f: impl Fn(T) -> Fut + Send + Sync + 'static,
    ) -> PCollection<U>
    where
        U: Element,
        Fut: Future<Output = U> + Send + 'static,
    {
        self.then("map_async_unordered", steps::async_map(concurrency, Order::AsDone, f))
    }

    /// Looks at each element and passes it on.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// assert_eq!(apply([1], |n: &PCollection<u32>| n.inspect(|n| println!("{n}"))), [1]);
    /// ```
    #[track_caller]
    pub fn inspect(&self, look: impl Fn(&T) + Send + Sync + 'static) -> PCollection<T> {
        self.then("inspect", steps::inspect(look))
    }

    /// Looks at each element, at the end of a pipeline.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let p = Pipeline::new();
    /// let seen = p.counter("seen");
    /// let count = seen.clone();
    /// p.create([1, 2]).for_each(move |_| count.inc());
    /// ReferenceRunner::new().run(p)?;
    /// assert_eq!(seen.value(), 2);
    /// # Ok::<(), flow_core::Error>(())
    /// ```
    #[track_caller]
    pub fn for_each(&self, look: impl Fn(&T) + Send + Sync + 'static) {
        let _ = self.then::<T>("for_each", steps::inspect(look));
    }

    /// Each element with its timestamp, window and pane as values.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let times = apply([5], |n: &PCollection<i64>| {
    ///     n.with_timestamps(|n| Timestamp::from_secs(*n)).reify().map(|r| (r.value, r.time))
    /// });
    /// assert_eq!(times, [(5, Timestamp::from_secs(5))]);
    /// ```
    #[track_caller]
    pub fn reify(&self) -> PCollection<Reified<T>> {
        self.then("reify", steps::reify())
    }

    /// A collection for each variant: see [`Split`].
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let numbers = apply(["1", "x", "3"], |text: &PCollection<String>| {
    ///     let (numbers, _errors) = text.map(|s| s.parse::<u32>().map_err(|e| e.to_string())).split();
    ///     numbers
    /// });
    /// assert_eq!(numbers, [1, 3]);
    /// ```
    #[track_caller]
    pub fn split<Outputs>(&self) -> Outputs
    where
        T: Split<Outputs = Outputs>,
    {
        let step = self.add_step("split", T::NAMES.join(", "), Location::caller(), steps::split::<T>());
        self.name_outputs(step, T::NAMES);
        let collections =
            <T::Variants as Variants>::collections(&self.graph, step, &self.windowing(), self.is_bounded());
        T::outputs(collections)
    }

    /// A fixed number of collections, by a function that says which an element goes to, from 0.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let odd = apply([1, 2, 3], |n: &PCollection<usize>| n.partition(2, |n| n % 2).remove(1));
    /// assert_eq!(odd, [1, 3]);
    /// ```
    #[track_caller]
    pub fn partition(
        &self,
        parts: usize,
        choose: impl Fn(&T) -> usize + Send + Sync + 'static,
    ) -> Vec<PCollection<T>> {
        let step = self.add_step(
            "partition",
            format!("{parts} parts"),
            Location::caller(),
            steps::partition(parts, choose),
        );
        (0..parts).map(|_| self.output(step, self.windowing())).collect()
    }
}
