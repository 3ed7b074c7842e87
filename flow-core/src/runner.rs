use std::collections::BTreeMap;

use crate::exec::StepCounts;
use crate::graph::Graph;
use crate::metrics::MetricValue;
use crate::{Error, ErrorKind, Pipeline, Result, StepLabel};

/// Runs pipelines.
///
/// The core holds the [`ReferenceRunner`](crate::ReferenceRunner); `flow-runner-local` the one for work. One of your own is
/// right if it passes `testing::conformance::runner`, which is there with the feature `conformance`.
pub trait Runner {
    /// What is known after a run.
    type Report: AsRef<Summary>;

    /// Runs a pipeline to its end.
    ///
    /// # Errors
    /// Everything that is wrong with the pipeline, before anything runs; or the first failure of the run.
    fn run(&self, pipeline: Pipeline) -> Result<Self::Report>;
}

/// What every runner knows of a run: the counts of the steps, and the pipeline's own metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// In order of construction.
    pub steps: Vec<StepReport>,
    /// By name.
    pub metrics: BTreeMap<String, MetricValue>,
}

/// What a step did in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepReport {
    /// Its name and place.
    pub step: StepLabel,
    /// What it counted, on all workers.
    pub counts: StepCounts,
}

impl AsRef<Summary> for Summary {
    fn as_ref(&self) -> &Summary {
        self
    }
}

impl Summary {
    /// Of a run of a graph, from what its workers counted.
    pub fn of<'a>(graph: &Graph, workers: impl IntoIterator<Item = &'a [StepCounts]>) -> Summary {
        let mut totals = vec![StepCounts::default(); graph.steps.len()];
        for counts in workers {
            for (total, count) in totals.iter_mut().zip(counts) {
                *total += *count;
            }
        }
        let steps = graph.steps.iter().zip(totals);
        Summary {
            steps: steps.map(|(step, counts)| StepReport { step: step.label.clone(), counts }).collect(),
            metrics: graph.metrics().read(),
        }
    }

    /// The counts of the step of a name.
    pub fn step(&self, name: &str) -> Option<StepCounts> {
        self.steps.iter().find(|step| step.step.name == name).map(|step| step.counts)
    }

    /// The value of a counter, by name; 0 if there is none.
    pub fn counter(&self, name: &str) -> u64 {
        match self.metrics.get(name) {
            Some(MetricValue::Counter(value)) => *value,
            _ => 0,
        }
    }

    /// Makes sure that what reached each sink was written or refused, where the sink counts what it has `written`.
    ///
    /// # Errors
    /// A sink has lost elements, or written some twice.
    pub fn check_written(&self) -> Result<()> {
        for StepReport { step, counts } in &self.steps {
            let Some(MetricValue::Counter(written)) = self.metrics.get(&format!("{}.written", step.name))
            else {
                continue;
            };
            let (taken, refused) = (counts.elements_in, counts.elements_out);
            if taken != written + refused {
                let message =
                    format!("{taken} elements came in, {written} were written and {refused} refused");
                return Err(Error::new(ErrorKind::Internal, message).at(step));
            }
        }
        Ok(())
    }

    /// Elements that all steps dropped because they were too late, once for each window.
    pub fn dropped_late(&self) -> u64 {
        self.steps.iter().map(|step| step.counts.dropped_late).sum()
    }

    /// Elements that all steps dropped because their window's trigger had finished, once for each window.
    pub fn dropped_closed(&self) -> u64 {
        self.steps.iter().map(|step| step.counts.dropped_closed).sum()
    }

    /// Elements that failed and became [dead letters](crate::DeadLetter), in all regions.
    pub fn dead_letters(&self) -> u64 {
        self.steps.iter().map(|step| step.counts.dead_letters).sum()
    }
}
