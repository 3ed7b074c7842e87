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
fn the_documentation_has_the_table_of_all_cases() {
    let page = include_str!("../../docs/conformance.md");
    let hint = "put in what `cargo run -p flow-core --example conformance` prints";
    assert!(
        page.contains(&conformance::table()),
        "the table in docs/conformance.md is not up to date: {hint}"
    );
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
