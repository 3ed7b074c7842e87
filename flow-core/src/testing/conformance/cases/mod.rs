//! What the Beam model means, as cases that every runner reproduces.

mod construction;
mod elements;
pub(crate) mod notation;
mod outputs;
mod panes;
mod sessions;
mod side_inputs;
mod state;
mod stateful;
mod timers;
mod timestamps;
mod triggers;
mod windows;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::testing::Stream;
use crate::{Element, PCollection, Pipeline, Result, Runner, Summary};

/// What is grouped in cases of panes.
type Pairs = PCollection<(String, i64)>;

/// Runs a pipeline; what a runner is to a case.
type Run<'a> = &'a dyn Fn(Pipeline) -> Result<Summary>;

/// Runs all [`cases`] that hold for a bundling on a runner; check yours under [all](Bundling::ALL) of them, and with one
/// worker and several.
///
/// ```
/// use flow_core::ReferenceRunner;
/// use flow_core::testing::conformance::{self, Bundling};
/// conformance::runner(&ReferenceRunner::new(), Bundling::Of(2));
/// ```
///
/// # Panics
/// With the cases that the runner does not reproduce, and what it did.
#[track_caller]
pub fn runner<R: Runner>(runner: &R, bundling: Bundling) {
    let failed: Vec<String> = cases()
        .filter(|case| case.holds_for(bundling))
        .filter_map(|case| case.run(runner, bundling).err().map(|said| format!("{}: {said}", case.name)))
        .collect();
    assert!(failed.is_empty(), "{} cases fail in bundles {bundling:?}\n{}", failed.len(), failed.join("\n"));
}

/// All cases, in the order of the table in `docs/conformance.md`.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    let panes = [windows::CASES, triggers::CASES, sessions::CASES, timestamps::CASES];
    let pipelines = [
        side_inputs::CASES,
        state::CASES,
        timers::CASES,
        outputs::CASES,
        construction::CASES,
        elements::CASES,
    ];
    panes.into_iter().chain(pipelines).flatten()
}

/// Something that a runner must reproduce.
#[derive(Debug)]
pub struct Case {
    /// What it shows, in a sentence.
    pub name: &'static str,
    /// The test of Beam's own suites that it was read out of, or the rule that it spells out.
    pub beam: &'static str,
    /// The part of the model that it belongs to, in the words of Beam's capability matrix.
    pub capability: &'static str,
    /// What is run, and what must come of it.
    pub test: Test,
}

/// What a [`Case`] runs.
#[derive(Debug)]
pub enum Test {
    /// Numbers by key, windowed and grouped, and again summed: the panes that come of them.
    Panes {
        /// Window function, trigger, mode, lateness and timestamps.
        windows: fn(&Pairs) -> Pairs,
        /// The bundlings under which exactly these panes come.
        holds: Holds,
        /// The stream and its panes; the notation is described in the source.
        script: &'static str,
    },
    /// A pipeline that asserts what its collections hold.
    Pipeline {
        /// Builds it.
        build: fn(&Pipeline, Bundling),
        /// How its run ends.
        ends: Ends,
    },
    /// Anything else, told in words if it is not so.
    Check(fn(&dyn Fn(Pipeline) -> Result<Summary>) -> Result<(), String>),
}

/// Under which bundlings a case holds: what count triggers fire depends on bundles.
#[derive(Clone, Copy, Debug)]
pub enum Holds {
    /// Under every one.
    Always,
    /// Under these.
    For(&'static [Bundling]),
}

/// How the elements of one step of a stream are bundled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bundling {
    /// All in one.
    AsWritten,
    /// So many at most.
    Of(usize),
    /// One by one, the last first.
    Reversed,
}

/// How the run of a pipeline ends.
#[derive(Clone, Copy, Debug)]
pub enum Ends {
    /// Without an error.
    Well,
    /// With an error that contains all these words.
    Saying(&'static [&'static str]),
}

impl Case {
    /// Whether the case says anything about a bundling.
    pub fn holds_for(&self, bundling: Bundling) -> bool {
        match &self.test {
            Test::Panes { holds: Holds::For(bundlings), .. } => bundlings.contains(&bundling),
            _ => true,
        }
    }

    /// Runs the case.
    ///
    /// # Errors
    /// What is not as it should be.
    pub fn run<R: Runner>(&self, runner: &R, bundling: Bundling) -> Result<(), String> {
        let run: Run<'_> = &|p| runner.run(p).map(|report| report.as_ref().clone());
        let outcome = catch_unwind(AssertUnwindSafe(|| match &self.test {
            Test::Panes { windows, script, .. } => panes::check(run, *windows, script, bundling),
            Test::Pipeline { build, ends } => {
                let p = Pipeline::new();
                build(&p, bundling);
                ends.check(run(p).map(drop))
            }
            Test::Check(check) => check(run),
        }));
        outcome.unwrap_or_else(|_| Err("panicked".into()))
    }

    /// A case of panes.
    const fn panes(
        name: &'static str,
        beam: &'static str,
        capability: &'static str,
        windows: fn(&Pairs) -> Pairs,
        holds: Holds,
        script: &'static str,
    ) -> Case {
        Case { name, beam, capability, test: Test::Panes { windows, holds, script } }
    }

    /// A case of a pipeline that asserts.
    const fn holds(
        name: &'static str,
        beam: &'static str,
        capability: &'static str,
        build: fn(&Pipeline, Bundling),
    ) -> Case {
        Case { name, beam, capability, test: Test::Pipeline { build, ends: Ends::Well } }
    }

    /// A case of a pipeline that fails.
    const fn fails(
        name: &'static str,
        beam: &'static str,
        capability: &'static str,
        words: &'static [&'static str],
        build: fn(&Pipeline, Bundling),
    ) -> Case {
        Case { name, beam, capability, test: Test::Pipeline { build, ends: Ends::Saying(words) } }
    }
}

impl Ends {
    fn check(self, ended: Result<()>) -> Result<(), String> {
        let said = ended.err().map(|error| error.report());
        match (self, said) {
            (Ends::Well, None) => Ok(()),
            (Ends::Well, Some(said)) => Err(said),
            (Ends::Saying(words), None) => Err(format!("ended well, and not with an error of {words:?}")),
            (Ends::Saying(words), Some(said)) => {
                let lacking = words.iter().find(|word| !said.contains(**word));
                lacking.map_or(Ok(()), |word| Err(format!("ended with an error without `{word}`: {said}")))
            }
        }
    }
}

impl Bundling {
    /// Those that a runner is checked under.
    pub const ALL: [Bundling; 5] =
        [Bundling::AsWritten, Bundling::Of(1), Bundling::Of(2), Bundling::Of(3), Bundling::Reversed];

    /// A stream with its steps bundled so.
    fn of<T: Element>(self, stream: Stream<T>) -> Stream<T> {
        match self {
            Bundling::AsWritten => stream,
            Bundling::Of(size) => stream.in_bundles_of(size),
            Bundling::Reversed => stream.reversed(),
        }
    }
}
