use std::panic::Location;
use std::sync::Arc;

use super::PCollection;
use crate::element::{Key, Wire};
use crate::graph::Graph;
use crate::splittable::{Growth, SplittableFn, Watch, Watching};
use crate::{BoxError, Element, keyed};

impl<T: Element> PCollection<T> {
    /// Reads what each element stands for piece by piece, spread over all workers: files by their names, tables by their
    /// ranges, whatever a [`SplittableFn`] can be written for, with an example there.
    ///
    /// Results have the timestamp and window of their element. The watermark waits for what is left to be read, where
    /// the function [says](crate::SplittableCx::set_watermark) that it is; elements of windows that have
    /// expired are read too, and it is a grouping that drops them. An element is acknowledged once it has been read to
    /// its end. Several elements are read in turn, each for about a bundle.
    #[track_caller]
    pub fn par_do_splittable<Out: Element>(&self, f: impl SplittableFn<T, Out>) -> PCollection<Out>
    where
        T: Wire,
    {
        self.composite("par_do_splittable", || self.splittable(f))
    }

    /// Looks again and again at what each element stands for, and passes on what is new there with its element, once:
    /// files as they match a pattern, partitions as they are added to a table.
    ///
    /// The function says all that there is; what it has found before is known by its value, and remembered for as long
    /// as the element is watched. It is called on a worker, so it should answer soon. An element is watched until the
    /// run is stopped, unless [`Watch`] or [`Growth::complete`] says otherwise.
    ///
    /// ```
    /// use flow_core::prelude::*;
    /// use flow_core::splittable::Growth;
    /// use std::time::Duration;
    /// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    /// let written = AtomicU64::new(0);
    /// let hour = Watch::every(Duration::from_mins(20)).for_at_most(Duration::from_hours(1));
    /// let found = apply(["in"], |folders: &PCollection<String>| {
    ///     folders.watch(hour, move |folder| {
    ///         let files = 0..written.fetch_add(1, Relaxed);
    ///         Ok::<_, BoxError>(Growth::of(files.map(|n| format!("{folder}/{n}.log")).collect::<Vec<_>>()))
    ///     })
    /// });
    /// assert_eq!(found.iter().map(|(_, file)| file).collect::<Vec<_>>(), ["in/0.log", "in/1.log", "in/2.log"]);
    /// ```
    #[track_caller]
    pub fn watch<U, E>(
        &self,
        watch: Watch,
        poll: impl Fn(&T) -> Result<Growth<U>, E> + Send + Sync + 'static,
    ) -> PCollection<(T, U)>
    where
        T: Wire,
        U: Key,
        E: Into<BoxError>,
    {
        self.watching("watch", watch, U::clone, poll)
    }

    /// As [`watch`](PCollection::watch), with what is found known by a key of it: by its name without its size, or by both,
    /// to find it again when it has grown.
    ///
    /// ```
    /// use flow_core::prelude::*;
    /// use flow_core::splittable::Growth;
    /// use std::time::Duration;
    /// let found = apply([()], |once: &PCollection<()>| {
    ///     once.watch_by(Watch::every(Duration::from_secs(1)), |(name, _)| *name, |()| {
    ///         Ok::<_, BoxError>(Growth::of([('a', 1.5), ('b', 2.5), ('a', 3.5)]).complete())
    ///     })
    /// });
    /// assert_eq!(found, [((), ('a', 1.5)), ((), ('b', 2.5))]);
    /// ```
    #[track_caller]
    pub fn watch_by<U, K, E>(
        &self,
        watch: Watch,
        key: impl Fn(&U) -> K + Send + Sync + 'static,
        poll: impl Fn(&T) -> Result<Growth<U>, E> + Send + Sync + 'static,
    ) -> PCollection<(T, U)>
    where
        T: Wire,
        U: Element,
        K: Key,
        E: Into<BoxError>,
    {
        self.watching("watch_by", watch, key, poll)
    }

    #[track_caller]
    fn watching<U, K, E>(
        &self,
        verb: &str,
        watch: Watch,
        key: impl Fn(&U) -> K + Send + Sync + 'static,
        poll: impl Fn(&T) -> Result<Growth<U>, E> + Send + Sync + 'static,
    ) -> PCollection<(T, U)>
    where
        T: Wire,
        U: Element,
        K: Key,
        E: Into<BoxError>,
    {
        if watch.period().as_micros() == 0 {
            self.error(
                Location::caller(),
                "what is watched is looked at every so often, a microsecond apart at least: otherwise it would be \
                 looked at all the time",
            );
        }
        let poll = Arc::new(move |element: &T| poll(element).map_err(Into::into));
        self.composite(verb, || self.splittable(Watching::new(watch, poll, Arc::new(key))))
    }

    #[track_caller]
    fn splittable<Out: Element>(&self, f: impl SplittableFn<T, Out>) -> PCollection<Out>
    where
        T: Wire,
    {
        let (windowing, bounded) = (self.windowing(), self.is_bounded() && f.is_bounded());
        let parts = self.then("split", keyed::parts(f.clone()));
        let step = parts.add_step("read", String::new(), Location::caller(), keyed::splittable(f).op);
        let id = Graph::add_output::<Out>(&mut self.graph.lock(), step, windowing, bounded);
        PCollection::new(&self.graph, id)
    }
}
