//! Plans can be seen: as text, and as mermaid.

use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::{MemorySinks, stream};
use insta::assert_snapshot;

fn parse(line: String) -> Result<(String, u64), String> {
    let (user, amount) = line.split_once(' ').ok_or("no amount")?;
    Ok((user.to_owned(), amount.parse().map_err(|_| "no number")?))
}

fn per_minute(orders: &PCollection<(String, u64)>) -> PCollection<(String, u64)> {
    orders.window(Fixed::of(Duration::from_mins(1)).allowed_lateness(Duration::from_mins(5)).accumulating())
}

/// A bit of everything: parts, a composite of the user's, windows, a join, a side input, dynamic destinations.
fn shop() -> Pipeline {
    let p = Pipeline::new();
    let (orders, rejects) =
        stream::<String>().collection(&p).named("orders").map(parse).named("parse").split();
    let spent = orders.apply("per minute", per_minute).sum_per_key().named("spent");
    let counted = orders.apply("per minute", per_minute).keys().count().named("orders per user");
    let blocked = p.create(["mallory".to_string()]).named("blocked users").as_list();
    spent
        .join(&counted)
        .with(&blocked)
        .filter(|(user, _), blocked| !blocked.contains(user))
        .apply("archive", |totals| totals.write(MemorySinks::new().sink("totals")));
    let old = p.create(["?".to_string()]);
    rejects.flatten([&old]).write_by(String::len, |_| MemorySinks::new().sink("rejects"));
    p
}

#[test]
fn a_plan_prints_a_line_for_each_step() {
    assert_snapshot!(shop().to_string());
}

#[test]
fn a_plan_draws_composites_as_boxes() {
    assert_snapshot!(shop().to_mermaid());
}

fn names(p: &Pipeline) -> Vec<String> {
    let plan = p.to_string();
    plan.lines().map(|line| line.split([' ', '(']).next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn steps_have_unique_names() {
    let p = Pipeline::new();
    let n = p.create([1, 2]);
    let _ = (n.map(|n| n + 1).map(|n| n + 1), n.count(), n.count());
    assert_eq!(
        names(&p),
        ["create", "map", "map-2", "count/key", "count/combine", "count-2/key", "count-2/combine"]
    );
}

#[test]
fn a_name_renames_the_whole_of_a_composite() {
    let p = Pipeline::new();
    let words = p.create(["a".to_string()]);
    let _ =
        words.count().named("counts").apply("best", |counts| counts.max_per_key().named("max")).named("top");
    assert_eq!(names(&p), ["create", "counts/key", "counts/combine", "top/max/combine", "top/max/value"]);
}

#[test]
fn a_name_inside_of_a_composite_stands_under_its_name() {
    let p = Pipeline::new();
    let _ = p.create([1]).apply("twice", |n| n.map(|n| n + 1).named("first").map(|n| n + 1));
    assert_eq!(names(&p), ["create", "twice/first", "twice/map-2"]);
}

#[test]
fn a_composite_name_is_unique_too() {
    let p = Pipeline::new();
    let n = p.create([1]);
    let _ = n.count().named("counts");
    let _ = n.count().named("counts");
    let error = ReferenceRunner::new().run(p).unwrap_err().report();
    assert!(error.contains("two steps are named `counts`"), "{error}");
}

#[test]
fn the_last_name_counts_and_naming_a_step_renames_no_other() {
    let p = Pipeline::new();
    let n = p.create([1]);
    let _ = n.map(|n| n + 1).named("inner").named("outer");
    let _ = n.map(|n| n + 1);
    let _ = n.map(|n| n + 1).named("inner");
    assert_eq!(names(&p), ["create", "outer", "map-2", "inner"]);
}

#[test]
fn outputs_have_the_names_of_what_goes_into_them() {
    let p = Pipeline::new();
    let (orders, _) = p.create(["a 1".to_string()]).map(parse).split();
    let _ = orders.keys();
    let _ = p.create([1]).partition(2, |_| 1)[1].map(|n| n + 1);
    assert!(p.to_string().contains("keys <- split.ok\n"), "{p}");
    assert!(p.to_string().contains("map-2 <- partition.1\n"), "{p}");
}

#[test]
fn windows_are_shown_as_they_are_written() {
    let p = Pipeline::new();
    let seconds = Duration::from_secs;
    let n = p.create([1]);
    let _ = n.window(Fixed::of(seconds(60)).offset(seconds(5)));
    let _ = n.window(Sliding::of(seconds(60), seconds(10)));
    let _ = n.window(Sessions::with_gap(seconds(1800)));
    let details: Vec<String> = p.into_graph().unwrap().steps.into_iter().map(|step| step.detail).collect();
    assert_eq!(
        details[1..],
        ["Fixed of 60s offset by 5s", "Sliding of 60s every 10s", "Sessions with gap 1800s"]
    );
}
