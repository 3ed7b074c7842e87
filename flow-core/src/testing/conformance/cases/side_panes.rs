//! What a view holds whose window has several panes: the newest.

use super::Case;
use crate::combine::Max;
use crate::testing::{Script, assert_that};
use crate::trigger::{after_count, repeatedly};
use crate::window::{Accumulation, Global};
use crate::{Element, PCollection, Pipeline, Timestamp, View};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

type Pair = (String, i64);

/// A view of a pane for each of the pairs `a:1`, `a:2` and `b:3`, and what a main input sees of it after each.
fn seen_after_each<V: Send + Sync + 'static, O: Element>(
    p: &Pipeline,
    panes: Accumulation,
    view: fn(&PCollection<Pair>) -> View<V>,
    look: fn(&V) -> O,
) -> PCollection<(i64, O)> {
    let script = Script::new(p);
    let (main, side) = (script.input::<i64>(), script.input::<Pair>());
    let each = Global::windows().trigger(repeatedly(after_count(1)));
    let each = match panes {
        Accumulation::Accumulating => each.accumulating(),
        Accumulation::Discarding => each.discarding(),
    };
    let view = view(&side.collection().window(each));
    let seen = main.collection().with(&view).map(move |n, view| (n, look(view)));
    for (n, key, value) in [(1, "a", 1), (2, "a", 2), (3, "b", 3)] {
        side.add([((key.to_string(), value), at(n))]);
        main.add([(n, at(n))]);
    }
    seen
}

fn sorted<T: Ord>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut sorted: Vec<T> = all.into_iter().collect();
    sorted.sort();
    sorted
}

fn pair(key: &str, value: i64) -> Pair {
    (key.to_string(), value)
}

fn values(key: &str, values: &[i64]) -> (String, Vec<i64>) {
    (key.to_string(), values.to_vec())
}

pub(super) const CASES: &[Case] = &[
    Case::holds(
        "a list holds the newest pane alone when panes discard",
        "the latest firing of a triggered side input",
        "Side inputs",
        |p, _| {
            let seen = seen_after_each(p, Accumulation::Discarding, PCollection::as_list, Vec::clone);
            assert_that(&seen).contains_in_any_order([
                (1, vec![pair("a", 1)]),
                (2, vec![pair("a", 2)]),
                (3, vec![pair("b", 3)]),
            ]);
        },
    ),
    Case::holds(
        "a list holds everything so far when panes accumulate",
        "the latest firing of a triggered side input",
        "Side inputs",
        |p, _| {
            let seen =
                seen_after_each(p, Accumulation::Accumulating, PCollection::as_list, |l| sorted(l.clone()));
            assert_that(&seen).contains_in_any_order([
                (1, vec![pair("a", 1)]),
                (2, vec![pair("a", 1), pair("a", 2)]),
                (3, vec![pair("a", 1), pair("a", 2), pair("b", 3)]),
            ]);
        },
    ),
    Case::holds(
        "a map holds the newest pane alone when panes discard",
        "the latest firing of a triggered side input",
        "Side inputs",
        |p, _| {
            let seen =
                seen_after_each(p, Accumulation::Discarding, PCollection::as_map, |m| sorted(m.clone()));
            assert_that(&seen).contains_in_any_order([
                (1, vec![pair("a", 1)]),
                (2, vec![pair("a", 2)]),
                (3, vec![pair("b", 3)]),
            ]);
        },
    ),
    Case::fails(
        "a map fails once a key has come in two panes that accumulate",
        "ViewTest.testMapSideInput, a key twice",
        "Side inputs",
        &["a key comes twice in a map view"],
        |p, _| {
            let seen =
                seen_after_each(p, Accumulation::Accumulating, PCollection::as_map, |m| sorted(m.clone()));
            let _ = seen.inspect(|_| {});
        },
    ),
    Case::holds(
        "a multimap holds the newest pane alone when panes discard",
        "the latest firing of a triggered side input",
        "Side inputs",
        |p, _| {
            let seen =
                seen_after_each(p, Accumulation::Discarding, PCollection::as_multimap, |m| sorted(m.clone()));
            assert_that(&seen).contains_in_any_order([
                (1, vec![values("a", &[1])]),
                (2, vec![values("a", &[2])]),
                (3, vec![values("b", &[3])]),
            ]);
        },
    ),
    Case::holds(
        "a multimap holds everything so far when panes accumulate",
        "the latest firing of a triggered side input",
        "Side inputs",
        |p, _| {
            let seen = seen_after_each(p, Accumulation::Accumulating, PCollection::as_multimap, |m| {
                sorted(m.clone())
            });
            assert_that(&seen).contains_in_any_order([
                (1, vec![values("a", &[1])]),
                (2, vec![values("a", &[1, 2])]),
                (3, vec![values("a", &[1, 2]), values("b", &[3])]),
            ]);
        },
    ),
    Case::holds(
        "a later pane of a view replaces the earlier one",
        "the pattern of slowly updating side inputs: the latest of each pane, in the global window",
        "Side inputs",
        |p, _| {
            let script = Script::new(p);
            let (main, side) = (script.input::<i64>(), script.input::<i64>());
            let firing = Global::windows().trigger(repeatedly(after_count(1))).discarding();
            let latest = side.collection().window(firing).combine(Max).as_single();
            let seen = main.collection().with(&latest).map(|n, latest| (n, *latest));
            side.add([(7, at(1))]);
            main.add([(1, at(1))]);
            side.add([(6, at(2))]);
            main.add([(2, at(2))]);
            assert_that(&seen).contains_in_any_order([(1, Some(7)), (2, Some(6))]);
        },
    ),
    Case::holds(
        "a pane without elements leaves a view as it was",
        "a rule of ours: an empty pane says that nothing new came",
        "Side inputs",
        |p, _| {
            let script = Script::new(p);
            let (main, side) = (script.input::<i64>(), script.input::<i64>());
            let list =
                side.collection().window(Global::windows().trigger(repeatedly(after_count(1))).discarding());
            let seen = main.collection().with(&list.as_list()).map(|n, list| (n, list.clone()));
            side.add([(7, at(1))]).watermark(Timestamp::MAX);
            main.add([(1, at(1))]);
            assert_that(&seen).contains_only((1, vec![7]));
        },
    ),
];
