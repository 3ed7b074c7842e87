use std::any::TypeId;
use std::panic::Location;
use std::time::Duration;

use super::PCollection;
use crate::time::micros;
use crate::window::{Existing, WindowFn, WindowInto};
use crate::{Element, Timestamp, steps};

impl<T: Element> PCollection<T> {
    /// Gives each element its event time. It must not lie before the one that the element has: elements of bounded
    /// sources start at minus infinity, those of streams at what the source says.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let stamped = apply([7], |n: &PCollection<i64>| n.with_timestamps(|n| Timestamp::from_secs(*n)).reify());
    /// assert_eq!(stamped[0].time, Timestamp::from_secs(7));
    /// ```
    #[track_caller]
    pub fn with_timestamps(&self, at: impl Fn(&T) -> Timestamp + Send + Sync + 'static) -> PCollection<T> {
        self.then("with_timestamps", steps::timestamps(0, at))
    }

    /// As [`with_timestamps`](PCollection::with_timestamps), but an element may move back by up to `skew`; what
    /// moves behind the watermark is late.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// # use std::time::Duration;
    /// let moved = apply([7], |n: &PCollection<i64>| {
    ///     n.with_timestamps(|_| Timestamp::from_secs(10))
    ///         .with_timestamps_skewed(Duration::from_secs(5), |n| Timestamp::from_secs(*n)).reify()
    /// });
    /// assert_eq!(moved[0].time, Timestamp::from_secs(7));
    /// ```
    #[track_caller]
    pub fn with_timestamps_skewed(
        &self,
        skew: Duration,
        at: impl Fn(&T) -> Timestamp + Send + Sync + 'static,
    ) -> PCollection<T> {
        self.then("with_timestamps", steps::timestamps(micros(skew), at))
    }

    /// Puts elements into windows by their event time; groupings downstream are per window. See
    /// [`window`](crate::window). Elements of bounded sources have no event time (it is minus infinity) until
    /// [`with_timestamps`](PCollection::with_timestamps) gives them one.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// # use std::time::Duration;
    /// let per_minute = apply([5, 10, 65], |seconds: &PCollection<i64>| {
    ///     seconds.with_timestamps(|s| Timestamp::from_secs(*s))
    ///         .window(Fixed::of(Duration::from_secs(60)))
    ///         .map(|_| "events".to_string())
    ///         .count()
    /// });
    /// assert_eq!(per_minute, [("events".to_string(), 2), ("events".to_string(), 1)]);
    /// ```
    #[track_caller]
    pub fn window<F: WindowFn<T>>(&self, into: WindowInto<F>) -> PCollection<T> {
        let location = Location::caller();
        match into.resolve::<T>(&self.windowing()) {
            Err(message) => {
                self.error(location, message);
                self.clone()
            }
            Ok((function, windowing)) => {
                let keeps = TypeId::of::<F>() == TypeId::of::<Existing>();
                let op = if keeps { steps::inspect::<T>(|_| {}) } else { steps::rewindow(function) };
                let detail = format!("{windowing:?}");
                self.then_in(windowing, "window", detail, op)
            }
        }
    }

    /// Parts the elements whose window still takes them from those whose window has expired, which a grouping
    /// would drop.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// # use std::time::Duration;
    /// let in_time = apply([5], |n: &PCollection<i64>| {
    ///     let (in_time, _too_late) =
    ///         n.with_timestamps(|s| Timestamp::from_secs(*s)).window(Fixed::of(Duration::from_secs(60))).split_late();
    ///     in_time
    /// });
    /// assert_eq!(in_time, [5]);
    /// ```
    #[track_caller]
    pub fn split_late(&self) -> (PCollection<T>, PCollection<T>) {
        let windowing = self.windowing();
        let op = steps::late_split::<T>(windowing.lateness);
        let step = self.add_step("split_late", String::new(), Location::caller(), op);
        self.name_outputs(step, &["in time", "late"]);
        (self.output(step, windowing.clone()), self.output(step, windowing))
    }
}
