//! The conformance cases on the local runner, on one, two and four workers, under every bundling.

use flow_core::testing::conformance::{self, Bundling};
use flow_runner_local::{LocalRunner, Options};

fn cases_hold_on(workers: usize) {
    let runner = LocalRunner::new(Options::default().with_workers(workers));
    for bundling in Bundling::ALL {
        conformance::runner(&runner, bundling);
    }
}

#[test]
fn the_cases_hold_on_one_worker() {
    cases_hold_on(1);
}

#[test]
fn the_cases_hold_on_two_workers() {
    cases_hold_on(2);
}

#[test]
fn the_cases_hold_on_four_workers() {
    cases_hold_on(4);
}
