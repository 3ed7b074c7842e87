use std::time::Duration;

use super::{Graph, Step};
use crate::Error;
use crate::exec::{Op, Routing};

impl Graph {
    /// Refuses steps that keep what a source wants acknowledged for more than half of its lease, so that it would hand it
    /// out again and again: what a runner asks for that acknowledges only what has reached the sinks.
    ///
    /// # Errors
    /// The first such step, and what to do.
    pub fn check_leases(&self) -> crate::Result<()> {
        self.steps.iter().try_for_each(|source| match &source.op {
            Op::Read(read) => read.lease().map_or(Ok(()), |lease| self.check_lease(source, lease)),
            _ => Ok(()),
        })
    }

    fn check_lease(&self, source: &Step, lease: Duration) -> crate::Result<()> {
        for step in self.behind(source) {
            if matches!(&step.op, Op::Exchange(exchange) if exchange.holds_without_end()) {
                let message = format!(
                    "it goes on reading what it takes for as long as the run lasts, so that `{}` would never be told that \
                     its elements are done, and hand them out again after {lease:?}: take what is read on from a \
                     source that does not wait to be told",
                    source.label.name
                );
                return Err(Error::config(message).at(&step.label));
            }
            let Some(hold) = self.hold(step).filter(|hold| *hold > lease / 2) else { continue };
            let hold = if hold == Duration::MAX { "ever".to_owned() } else { format!("{hold:?}") };
            let message = format!(
                "it keeps elements for {hold}, which is more than half of the {lease:?} that `{}` waits to be told \
                 that they are done: take smaller windows, emit early panes that discard what they hold, or let the \
                 source wait longer",
                source.label.name
            );
            return Err(Error::config(message).at(&step.label));
        }
        Ok(())
    }

    /// The steps that a source's elements may reach, in order of construction.
    fn behind<'a>(&'a self, source: &'a Step) -> impl Iterator<Item = &'a Step> {
        let mut reached = vec![false; self.collections.len()];
        source.outputs.iter().for_each(|output| reached[output.index()] = true);
        // What reads a collection was made after it.
        self.steps.iter().filter(move |step| {
            let is_reached = step.inputs.iter().any(|input| {
                let producers = &self.collections[input.index()].producers;
                reached[input.index()]
                    || producers.iter().any(|(by, at)| {
                        let output = self.step(*by).outputs.get(*at);
                        output.is_some_and(|output| reached[output.index()])
                    })
            });
            if is_reached {
                step.outputs.iter().for_each(|output| reached[output.index()] = true);
            }
            is_reached
        })
    }

    fn hold(&self, step: &Step) -> Option<Duration> {
        let groups = match &step.op {
            Op::Exchange(exchange) => exchange.routing() == Routing::Key,
            Op::Write(write) => write.holds_windows(),
            Op::Read(_) | Op::Each(_) => false,
        };
        let holds = step.inputs.iter().map(|input| &self.collections[input.index()].windowing);
        if groups { holds.filter_map(super::Windowing::hold).max() } else { None }
    }
}
