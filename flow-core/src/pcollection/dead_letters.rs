use std::panic::Location;

use super::PCollection;
use crate::dead_letters::{self, DeadLetter, DeadLetters, Members, RegionEnd, RegionOutputs};
use crate::element::Wire;
use crate::graph::{Graph, Region};

impl<T: Wire> PCollection<T> {
    /// Steps in which an element may fail without the end of the run: those that the closure builds of its input. What it
    /// returns comes back, and with it the elements that failed, each as a [`DeadLetter`] with the reason. They must be
    /// read: written to where somebody looks at them, as a rule.
    ///
    /// An element fails when a function in the closure returns an error or panics. Then nothing of its bundle is passed
    /// on; the bundle is halved until the element is by itself, and all others come out once, in order, with their
    /// timestamps and windows. The element is tried four times at once before it is given up. When more than 5 % of the
    /// last 1,000 elements fail, the run does, since it is hardly they that are wrong; see
    /// [`with_dead_letters_of`](PCollection::with_dead_letters_of).
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// # use flow_core::testing::collect;
    /// let p = Pipeline::new();
    /// let (parsed, failed) = p.create(["1", "x", "3"]).map(str::to_owned).with_dead_letters(|lines| {
    ///     lines.map(|line| line.parse::<u32>().expect("a number"))
    /// });
    /// let parsed = collect(&parsed);
    /// let failed = collect(&failed.map(|letter| (letter.element, letter.attempts)));
    /// let report = ReferenceRunner::new().run(p)?;
    /// assert_eq!(parsed.values(), [1, 3]);
    /// assert_eq!(failed.values(), [("x".to_string(), 4)]);
    /// assert_eq!(report.dead_letters(), 1);
    /// # Ok::<(), flow_core::Error>(())
    /// ```
    ///
    /// Functions in the closure may run more than once for an element, also for those beside one that fails: what they
    /// do to the world, metrics among it, is not undone. A [`DoFn`](crate::DoFn) has a bundle for each bundle that is tried, and after a
    /// failure a fresh clone. A failed `setup` ends the run: it is not the element's fault. So does a failure of what
    /// is around the element, as of a disk.
    ///
    /// The closure may use all steps that work where the elements are: also `split`, `partition`, windows and
    /// timestamps. What moves, writes or waits (groupings, `map_async`, sinks) is refused when the pipeline is run, and
    /// stands behind the region. A region may stand in a region.
    ///
    /// Every bundle is cloned, and what comes of it held back in memory until all of it is through: leave a step that makes
    /// very many elements of one outside.
    #[track_caller]
    pub fn with_dead_letters<R: RegionOutputs>(
        &self,
        region: impl FnOnce(&PCollection<T>) -> R,
    ) -> (R, PCollection<DeadLetter<T>>) {
        self.with_dead_letters_of(DeadLetters::default(), region)
    }

    /// As [`with_dead_letters`](PCollection::with_dead_letters), with other settings.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// # use flow_core::testing::collect;
    /// let p = Pipeline::new();
    /// let once = DeadLetters::default().max_attempts(1).without_breaker();
    /// let (halved, odd) = p.create(0..5_u32).with_dead_letters_of(once, |numbers| {
    ///     numbers.process(|n, out| if n % 2 == 0 { Ok(out.emit(n / 2)) } else { Err("odd") })
    /// });
    /// let (halved, odd) = (collect(&halved), collect(&odd.map(|letter| (letter.element, letter.error))));
    /// ReferenceRunner::new().run(p)?;
    /// assert_eq!(halved.values(), [0, 1, 2]);
    /// assert_eq!(odd.values(), [(1, "failed: odd".to_string()), (3, "failed: odd".to_string())]);
    /// # Ok::<(), flow_core::Error>(())
    /// ```
    #[track_caller]
    pub fn with_dead_letters_of<R: RegionOutputs>(
        &self,
        settings: DeadLetters,
        region: impl FnOnce(&PCollection<T>) -> R,
    ) -> (R, PCollection<DeadLetter<T>>) {
        let location = Location::caller();
        if let Some(wrong) = settings.wrong() {
            self.error(location, wrong);
        }
        Graph::scoped(&self.graph, "with_dead_letters", None, || {
            let members = Members::default();
            let op = dead_letters::head::<T>(settings, Members::clone(&members));
            let head = self.add_step("try", String::new(), location, op);
            self.name_outputs(head, &["elements", "dead letters"]);
            let input = self.output::<T>(head, self.windowing());
            let letters = self.output::<DeadLetter<T>>(head, self.windowing());
            let mut end = RegionEnd { head, location, tails: Vec::new() };
            let outputs = region(&input).behind(&mut end);
            let region = Region { head, tails: end.tails, members };
            self.graph.lock().regions.push(region);
            (outputs, letters)
        })
    }
}
