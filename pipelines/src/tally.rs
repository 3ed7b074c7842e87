//! Counters by name.

use std::sync::Arc;

use flow_core::Pipeline;
use flow_core::metrics::Counter;

/// A counter for each of some names, which are known when the pipeline is built: `events.order`.
#[derive(Clone, Debug)]
pub(crate) struct Tally(Arc<[(String, Counter)]>);

impl Tally {
    pub(crate) fn new<'a>(p: &Pipeline, of: &str, names: impl IntoIterator<Item = &'a str>) -> Self {
        let counter = |name: &str| (name.to_owned(), p.counter(&format!("{of}.{name}")));
        Tally(names.into_iter().map(counter).collect())
    }

    /// Counts one; a name that was not known is not counted.
    pub(crate) fn inc(&self, name: &str) {
        // A handful of names: looking at each is faster than hashing.
        if let Some((_, counter)) = self.0.iter().find(|(known, _)| known == name) {
            counter.inc();
        }
    }
}
