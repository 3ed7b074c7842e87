use std::fmt;

use super::Graph;
use crate::Error;

/// Everything that is wrong with a pipeline, found before anything ran: the source of the error that a runner returns.
///
/// ```
/// use std::error::Error;
/// use flow_core::{graph::BuildErrors, prelude::*};
/// let p = Pipeline::new();
/// p.create([1]).named("one");
/// p.create([2]).named("one");
/// let error = ReferenceRunner::new().run(p).unwrap_err();
/// let all = error.source().and_then(|source| source.downcast_ref::<BuildErrors>()).unwrap();
/// assert!(all.errors()[0].to_string().contains("two steps are named `one`"));
/// ```
#[derive(Debug)]
pub struct BuildErrors(Vec<Error>);

impl BuildErrors {
    /// One by one, in order of construction.
    pub fn errors(&self) -> &[Error] {
        &self.0
    }
}

impl fmt::Display for BuildErrors {
    /// A line for each, so that an editor finds its place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|error| write!(f, "\n  {}", error.report()))
    }
}

impl std::error::Error for BuildErrors {}

impl Graph {
    /// All errors of construction at once.
    pub fn check(&mut self) -> crate::Result<()> {
        if self.steps.is_empty() {
            self.errors.push(Error::config("the pipeline is empty: nothing is read"));
        }
        self.check_regions();
        let count = self.errors.len();
        if count == 0 {
            return Ok(());
        }
        let errors = BuildErrors(std::mem::take(&mut self.errors));
        let plural = if count == 1 { "" } else { "s" };
        Err(Error::config(format!("the pipeline has {count} error{plural}")).caused_by(errors))
    }
}
