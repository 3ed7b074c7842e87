use std::fmt;

use super::Graph;
use crate::Error;

/// Everything that is wrong with a pipeline, found before anything ran.
#[derive(Debug)]
pub struct BuildErrors(Vec<Error>);

impl BuildErrors {
    /// One by one, in order of construction.
    pub fn errors(&self) -> &[Error] {
        &self.0
    }
}

impl fmt::Display for BuildErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "the pipeline has {count} error{}", if count == 1 { "" } else { "s" })?;
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
        if self.errors.is_empty() {
            return Ok(());
        }
        let errors = BuildErrors(std::mem::take(&mut self.errors));
        Err(Error::config(errors.to_string()))
    }
}
