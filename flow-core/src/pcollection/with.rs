use std::panic::Location;

use super::PCollection;
use crate::exec::Op;
use crate::steps::{self, DoFnWith, Emit, Outcome};
use crate::views::{SideInputs, Views};
use crate::window::Window;
use crate::{Element, Timestamp, Wire};

/// A collection with the views that its elements are looked up in; made by [`PCollection::with`].
#[derive(Debug)]
#[must_use = "say what to do with the views: map, filter, flat_map, process or par_do"]
pub struct With<'a, T, S> {
    main: &'a PCollection<T>,
    views: S,
}

impl<T: Element> PCollection<T> {
    /// Side inputs for the next verb: one view, or a tuple of them, each as of the element's window. Elements may have to
    /// wait for them, and are stored meanwhile in a durable run: so they must be [`Wire`].
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let kept = apply([1, 2, 3], |n: &PCollection<u32>| {
    ///     let factor = n.combine(Sum).as_single();
    ///     let blocked = n.filter(|n| *n == 2).as_list();
    ///     n.with((&factor, &blocked)).flat_map(|n, (factor, blocked)| (!blocked.contains(&n)).then_some(n * factor))
    /// });
    /// assert_eq!(kept, [6, 18]);
    /// ```
    #[track_caller]
    pub fn with<S: SideInputs>(&self, views: S) -> With<'_, T, S::Views>
    where
        T: Wire,
    {
        let views = views.owned();
        let location = Location::caller();
        let main = self.windowing();
        let minute = Window::new(Timestamp::from_secs(0), Timestamp::from_secs(60));
        let typical = if main.is_global() { Window::GLOBAL } else { minute };
        for (_, graph, side) in views.steps() {
            if !self.graph.is(graph) {
                self.error(location, "this view is of another pipeline, which has its elements: make it of a collection of the pipeline that reads it");
            } else if side.side_window(typical).is_none() {
                self.error(location, format!("a view in {side:?} cannot be read from {main:?}: no window of it belongs to the main input's, so that an element would see none; put what the view is made of into `Fixed` or `Sliding` windows, or, if the main input has the global window, into that"));
            }
        }
        With { main: self, views }
    }
}

impl<T: Wire, S: Views> With<'_, T, S> {
    /// Each element through a function of it and the views.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let found = apply([1, 2, 3], |n: &PCollection<u32>| {
    ///     let total = n.combine(Sum).as_single();
    ///     n.with(&total).map(|n, total| (n, *total))
    /// });
    /// assert_eq!(found, [(1, 6), (2, 6), (3, 6)]);
    /// ```
    #[track_caller]
    pub fn map<U: Element>(
        self,
        f: impl for<'v> Fn(T, S::Values<'v>) -> U + Send + Sync + 'static,
    ) -> PCollection<U> {
        self.then("map", move |value, views: S::Values<'_>, out: &mut Emit<'_, U>| out.emit(f(value, views)))
    }

    /// The elements that a function of it and the views says yes to.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let found = apply([1, 2, 3], |n: &PCollection<u32>| {
    ///     let total = n.combine(Sum).as_single();
    ///     n.with(&total).filter(|n, total| n * 2 >= *total)
    /// });
    /// assert_eq!(found, [3]);
    /// ```
    #[track_caller]
    pub fn filter(
        self,
        keep: impl for<'v> Fn(&T, S::Values<'v>) -> bool + Send + Sync + 'static,
    ) -> PCollection<T> {
        self.then("filter", move |value, views: S::Values<'_>, out: &mut Emit<'_, T>| {
            if keep(&value, views) {
                out.emit(value);
            }
        })
    }

    /// Each element to any number of results.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let found = apply([1, 2, 3], |n: &PCollection<u32>| {
    ///     let total = n.combine(Sum).as_single();
    ///     n.with(&total).flat_map(|n, total| (0..*total / 3).map(move |i| n + i))
    /// });
    /// assert_eq!(found, [1, 2, 2, 3, 3, 4]);
    /// ```
    #[track_caller]
    pub fn flat_map<I>(
        self,
        f: impl for<'v> Fn(T, S::Values<'v>) -> I + Send + Sync + 'static,
    ) -> PCollection<I::Item>
    where
        I: IntoIterator<Item: Element>,
    {
        self.then("flat_map", move |value, views: S::Values<'_>, out: &mut Emit<'_, I::Item>| {
            f(value, views).into_iter().for_each(|result| out.emit(result));
        })
    }

    /// Each element to any number of results, emitted one by one.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let found = apply([1, 2, 3], |n: &PCollection<u32>| {
    ///     let total = n.combine(Sum).as_single();
    ///     n.with(&total).process(|n, total, out| if n < *total / 2 { out.emit(n) })
    /// });
    /// assert_eq!(found, [1, 2]);
    /// ```
    #[track_caller]
    pub fn process<U, R, F>(self, f: F) -> PCollection<U>
    where
        U: Element,
        R: Outcome,
        F: for<'v> Fn(T, S::Values<'v>, &mut Emit<'_, U>) -> R + Send + Sync + 'static,
    {
        self.then("process", f)
    }

    /// A step with set-up, bundles and tear-down that looks things up in the views: see [`DoFnWith`].
    #[track_caller]
    pub fn par_do<U: Element>(self, dofn: impl DoFnWith<T, S, U>) -> PCollection<U> {
        let op = steps::side_par_do(self.views.clone(), self.main.windowing(), dofn).op;
        self.add("par_do", op)
    }

    #[track_caller]
    fn then<U, R, F>(self, verb: &'static str, f: F) -> PCollection<U>
    where
        U: Element,
        R: Outcome,
        F: for<'v> Fn(T, S::Values<'v>, &mut Emit<'_, U>) -> R + Send + Sync + 'static,
    {
        let op = steps::side_process(self.views.clone(), self.main.windowing(), f).op;
        self.add(verb, op)
    }

    /// Adds a step that reads the views.
    #[track_caller]
    fn add<U: Element>(self, verb: &'static str, op: Op) -> PCollection<U> {
        let step = self.main.add_step(verb, String::new(), Location::caller(), op);
        let views = self.views.steps().into_iter().map(|(step, ..)| step).collect();
        self.main.graph.lock().looks_up(step, views, self.views.awaited());
        self.main.output(step, self.main.windowing())
    }
}
