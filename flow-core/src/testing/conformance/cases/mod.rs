//! What the Beam model means, as cases that every runner reproduces.

mod combining;
mod composite;
mod construction;
mod counts;
mod delays;
mod elements;
mod engine;
mod joins;
pub(crate) mod notation;
mod outputs;
mod panes;
mod scripts;
mod sessions;
mod side_inputs;
mod side_panes;
mod sources;
mod splittable;
mod state;
mod stateful;
mod steps;
mod timers;
mod timestamps;
mod transforms;
mod triggers;
mod windowed;
mod windows;

use std::panic::{AssertUnwindSafe, catch_unwind};

use self::windowed::windowed;
use crate::testing::Stream;
use crate::{Element, Pipeline, Result, Runner, Summary};

pub use self::windowed::Windowed;

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

/// Runs all [`engine_cases`], and all [`cases`] of panes, on the place where windows' contents become panes alone.
///
/// # Panics
/// With the cases that are not reproduced, and what came in their place.
#[track_caller]
pub fn engine(bundling: Bundling) {
    let on_engine = |case: &&Case| matches!(case.test, Test::Panes { .. } | Test::Engine { .. });
    let failed: Vec<String> = cases()
        .chain(engine_cases())
        .filter(on_engine)
        .filter(|case| case.holds_for(bundling))
        .filter_map(|case| case.run_on_engine(bundling).err().map(|said| format!("{}: {said}", case.name)))
        .collect();
    assert!(failed.is_empty(), "{} cases fail in bundles {bundling:?}\n{}", failed.len(), failed.join("\n"));
}

/// The cases that look inside the engine: at holds, at the output watermark, at finished windows.
pub fn engine_cases() -> impl Iterator<Item = &'static Case> {
    engine::CASES.iter().copied().flatten()
}

/// All cases that a runner reproduces, in the order of the table in `docs/conformance.md`.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    let by_trigger = [triggers::CASES, delays::CASES, counts::CASES, composite::CASES];
    let panes = [windows::CASES].into_iter().chain(by_trigger).chain([sessions::CASES, timestamps::CASES]);
    let sides = [side_inputs::CASES, side_panes::CASES];
    let state = [state::CASES, timers::CASES, outputs::CASES];
    let reading = [sources::CASES, splittable::CASES];
    let verbs = [combining::CASES, joins::CASES, transforms::CASES];
    let pipelines = [construction::CASES, elements::CASES, scripts::CASES];
    panes.chain(sides).chain(state).chain(reading).chain(verbs).chain(pipelines).flatten()
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
        windows: fn() -> Windowed,
        /// The bundlings under which exactly these panes come.
        holds: Holds,
        /// The stream and its panes; the notation is described in the source.
        script: &'static str,
    },
    /// Numbers by key in the [`Engine`](crate::testing::Engine), looked at after every step.
    Engine {
        /// Window function, trigger, mode, lateness and timestamps.
        windows: fn() -> Windowed,
        /// The bundlings under which exactly this is seen.
        holds: Holds,
        /// The steps, and what is seen after each.
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
            Test::Panes { holds: Holds::For(bundlings), .. }
            | Test::Engine { holds: Holds::For(bundlings), .. } => bundlings.contains(&bundling),
            _ => true,
        }
    }

    /// Runs the case; one of the engine, which is behind every runner, without the runner.
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
            Test::Engine { windows, script, .. } => steps::check(windows(), script, bundling),
            Test::Check(check) => check(run),
        }));
        outcome.unwrap_or_else(|_| Err("panicked".into()))
    }

    /// Runs a case of panes, or one of the engine, on the engine alone.
    fn run_on_engine(&self, bundling: Bundling) -> Result<(), String> {
        match &self.test {
            Test::Panes { windows, script, .. } => panes::check_engine(windows(), script, bundling),
            Test::Engine { windows, script, .. } => steps::check(windows(), script, bundling),
            Test::Pipeline { .. } | Test::Check(_) => Err("is of a pipeline".into()),
        }
    }

    /// A case of panes.
    const fn panes(
        name: &'static str,
        beam: &'static str,
        capability: &'static str,
        windows: fn() -> Windowed,
        holds: Holds,
        script: &'static str,
    ) -> Case {
        Case { name, beam, capability, test: Test::Panes { windows, holds, script } }
    }

    /// A case of the engine.
    const fn engine(
        name: &'static str,
        beam: &'static str,
        capability: &'static str,
        windows: fn() -> Windowed,
        holds: Holds,
        script: &'static str,
    ) -> Case {
        Case { name, beam, capability, test: Test::Engine { windows, holds, script } }
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

    /// The elements of one step bundled so.
    fn cut<T: Clone>(self, mut elements: Vec<T>) -> Vec<Vec<T>> {
        let size = match self {
            Bundling::AsWritten => elements.len(),
            Bundling::Of(size) => size,
            Bundling::Reversed => {
                elements.reverse();
                1
            }
        };
        elements.chunks(size.max(1)).map(<[T]>::to_vec).collect()
    }
}
