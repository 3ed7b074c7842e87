//! Side inputs that cannot be made, and what their readers see.

use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::{Script, collect};
use flow_core::{Error, ErrorKind};

fn run(p: Pipeline) -> Error {
    ReferenceRunner::new().run(p).expect_err("the run fails")
}

/// C40b.
#[test]
fn a_single_of_none_fails_its_reader() {
    let p = Pipeline::new();
    let n = p.create([1, 2]);
    let none = n.filter(|_| false).as_single();
    let line = line!() + 1;
    let _ = n.with(&none).map(|n, one| n + one).named("reader");
    let error = run(p);
    assert_eq!(error.kind(), ErrorKind::User);
    let step = error.step().unwrap();
    assert_eq!((step.name.as_str(), step.location.line()), ("reader", line));
    assert!(
        error.report().contains("a single value was asked of a view without an element"),
        "{}",
        error.report()
    );
}

/// C40b.
#[test]
fn a_single_of_several_fails_the_view_at_its_line() {
    let p = Pipeline::new();
    let n = p.create([1, 2, 3]);
    let line = line!() + 1;
    let several = n.as_single();
    let _ = n.with(&several).map(|n, one| n + one);
    let error = run(p);
    let step = error.step().unwrap();
    assert_eq!((step.name.as_str(), step.location.line()), ("as_single/build", line));
    assert!(
        error.report().contains("a single value was asked of a view of 3 elements"),
        "{}",
        error.report()
    );
}

/// C40b.
#[test]
fn a_key_twice_in_a_map_fails_the_view_and_says_what_to_do() {
    let p = Pipeline::new();
    let n = p.create([1]);
    let twice = n.flat_map(|n| [(n, 'a'), (n, 'b')]).as_map();
    let _ = n.with(&twice).map(|n, map| map[&n]);
    let report = run(p).report();
    assert!(
        report.contains(
            "a key comes twice in a map view, of whose values all but one would be lost: use `as_multimap`"
        ),
        "{report}"
    );
}

#[test]
fn an_empty_view_is_an_empty_list_or_map_or_the_default() {
    let seen = apply([1], |n: &PCollection<u32>| {
        let none = n.filter(|_| false);
        let (list, or) = (none.as_list(), none.as_single_or(9));
        let pairs = none.key_by(|n| *n);
        let (map, multimap) = (pairs.as_map(), pairs.as_multimap());
        n.with((&list, &or, &map, &multimap)).map(|_, (l, or, m, mm)| (l.len(), *or, m.len(), mm.len()))
    });
    assert_eq!(seen, [(0, 9, 0, 0)]);
}

/// Windows of a view and of the main input, in small.
#[test]
fn an_element_waits_until_the_views_window_has_a_pane_or_ends_empty() {
    let at = Timestamp::from_secs;
    let p = Pipeline::new();
    let script = Script::new(&p);
    let (main, side) = (script.input::<u32>(), script.input::<u32>());
    let minutes = || Fixed::of(Duration::from_mins(1));
    let factor = side.collection().window(minutes()).as_single_or(0);
    let main_input = main.collection().window(minutes());
    let scaled = collect(&main_input.with(&factor).process(|n, factor, out| {
        let now = out.now();
        out.emit((n * factor, now));
    }));
    main.add([(1, at(10)), (2, at(70))]);
    script.clock(Duration::from_secs(1));
    side.add([(7, at(20))]).watermark(at(60));
    script.clock(Duration::from_secs(1));
    side.watermark(at(120));
    ReferenceRunner::new().run(p).unwrap();
    assert_eq!(scaled.values(), [(7, at(1)), (0, at(2))]);
}

#[test]
fn a_window_of_a_view_stays_until_its_slowest_reader_is_past_it() {
    let at = Timestamp::from_secs;
    let ten = || Fixed::of(Duration::from_secs(10));
    let p = Pipeline::new();
    let script = Script::new(&p);
    let (side, fast, slow) = (script.input::<u32>(), script.input::<u32>(), script.input::<u32>());
    let factor = side.collection().window(ten()).as_single_or(0);
    let scaled =
        |main: &PCollection<u32>| collect(&main.window(ten()).with(&factor).map(|n, factor| n * factor));
    let (of_fast, of_slow) = (scaled(&fast.collection()), scaled(&slow.collection()));
    side.add([(10, at(1))]).watermark(at(100));
    fast.add([(1, at(2))]).watermark(at(100));
    slow.add([(2, at(3))]);
    ReferenceRunner::new().run(p).unwrap();
    assert_eq!(of_fast.values(), [10]);
    assert_eq!(of_slow.values(), [20]);
}

#[test]
fn an_element_that_waits_keeps_its_window_open_though_its_timestamp_lies_behind_that() {
    let at = Timestamp::from_secs;
    let p = Pipeline::new();
    let script = Script::new(&p);
    let (main, side) = (script.input::<u32>(), script.input::<u32>());
    let minutes = || Fixed::of(Duration::from_mins(1));
    let factor = side.collection().window(minutes()).as_single_or(0);
    let moved = main.collection().window(minutes()).with_timestamps(move |_| at(120));
    let sums =
        collect(&moved.with(&factor).map(|n, factor| n * factor).map(|n| ((), n)).sum_per_key().values());
    main.add([(1, at(10))]).watermark(at(100));
    side.add([(7, at(20))]).watermark(at(60));
    ReferenceRunner::new().run(p).unwrap();
    assert_eq!(sums.values(), [7]);
}
