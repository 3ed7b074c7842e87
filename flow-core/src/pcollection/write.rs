use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use super::PCollection;
use crate::Element;
use crate::element::Key;
use crate::exec::Op;
use crate::graph::Graph;
use crate::sink::{By, Rejected, Sink};
use crate::steps::WriteStep;

impl<T: Element> PCollection<T> {
    /// Writes the elements to a sink. An element that the sink refuses ends the run; to go on without it, see
    /// [`try_write`](PCollection::try_write).
    ///
    /// It leaves no collection to be [`named`](PCollection::named): to give a write a name of its own,
    /// [`apply`](PCollection::apply) it.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// # use flow_core::testing::MemorySinks;
    /// let written = MemorySinks::new();
    /// let p = Pipeline::new();
    /// p.create([1, 2]).apply("archive", |numbers| numbers.write(written.sink("numbers")));
    /// assert!(p.to_string().contains("archive/write"));
    /// ReferenceRunner::new().run(p)?;
    /// assert_eq!(written.values("numbers"), [1, 2]);
    /// # Ok::<(), flow_core::Error>(())
    /// ```
    #[track_caller]
    pub fn write<S: Sink<T>>(&self, sink: S) {
        let _ = self.written("write", sink, false);
    }

    /// Writes the elements to a sink; those that it refuses come back, each with the reason.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// # use flow_core::testing::{MemorySinks, collect};
    /// let written = MemorySinks::new();
    /// let small = written.sink("small").refusing(|n| (*n > 9).then(|| "too large".to_string()));
    /// let p = Pipeline::new();
    /// let refused = collect(&p.create([1, 20]).try_write(small).map(|r| (r.value, r.reason)));
    /// ReferenceRunner::new().run(p)?;
    /// assert_eq!(written.values("small"), [1]);
    /// assert_eq!(refused.values(), [(20, "too large".to_string())]);
    /// # Ok::<(), flow_core::Error>(())
    /// ```
    #[track_caller]
    pub fn try_write<S: Sink<T>>(&self, sink: S) -> PCollection<Rejected<T>> {
        self.written("try_write", sink, true)
    }

    /// Writes each element to a destination of its own: `destination` says which, `sink` makes the sink for one, once
    /// for each. Sinks of two destinations must write to two places: for files,
    /// `move |kind| JsonFiles::under("out").within(kind)`. A run takes 10,000 destinations; elements of further ones are
    /// refused.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// # use flow_core::testing::MemorySinks;
    /// let written = MemorySinks::new();
    /// let p = Pipeline::new();
    /// let sinks = written.clone();
    /// p.create([1, 2, 3]).write_by(|n| n % 2, move |parity| sinks.sink(&format!("parity {parity}")));
    /// ReferenceRunner::new().run(p)?;
    /// assert_eq!(written.values("parity 1"), [1, 3]);
    /// # Ok::<(), flow_core::Error>(())
    /// ```
    #[track_caller]
    pub fn write_by<D: Key + std::fmt::Debug, S: Sink<T>>(
        &self,
        destination: impl Fn(&T) -> D + Send + Sync + 'static,
        sink: impl Fn(&D) -> S + Send + Sync + 'static,
    ) {
        let _ = self.written("write_by", By::new(destination, sink), false);
    }

    /// As [`write_by`](PCollection::write_by); elements that a sink refuses come back, each with the reason.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// # use flow_core::testing::{MemorySinks, collect};
    /// let written = MemorySinks::new();
    /// let p = Pipeline::new();
    /// let sinks = written.clone();
    /// let refused = p.create([1, 2, 20]).try_write_by(
    ///     |n| n % 2,
    ///     move |parity| sinks.sink(&format!("{parity}")).refusing(|n| (*n > 9).then(|| "too large".into())),
    /// );
    /// let refused = collect(&refused.map(|r| r.value));
    /// ReferenceRunner::new().run(p)?;
    /// assert_eq!((written.values("0"), refused.values()), (vec![2], vec![20]));
    /// # Ok::<(), flow_core::Error>(())
    /// ```
    #[track_caller]
    pub fn try_write_by<D: Key + std::fmt::Debug, S: Sink<T>>(
        &self,
        destination: impl Fn(&T) -> D + Send + Sync + 'static,
        sink: impl Fn(&D) -> S + Send + Sync + 'static,
    ) -> PCollection<Rejected<T>> {
        self.written("try_write_by", By::new(destination, sink), true)
    }

    #[track_caller]
    fn written<S: Sink<T>>(&self, verb: &'static str, sink: S, tolerant: bool) -> PCollection<Rejected<T>> {
        let detail = sink.describe();
        let bounded = self.is_bounded();
        let (claims, metrics) = {
            let graph = self.graph.lock();
            (graph.claims.clone(), graph.metrics.clone())
        };
        let op = WriteStep { sink, tolerant, bounded, claims, metrics, element: PhantomData::<fn(T)> };
        let step = self.add_step(verb, detail, Location::caller(), Op::Write(Arc::new(op)));
        let windowing = self.windowing();
        let id = Graph::add_output::<Rejected<T>>(&mut self.graph.lock(), step, windowing, bounded);
        PCollection::new(&self.graph, id)
    }
}
