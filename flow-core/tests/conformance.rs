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
fn the_table_of_the_documentation_lists_every_case() {
    let table = include_str!("../../docs/conformance.md");
    let row = |case: &conformance::Case| {
        format!("| {} | {} | pipeline | {} |", case.name, case.capability, case.beam)
    };
    let missing: Vec<String> = conformance::cases().map(row).filter(|row| !table.contains(row)).collect();
    assert!(missing.is_empty(), "docs/conformance.md lacks these rows:\n{}", missing.join("\n"));
}

#[test]
fn no_two_cases_have_one_name() {
    let mut names: Vec<&str> = conformance::cases().map(|case| case.name).collect();
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
