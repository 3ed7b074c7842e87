//! A pipeline runs once.

use flow_core::prelude::*;

#[test]
fn a_pipeline_that_was_run_is_not_run_again() {
    let p = Pipeline::new();
    p.create([1]).for_each(|_| {});
    ReferenceRunner::new().run(p.clone()).unwrap();
    let error = ReferenceRunner::new().run(p).unwrap_err();
    assert_eq!(error.to_string(), "this pipeline has been run already: build it anew to run it again");
}

#[test]
#[should_panic(expected = "this pipeline has been run already: build it anew to add steps")]
fn a_collection_of_a_pipeline_that_was_run_takes_no_step() {
    let p = Pipeline::new();
    let numbers = p.create([1]);
    ReferenceRunner::new().run(p).unwrap();
    let _ = numbers.map(|n| n + 1);
}
