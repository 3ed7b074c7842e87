//! What is wrong with a pipeline is found before it runs, all of it, each at the line that it is written in.

use std::error::Error as _;
use std::time::Duration;

use flow_core::ErrorKind;
use flow_core::graph::BuildErrors;
use flow_core::prelude::*;
use flow_core::testing::{Script, stream};

const MINUTE: Duration = Duration::from_mins(1);

/// The errors of a pipeline, each with its line in this file.
fn errors(p: Pipeline) -> Vec<(u32, String)> {
    let error = ReferenceRunner::new().run(p).expect_err("the pipeline is wrong");
    assert_eq!(error.kind(), ErrorKind::Config);
    let all =
        error.source().and_then(|s| s.downcast_ref::<BuildErrors>()).expect("all errors of construction");
    all.errors().iter().map(|e| placed(&e.to_string())).collect()
}

fn placed(error: &str) -> (u32, String) {
    let rest = error.strip_prefix(file!()).unwrap_or_else(|| panic!("not in this file: {error}"));
    let (line, message) = rest[1..].split_once(": ").expect("line and message");
    (line.parse().expect("a line"), message.to_owned())
}

/// An unbounded collection of pairs.
fn pairs(p: &Pipeline) -> PCollection<(u32, u32)> {
    stream::<(u32, u32)>().collection(p)
}

#[test]
fn an_empty_pipeline_does_nothing_and_says_so() {
    let error = ReferenceRunner::new().run(Pipeline::new()).unwrap_err();
    assert_eq!(error.report(), "the pipeline has 1 error: \n  the pipeline is empty: nothing is read");
}

#[test]
fn all_errors_of_a_pipeline_are_reported_each_at_its_own_line() {
    let p = Pipeline::new();
    let input = pairs(&p);
    let first = line!();
    let _ = input.group_by_key();
    let _ = input.window(Fixed::of(MINUTE).trigger(AtWatermark));
    let _ = input.window(Fixed::of(MINUTE)).flatten([&input.window(Fixed::of(2 * MINUTE))]);
    let found = errors(p);
    let lines: Vec<u32> = found.iter().map(|(line, _)| line - first).collect();
    assert_eq!(lines, [1, 2, 3], "{found:?}");
}

#[test]
fn a_group_of_a_stream_in_the_global_window_would_never_emit() {
    let p = Pipeline::new();
    let line = line!() + 1;
    let _ = pairs(&p).sum_per_key();
    assert_eq!(
        errors(p),
        [(line, "a grouping of an unbounded collection in the global window would never emit: window it first, or give it a trigger".to_string())]
    );
}

#[test]
fn a_view_of_a_stream_in_the_global_window_would_never_be_there() {
    let p = Pipeline::new();
    let line = line!() + 1;
    let _ = pairs(&p).as_list();
    assert_eq!(errors(p)[0].0, line);
}

#[test]
fn a_trigger_that_finishes_loses_data() {
    let p = Pipeline::new();
    let once = Fixed::of(MINUTE).trigger(after_count(1)).allowed_lateness(MINUTE).discarding();
    let line = line!() + 1;
    let _ = pairs(&p).window(once).group_by_key();
    let [(found, message)] = errors(p).try_into().unwrap();
    assert_eq!(found, line);
    assert!(message.contains("the trigger `after count 1` stops firing before its window ends"), "{message}");
}

#[test]
fn a_trigger_that_finishes_is_accepted_by_name() {
    let p = Pipeline::new();
    let once = Fixed::of(MINUTE).trigger(after_count(1)).allowed_lateness(MINUTE).discarding();
    let _ = pairs(&p).window(once.finishing_trigger_may_lose_data()).group_by_key();
    assert!(ReferenceRunner::new().run(p).is_ok());
}

#[test]
fn a_trigger_says_what_its_panes_hold_and_how_late_data_may_come() {
    let p = Pipeline::new();
    let input = pairs(&p);
    let line = line!();
    let _ = input.window(Fixed::of(MINUTE).trigger(repeatedly(after_count(1))));
    let _ = input.window(Fixed::of(MINUTE).trigger(repeatedly(after_count(1))).discarding());
    let _ = input.window(Fixed::of(MINUTE).allowed_lateness(MINUTE));
    assert_eq!(
        errors(p),
        [
            (
                line + 1,
                "a trigger needs `.accumulating()` or `.discarding()`: say what its panes hold".to_string()
            ),
            (
                line + 2,
                "a trigger on windows that end needs `.allowed_lateness(..)`, if only of zero".to_string()
            ),
            (
                line + 3,
                "`allowed_lateness` needs `.accumulating()` or `.discarding()`: say what a late pane holds"
                    .to_string()
            ),
        ]
    );
}

#[test]
fn a_new_windowing_keeps_the_greater_lateness() {
    let p = Pipeline::new();
    let days = |n: u32| Fixed::of(MINUTE).allowed_lateness(n * 24 * 60 * MINUTE).discarding();
    let day = pairs(&p).window(days(1));
    assert_eq!(day.window(days(2)).windowing().lateness, 2 * 86_400_000_000);
    assert_eq!(day.window(Fixed::of(MINUTE).allowed_lateness(MINUTE)).windowing().lateness, 86_400_000_000);
}

#[test]
fn a_trigger_alone_leaves_elements_in_their_windows() {
    let at = Timestamp::from_secs;
    let panes = stream::<u32>().add([(7, at(30))]).run(|n| {
        n.window(Fixed::of(MINUTE))
            .with_timestamps(|_| Timestamp::from_secs(90))
            .map(|n| n.to_string())
            .window(
                Existing::windows().trigger(repeatedly(after_count(1))).allowed_lateness(MINUTE).discarding(),
            )
            .count()
    });
    assert_eq!(panes[0].window, Window::new(at(0), at(60)));
    assert_eq!(panes[0].pane.timing, Timing::Early);
}

#[test]
fn collections_in_different_windows_are_not_flattened() {
    let p = Pipeline::new();
    let input = pairs(&p);
    let (one, two) = (input.window(Fixed::of(MINUTE)), input.window(Fixed::of(2 * MINUTE)));
    let line = line!() + 1;
    let _ = one.flatten([&two]);
    let [(found, message)] = errors(p).try_into().unwrap();
    assert_eq!(found, line);
    assert!(message.starts_with("flatten takes collections in the same windows"), "{message}");
}

#[test]
fn sessions_of_different_gaps_are_flattened_and_a_collection_with_itself() {
    let p = Pipeline::new();
    let input = pairs(&p);
    let _ = input.window(Sessions::with_gap(MINUTE)).flatten([&input.window(Sessions::with_gap(2 * MINUTE))]);
    assert!(ReferenceRunner::new().run(p).is_ok());
    assert_eq!(apply([1, 2], |n: &PCollection<u32>| n.flatten([n])), [1, 2, 1, 2]);
}

#[test]
fn sides_of_a_join_in_different_windows_are_the_error_of_the_join() {
    let p = Pipeline::new();
    let left = pairs(&p).window(Fixed::of(MINUTE));
    let right = pairs(&p).window(Fixed::of(2 * MINUTE));
    let line = line!() + 1;
    let _ = left.join(&right);
    let [(found, message)] = errors(p).try_into().unwrap();
    assert_eq!(found, line);
    assert!(message.starts_with("join takes collections in the same windows"), "{message}");
}

#[test]
fn sessions_are_no_side_input_and_a_minute_is_none_of_the_global_window() {
    let p = Pipeline::new();
    let input = pairs(&p);
    let sessions = input.window(Sessions::with_gap(MINUTE)).as_list();
    let minutes = input.window(Fixed::of(MINUTE)).as_list();
    let line = line!();
    let _ = input.window(Fixed::of(MINUTE)).with(&sessions).filter(|_, _| true);
    let _ = input.with(&minutes).filter(|_, _| true);
    let found = errors(p);
    assert_eq!(found.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [line + 1, line + 2]);
    assert!(found[0].1.contains("cannot be read from"), "{found:?}");
}

#[test]
fn what_belongs_to_another_pipeline_is_refused() {
    let (p, other) = (Pipeline::new(), Pipeline::new());
    let (here, there) = (p.create([(1, 1)]), other.create([(1, 1)]));
    let view = there.as_list();
    let line = line!();
    let _ = here.with(&view).filter(|_, _| true);
    let _ = here.flatten([&there]);
    let _ = here.join(&there);
    assert_eq!(
        errors(p),
        [
            (line + 1, "this view is of another pipeline, which has its elements: make it of a collection of the pipeline that reads it".to_string()),
            (line + 2, "flatten takes collections of one pipeline".to_string()),
            (line + 3, "join takes collections of one pipeline".to_string()),
        ]
    );
}

#[test]
fn windows_that_merge_keep_no_state_that_does_not_merge() {
    let p = Pipeline::new();
    let sessions = pairs(&p).window(Sessions::with_gap(MINUTE));
    let line = line!();
    let _ = sessions.group_into_batches(10);
    let _ = sessions.keys().deduplicate(MINUTE);
    let _ = sessions.stateful(|_, n, sum: &mut u32, out| {
        *sum += n;
        out.emit(*sum);
    });
    let _ = sessions.stateful_merging(|_, n, sum: &mut Combining<u32, Sum>, out| {
        sum.add(n);
        out.emit(sum.read());
    });
    let found = errors(p);
    assert_eq!(found.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [line + 1, line + 2, line + 3]);
    assert!(found[0].1.starts_with("`group_into_batches` keeps state for each key and window"), "{found:?}");
    assert!(found[0].1.ends_with("group them first, or use other windows"), "{found:?}");
    assert_eq!(
        found[2].1,
        "`stateful` keeps state for each key and window, and Sessions with gap 60s merge, where one of two states would be \
         lost: say how two of them become one: derive `Merge` for the state, and use `stateful_merging`"
    );
}

#[test]
fn a_name_is_given_once() {
    let p = Pipeline::new();
    let input = p.create([1]).named("numbers");
    let line = line!() + 1;
    let _ = input.map(|n| n + 1).named("numbers");
    let [(found, message)] = errors(p).try_into().unwrap();
    assert_eq!(found, line);
    assert!(message.starts_with("two steps are named `numbers`"), "{message}");
}

#[test]
fn a_flattened_collection_has_no_step_to_name() {
    let p = Pipeline::new();
    let both = p.create([1]).flatten([&p.create([2])]);
    let line = line!() + 1;
    let _ = both.named("both");
    assert_eq!(
        errors(p),
        [(line, "a flattened collection is made by no step of its own: name its parts".to_string())]
    );
}

#[test]
fn the_errors_inside_of_a_users_composite_are_at_its_own_lines() {
    let p = Pipeline::new();
    let line = line!() + 1;
    let _ = pairs(&p).apply("totals", |pairs| pairs.sum_per_key());
    assert_eq!(errors(p)[0].0, line);
    let p = Pipeline::new();
    let script = Script::new(&p);
    let input = script.input::<u32>().collection();
    let totals = |n: &PCollection<u32>| {
        n.map(|n| n + 1)
            .combine(Sum) // here
            .map(|n| n + 1)
    };
    let line = line!() - 3;
    let _ = input.apply("totals", totals);
    assert_eq!(errors(p)[0].0, line);
}

#[test]
fn a_calendar_of_nowhere_is_an_error_at_its_line() {
    let p = Pipeline::new();
    let line = line!() + 1;
    let days = pairs(&p).window(Calendar::days(1).time_zone("Europe/Atlantis"));
    drop(days.group_by_key());
    let (at, said) = errors(p).remove(0);
    assert_eq!(at, line);
    assert!(said.starts_with("there is no time zone `Europe/Atlantis`"), "{said}");
}

#[test]
fn windows_that_slide_by_next_to_nothing_are_refused() {
    let p = Pipeline::new();
    let day = Duration::from_hours(24);
    p.create([1_u32]).window(Sliding::of(day, Duration::from_millis(1))).for_each(|_| {});
    let said = &errors(p)[0].1;
    assert!(
        said.starts_with("each element would be in 86400000 windows of 86400s that start every 1ms"),
        "{said}"
    );
}
