//! The reference runner reproduces every case of the model, however its input is bundled.

use flow_core::testing::conformance::{self, Bundling};
use flow_core::{Pipeline, ReferenceRunner, Result, Runner, Summary};

#[test]
fn in_bundles_as_written() {
    conformance::runner(&ReferenceRunner::new(), Bundling::AsWritten);
}

#[test]
fn in_bundles_of_one() {
    conformance::runner(&ReferenceRunner::new(), Bundling::Of(1));
}

#[test]
fn in_bundles_of_two() {
    conformance::runner(&ReferenceRunner::new(), Bundling::Of(2));
}

#[test]
fn in_bundles_of_three() {
    conformance::runner(&ReferenceRunner::new(), Bundling::Of(3));
}

#[test]
fn reversed() {
    conformance::runner(&ReferenceRunner::new(), Bundling::Reversed);
}

#[test]
fn the_engine_reproduces_every_case_of_panes_and_its_own() {
    for bundling in Bundling::ALL {
        conformance::engine(bundling);
    }
}

#[test]
fn the_table_of_the_documentation_lists_every_case() {
    let table = include_str!("../../docs/conformance.md");
    let row = |case: &conformance::Case, tested| {
        format!("| {} | {} | {tested} | {} |", case.name, case.capability, case.beam)
    };
    let wanted: Vec<String> = conformance::cases()
        .map(|case| row(case, "pipeline"))
        .chain(conformance::engine_cases().map(|case| row(case, "engine")))
        .collect();
    let is_row = |line: &&str| line.contains(" | pipeline | ") || line.contains(" | engine | ");
    let written: Vec<&str> = table.lines().filter(is_row).collect();
    let missing: Vec<&String> = wanted.iter().filter(|row| !written.contains(&row.as_str())).collect();
    let surplus: Vec<&&str> = written.iter().filter(|row| !wanted.iter().any(|w| w == *row)).collect();
    assert!(missing.is_empty(), "docs/conformance.md lacks these rows:\n{}", lines(&missing));
    assert!(surplus.is_empty(), "docs/conformance.md has rows of no case:\n{}", lines(&surplus));
}

fn lines<T: std::fmt::Display>(rows: &[T]) -> String {
    rows.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_two_cases_have_one_name() {
    let mut names: Vec<&str> =
        conformance::cases().chain(conformance::engine_cases()).map(|case| case.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

/// Runs nothing, and leaves out the checks that a run's end owes.
struct Idle;

impl Runner for Idle {
    type Report = Summary;

    fn run(&self, pipeline: Pipeline) -> Result<Summary> {
        pipeline.into_graph()?;
        Ok(Summary::default())
    }
}

#[test]
fn a_runner_that_runs_nothing_is_told_what_it_lacks() {
    let failed: Vec<&str> = conformance::cases()
        .filter(|case| case.run(&Idle, Bundling::AsWritten).is_err())
        .map(|case| case.name)
        .collect();
    assert!(failed.contains(&"late data corrects its window until the window expires"));
    assert!(failed.contains(&"a single value of several elements fails"));
    assert!(failed.contains(&"a run whose assertion does not hold fails"));
    assert!(failed.contains(&"a function lives through set-up, bundles and tear-down, in this order"));
}
