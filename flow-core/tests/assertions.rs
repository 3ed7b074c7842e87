//! What assertions on collections accept, and what they say when they fail.

use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::{assert_that, stream};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

fn window(start: i64, end: i64) -> Window {
    Window::new(at(start), at(end))
}

/// What a run says that fails, without the place in front.
fn failure(p: Pipeline) -> String {
    let error = ReferenceRunner::new().run(p).expect_err("the assertion does not hold").report();
    error.split_once("): ").expect("a step and its place").1.to_string()
}

/// Sums of minutes which take late data: 3 early, 7 on time, 15 late; and 4 in the next minute.
fn sums(p: &Pipeline) -> PCollection<u64> {
    let windows = Fixed::of(Duration::from_mins(1))
        .trigger(AtWatermark.early(after_count(2)).late(after_count(1)))
        .allowed_lateness(Duration::from_mins(1))
        .accumulating();
    stream::<u64>()
        .watermark(at(0))
        .add([(1, at(1)), (2, at(2))])
        .add([(4, at(3)), (4, at(70))])
        .watermark(at(60))
        .add([(8, at(4))])
        .collection(p)
        .window(windows)
        .combine(Sum)
}

#[test]
fn assertions_see_windows_and_panes() {
    let p = Pipeline::new();
    let sums = sums(&p);
    assert_that(&sums).contains_in_any_order([4, 3, 15, 7]);
    assert_that(&sums).in_window(window(60, 120)).contains_only(4);
    assert_that(&sums).in_early_panes(window(0, 60)).contains_only(3);
    assert_that(&sums).in_on_time_pane(window(0, 60)).contains_only(7);
    assert_that(&sums).in_late_panes(window(0, 60)).contains_only(15);
    assert_that(&sums).in_final_pane(window(60, 120)).contains_only(4);
    assert_that(&sums).in_early_panes(window(60, 120)).is_empty();
    assert_that(&sums).satisfies(|sums| sums.iter().sum::<u64>() == 29);
    ReferenceRunner::new().run(p).unwrap();
}

#[test]
fn a_failed_assertion_tells_what_is_missing_and_what_is_too_much() {
    let p = Pipeline::new();
    assert_that(&p.create([1, 2, 2, 3])).contains_in_any_order([3, 2, 1, 4]);
    assert_eq!(
        failure(p),
        "the elements are not those that were expected
  expected: [3, 2, 1, 4]
  found:    [1, 2, 2, 3]
  missing:  [4]
  too much: [2]"
    );
}

#[test]
fn a_failed_assertion_tells_its_pane_and_what_is_in_others() {
    let p = Pipeline::new();
    assert_that(&sums(&p)).in_late_panes(window(60, 120)).contains_only(4);
    assert_eq!(
        failure(p),
        "in the late panes of [1970-01-01T00:01:00Z, 1970-01-01T00:02:00Z): the elements are not those that were expected
  expected: [4]
  found:    []
  missing:  [4]
  elsewhere:
    3 in [1970-01-01T00:00:00Z, 1970-01-01T00:01:00Z), early pane 0
    7 in [1970-01-01T00:00:00Z, 1970-01-01T00:01:00Z), on-time pane 1
    15 in [1970-01-01T00:00:00Z, 1970-01-01T00:01:00Z), late pane 2
    4 in [1970-01-01T00:01:00Z, 1970-01-01T00:02:00Z), on-time pane 0, the last"
    );
}

#[test]
fn a_failed_assertion_names_its_line() {
    let p = Pipeline::new();
    let numbers = p.create([1]);
    let line = line!() + 1;
    assert_that(&numbers).is_empty();
    let error = ReferenceRunner::new().run(p).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("step `assert_that` ({}:{line}): no element was expected\n  found:    [1]", file!())
    );
}

#[test]
fn a_test_that_is_not_satisfied_shows_the_elements() {
    let p = Pipeline::new();
    assert_that(&p.create([1, 2])).satisfies(|numbers| numbers.len() == 3);
    assert_eq!(failure(p), "the elements do not satisfy the test\n  found:    [1, 2]");
}

#[test]
fn a_test_that_asserts_is_told_in_its_own_words() {
    let p = Pipeline::new();
    assert_that(&p.create([1, 2])).satisfies(|numbers| assert!(numbers.len() == 3, "three are wanted"));
    assert_eq!(failure(p), "the test of the elements panicked: three are wanted\n  found:    [1, 2]");
}

#[test]
fn a_long_list_is_cut() {
    let p = Pipeline::new();
    assert_that(&p.create(0..1000)).is_empty();
    let said = failure(p);
    assert!(said.ends_with("17, 18, 19] and 980 more"), "{said}");
}

#[test]
fn panes_that_are_not_late_are_seen_together() {
    let p = Pipeline::new();
    let sums = sums(&p);
    assert_that(&sums).in_non_late_panes(window(0, 60)).contains_in_any_order([3, 7]);
    assert_that(&sums).in_only_pane(window(60, 120)).contains_only(4);
    ReferenceRunner::new().run(p).unwrap();
}

#[test]
fn a_second_pane_where_one_was_expected_is_shown() {
    let p = Pipeline::new();
    assert_that(&sums(&p)).in_only_pane(window(0, 60)).satisfies(|_| true);
    assert_eq!(
        failure(p),
        "in the only pane of [1970-01-01T00:00:00Z, 1970-01-01T00:01:00Z): a key has more than one pane
  found:
    3 in [1970-01-01T00:00:00Z, 1970-01-01T00:01:00Z), early pane 0
    7 in [1970-01-01T00:00:00Z, 1970-01-01T00:01:00Z), on-time pane 1
    15 in [1970-01-01T00:00:00Z, 1970-01-01T00:01:00Z), late pane 2"
    );
}

#[test]
fn pairs_are_compared_by_key_and_values() {
    let p = Pipeline::new();
    let pairs = p.create([("a", 1), ("b", 3), ("a", 2), ("a", 1)]);
    assert_that(&pairs).contains_multimap([("a", vec![1, 1, 2]), ("b", vec![3])]);
    ReferenceRunner::new().run(p).unwrap();
    let p = Pipeline::new();
    assert_that(&p.create([("a", 1)])).contains_multimap([("a", vec![1, 1])]);
    assert!(failure(p).contains("missing:  [(\"a\", 1)]"));
}

#[test]
#[should_panic(expected = "was never checked: its pipeline was built but not run")]
fn an_assertion_whose_pipeline_is_never_run_fails_its_test() {
    let p = Pipeline::new();
    assert_that(&p.create([1])).contains_only(1);
}

#[test]
#[should_panic(expected = "was never checked: its pipeline was built but not run")]
fn also_one_of_a_pipeline_with_side_inputs() {
    let p = Pipeline::new();
    let numbers = p.create([1]);
    let sum = numbers.combine(Sum).as_single();
    assert_that(&numbers.with(&sum).map(|n, sum| n + sum)).contains_only(2);
}

#[test]
#[should_panic(expected = "the test's own failure")]
fn a_test_that_fails_before_its_pipeline_runs_fails_for_its_own_reason() {
    let p = Pipeline::new();
    assert_that(&p.create([1])).contains_only(1);
    panic!("the test's own failure");
}

#[test]
fn a_run_that_fails_on_its_way_does_so_for_its_own_reason() {
    let p = Pipeline::new();
    let numbers = p.create(["x"]).process(|_, _: &mut Emit<'_, u32>| Err::<(), _>("no number"));
    assert_that(&numbers).is_empty();
    assert_eq!(failure(p), "failed: no number");
}

#[test]
fn a_pipeline_with_errors_of_construction_reports_those() {
    let p = Pipeline::new();
    let numbers = p.create([1]);
    let _ = numbers.map(|n| n).named("twice");
    let _ = numbers.map(|n| n).named("twice");
    assert_that(&numbers).contains_only(2);
    let error = ReferenceRunner::new().run(p).unwrap_err().report();
    assert!(error.contains("two steps are named `twice`"), "{error}");
}
