use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use flow_core::Summary;
use flow_core::exec::{Op, StepId};
use flow_core::graph::Graph;
use indicatif::{ProgressBar, ProgressStyle};

use crate::clock::instant;
use crate::options::Options;
use crate::report::grouped;

/// A line on the terminal that says how far a long run is.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    sources: Vec<StepId>,
    started: Instant,
    shown: Cell<Instant>,
}

/// Runs shorter than this show nothing.
const QUIET: Duration = Duration::from_secs(1);
const EVERY: Duration = Duration::from_millis(200);

impl Progress {
    pub(crate) fn start(options: &Options, graph: &Graph) -> Progress {
        let wanted = !options.no_progress && std::io::stderr().is_terminal();
        let sources =
            graph.steps.iter().filter(|step| matches!(step.op, Op::Read(_))).map(|step| step.id).collect();
        let started = instant();
        let style = ProgressStyle::with_template("{spinner} {elapsed_precise}  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = wanted.then(|| ProgressBar::hidden().with_style(style));
        Progress { bar, sources, started, shown: Cell::new(started) }
    }

    /// Shows where the run is, if it is time to.
    pub(crate) fn show(&self, summary: impl Fn() -> Summary) {
        let Some(bar) = &self.bar else { return };
        let now = instant();
        if now.duration_since(self.started) < QUIET || now.duration_since(self.shown.get()) < EVERY {
            return;
        }
        self.shown.set(now);
        if bar.is_hidden() {
            bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        }
        let summary = summary();
        let read: u64 = self.sources.iter().map(|step| summary.steps[step.index()].counts.elements_out).sum();
        let rate = read as f64 / now.duration_since(self.started).as_secs_f64();
        let told = |count: u64, what: &str| {
            if count > 0 { format!(", {} {what}", grouped(count)) } else { String::new() }
        };
        let late = told(summary.dropped_late(), "dropped as late");
        let dead = told(summary.dead_letters(), "dead letters");
        bar.set_message(format!("{} read, {}/s{late}{dead}", grouped(read), grouped(rate as u64)));
        bar.tick();
    }

    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
