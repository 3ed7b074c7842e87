use crossbeam_channel::unbounded;
use flow_core::{Error, ErrorKind, Pipeline, Result, Runner};

use crate::coordinator::Coordinator;
use crate::job::Job;
use crate::options::Options;
use crate::report::Report;

/// Runs pipelines on the threads of this process.
#[derive(Clone, Debug, Default)]
pub struct LocalRunner {
    options: Options,
}

impl LocalRunner {
    /// With these options.
    pub fn new(options: Options) -> Self {
        LocalRunner { options }
    }

    /// Runs a pipeline to its end. SIGINT and SIGTERM end it early: the sources stop, and everything that was read is
    /// written; a second signal ends the process at once.
    ///
    /// # Errors
    /// Everything that is wrong with the pipeline, before anything runs; or the first failure of the run, after which
    /// nothing more is committed.
    pub fn run(&self, pipeline: Pipeline) -> Result<Report> {
        self.launch(pipeline, true)?.wait()
    }

    /// Starts a pipeline in the background; signals are left to the program.
    ///
    /// # Errors
    /// Everything that is wrong with the pipeline.
    pub fn start(&self, pipeline: Pipeline) -> Result<Job> {
        self.launch(pipeline, false)
    }

    #[expect(clippy::disallowed_methods, reason = "the coordinator's thread: the runner's own")]
    fn launch(&self, pipeline: Pipeline, signals: bool) -> Result<Job> {
        let graph = pipeline.into_graph()?;
        let (control, events) = unbounded();
        let (options, ours) = (self.options.clone(), control.clone());
        let body = move || {
            let coordinator = Coordinator::start(graph, options, (ours, events), None)?;
            if signals {
                coordinator.obey_signals();
            }
            coordinator.run()
        };
        let thread = std::thread::Builder::new().name("flow-coordinator".into()).spawn(body);
        let thread = thread.map_err(|e| {
            Error::new(ErrorKind::Internal, "the coordinator's thread does not start").caused_by(e)
        })?;
        Ok(Job::new(thread, control))
    }
}

impl Runner for LocalRunner {
    type Report = Report;

    fn run(&self, pipeline: Pipeline) -> Result<Report> {
        self.launch(pipeline, false)?.wait()
    }
}
