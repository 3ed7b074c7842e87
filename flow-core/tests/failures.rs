//! An error of a run names its kind, its step, and where the step is written.

use std::time::Duration;

use flow_core::prelude::*;
use flow_core::{Error, ErrorKind};

fn run(p: Pipeline) -> Error {
    ReferenceRunner::new().run(p).expect_err("the run fails")
}

/// Kind, step, line and the whole report.
fn facts(error: &Error) -> (ErrorKind, &str, u32, String) {
    let step = error.step().expect("a step");
    assert_eq!(step.location.file(), file!());
    (error.kind(), &step.name, step.location.line(), error.report())
}

#[test]
fn an_error_of_a_function_names_its_step_and_line() {
    let p = Pipeline::new();
    let texts = p.create(["1".to_string(), "x".to_string()]);
    let line = line!() + 1;
    let numbers = texts.process(|text, out| text.parse::<u32>().map(|n| out.emit(n)));
    let _ = numbers.named("parse").count();
    let error = run(p);
    let wanted = format!("step `parse` ({}:{line}): failed: invalid digit found in string", file!());
    assert_eq!(facts(&error), (ErrorKind::User, "parse", line, wanted));
}

#[test]
fn a_panic_names_its_step_its_line_and_its_message() {
    let p = Pipeline::new();
    let line = line!() + 1;
    let _ = p.create([1, 0]).map(|n| 10 / n).filter(|_| true);
    let error = run(p);
    let wanted = format!("step `map` ({}:{line}): panicked: attempt to divide by zero", file!());
    assert_eq!(facts(&error), (ErrorKind::Panic, "map", line, wanted));
}

#[test]
fn a_panic_after_results_were_passed_on_is_still_that_of_its_step() {
    let p = Pipeline::new();
    let many = p.create([1]).process(|_, out| {
        (0..100_000).for_each(|n| out.emit(n));
        assert_eq!(out.timestamp(), Timestamp::MAX, "full");
    });
    let _ = many.named("many").map(|n: u32| n + 1).count();
    let error = run(p);
    assert_eq!((error.kind(), facts(&error).1), (ErrorKind::Panic, "many"));
    assert!(error.to_string().contains(": full"), "{error}");
}

#[test]
fn a_panic_behind_a_grouping_names_the_step_behind_it() {
    let p = Pipeline::new();
    let sums = p.create([(1, 2), (1, 3)]).sum_per_key().named("sum");
    let line = line!() + 1;
    let _ = sums.map_values(|sum| assert_ne!(sum, 5, "five"));
    let error = run(p);
    assert_eq!((facts(&error).1, facts(&error).2), ("map_values", line));
}

#[test]
fn a_panic_of_an_aggregation_inside_of_a_verb_is_at_the_verbs_line() {
    let p = Pipeline::new();
    let numbers = p.create([1.0, f64::NAN]);
    let line = line!() + 1;
    let _ = numbers.combine(Max::by(|a: &f64, b: &f64| a.partial_cmp(b).expect("no NaN")));
    let error = run(p);
    assert_eq!((error.kind(), facts(&error).1, facts(&error).2), (ErrorKind::Panic, "combine/combine", line));
}

#[test]
fn a_part_out_of_range_names_the_step_and_the_parts() {
    let p = Pipeline::new();
    let line = line!() + 1;
    let _ = p.create([1, 2]).partition(2, |n| *n);
    let error = run(p);
    let wanted = format!(
        "step `partition` ({}:{line}): the function chose part 2, but there are 2 parts, from 0",
        file!()
    );
    assert_eq!(facts(&error), (ErrorKind::User, "partition", line, wanted));
}

/// C63.
#[test]
fn a_result_before_its_element_names_the_allowed_skew() {
    let p = Pipeline::new();
    let timed = p.create([10]).with_timestamps(|n| Timestamp::from_secs(*n));
    let _ = timed.process(|n, out| out.emit_at(n, Timestamp::from_secs(n - 1)));
    assert!(run(p).to_string().ends_with(
        "a result at 1970-01-01T00:00:09Z would lie before its element at 1970-01-01T00:00:10Z: \
             the allowed skew is zero"
    ));
}

/// C63.
#[test]
fn a_timestamp_moved_back_too_far_names_the_allowed_skew() {
    let p = Pipeline::new();
    let timed = p.create([10]).with_timestamps(|n| Timestamp::from_secs(*n));
    let _ = timed.with_timestamps_skewed(Duration::from_secs(5), |_| Timestamp::from_secs(4));
    let error = run(p);
    assert_eq!(error.step().map(|step| step.name.as_str()), Some("with_timestamps-2"));
    assert!(error.to_string().ends_with("the allowed skew is 5s"), "{error}");
}

/// C63.
#[test]
fn with_the_greatest_skew_a_timestamp_moves_anywhere() {
    let moved = apply([10], |n: &PCollection<i64>| {
        n.with_timestamps(|n| Timestamp::from_secs(*n))
            .with_timestamps_skewed(Duration::MAX, |_| Timestamp::MIN)
            .reify()
    });
    assert_eq!(moved[0].time, Timestamp::MIN);
}

#[test]
fn a_result_at_a_later_time_has_it_and_those_after_it_their_own() {
    let results = apply([1], |n: &PCollection<i64>| {
        n.with_timestamps(|_| Timestamp::from_secs(1))
            .process(|n, out| {
                out.emit(n);
                out.emit_at(n + 1, Timestamp::from_secs(2));
                out.emit(n + 2);
            })
            .reify()
    });
    let seen: Vec<_> = results.iter().map(|r| (r.value, r.time.micros())).collect();
    assert_eq!(seen, [(1, 1_000_000), (2, 2_000_000), (3, 1_000_000)]);
}
