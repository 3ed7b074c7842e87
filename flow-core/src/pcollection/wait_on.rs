use std::panic::Location;

use super::PCollection;
use crate::element::Wire;
use crate::window::Windowing;
use crate::{Element, steps};

impl<T: Element> PCollection<T> {
    /// The same elements, those of each window only when another collection is complete there: when its watermark has passed
    /// the end of its window and the allowed lateness, whether anything came or not. For what must happen after something
    /// else, as reading a table after it was written.
    ///
    /// The signal's elements do not matter, and go nowhere. Which window of the signal an element waits for is what a side
    /// input would be looked up in: the one that holds the last moment of the element's window. What waits is in memory,
    /// and holds the watermark. Chain it to wait for several.
    ///
    /// A stream as signal has windows that end; one in the global window would be waited for forever, and is refused.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// # use flow_core::testing::{Script, collect};
    /// # use std::time::Duration;
    /// let at = Timestamp::from_secs;
    /// let p = Pipeline::new();
    /// let script = Script::new(&p);
    /// let (orders, prices) = (script.input::<u32>(), script.input::<u32>());
    /// let minutes = |c: PCollection<u32>| c.window(Fixed::of(Duration::from_secs(60)));
    /// let waited = minutes(orders.collection()).wait_on(&minutes(prices.collection()));
    /// let seen = collect(&waited.process(|order, out| {
    ///     let now = out.now();
    ///     out.emit((order, now));
    /// }));
    /// orders.add([(7, at(5))]);
    /// script.clock(Duration::from_secs(1));
    /// prices.watermark(at(60));
    /// ReferenceRunner::new().run(p)?;
    /// assert_eq!(seen.values(), [(7, at(1))]);
    /// # Ok::<(), flow_core::Error>(())
    /// ```
    #[track_caller]
    pub fn wait_on<S: Wire>(&self, signal: &PCollection<S>) -> PCollection<T>
    where
        T: Wire,
    {
        let windowing = signal.windowing();
        if windowing.is_global() && !signal.is_bounded() {
            self.error(
                Location::caller(),
                "`wait_on` would wait forever for the end of an unbounded collection in the global window: window it",
            );
        }
        self.composite("wait_on", || {
            let complete = signal.completion(&windowing).view(|_| ());
            self.with(&complete).map(|element, ()| element)
        })
    }

    /// No element, and a watermark that reaches the end of a window when the window has expired.
    #[track_caller]
    fn completion(&self, windowing: &Windowing) -> PCollection<()> {
        let nothing: PCollection<()> = self.then("signal", steps::filter_map(|_| None));
        nothing.then_in(
            windowing.at_its_end(),
            "complete",
            String::new(),
            steps::trailing(windowing.lateness),
        )
    }
}
