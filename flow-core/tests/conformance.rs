//! The reference runner reproduces every case of the model, however its input is bundled.

use flow_core::ReferenceRunner;
use flow_core::testing::conformance::{self, Bundling};

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
