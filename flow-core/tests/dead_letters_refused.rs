//! What may not stand in a region of dead letters, and what must be read behind it.

use std::time::Duration;

use flow_core::prelude::*;

/// The errors of construction.
fn refused(build: impl FnOnce(&PCollection<u32>)) -> String {
    let p = Pipeline::new();
    build(&p.create([1_u32, 2]));
    ReferenceRunner::new().run(p).expect_err("the run fails").report()
}

#[test]
fn steps_that_cannot_be_undone_are_refused() {
    let written = flow_core::testing::MemorySinks::new();
    let sink = written.sink("out");
    let report = refused(|n| {
        let (_, failed) = n.with_dead_letters(|n| {
            n.reshuffle().write(sink);
            n.map_async(2, |n| async move { n })
        });
        failed.for_each(|_| {});
    });
    assert!(report.contains("the pipeline has 3 errors"), "{report}");
    for wanted in [
        "`with_dead_letters/reshuffle`: it moves elements to other workers",
        "`with_dead_letters/write`: it writes elements, which could not be taken back",
        "`with_dead_letters/map_async`: it passes elements on when others have long gone on",
        "let its closure return what this step reads, and put it behind",
    ] {
        assert!(report.contains(wanted), "{wanted}\n{report}");
    }
}

#[test]
fn a_step_outside_that_reads_from_inside_stands_in_the_region() {
    let report = refused(|n| {
        let mut leaked = None;
        let ((), failed) = n.with_dead_letters(|n| leaked = Some(n.map(|n| n + 1)));
        failed.for_each(|_| {});
        let _ = leaked.unwrap().count();
    });
    assert!(report.contains("`count/combine`: it moves elements to other workers"), "{report}");
}

#[test]
fn elements_from_outside_are_refused_in_a_region() {
    for build in [
        |n: &PCollection<u32>, other: &PCollection<u32>| n.flatten([other]),
        |_: &PCollection<u32>, other: &PCollection<u32>| other.clone(),
        |n: &PCollection<u32>, other: &PCollection<u32>| n.flatten([other]).map(|n| n + 1),
    ] {
        let report = refused(|n| {
            let other = n.map(|n| n + 1);
            let (_, failed) = n.with_dead_letters(|n| build(n, &other));
            failed.for_each(|_| {});
        });
        assert!(
            report.contains("it takes elements that did not come in through `with_dead_letters`"),
            "{report}"
        );
    }
}

#[test]
fn dead_letters_that_nobody_reads_are_refused() {
    let report = refused(|n| {
        let (kept, _) = n.with_dead_letters(|n| n.map(|n| n + 1));
        kept.for_each(|_| {});
    });
    assert!(report.contains("its dead letters are read by no step, and would be lost"), "{report}");
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let settings = DeadLetters::default();
    for (wrong, wanted) in [
        (settings.max_attempts(0), "an element needs one attempt at least"),
        (settings.breaker(5.0, 100), "the breaker's share of dead letters is 5"),
        (settings.breaker(f64::NAN, 100), "the breaker's share of dead letters is NaN"),
        (settings.breaker(0.05, 0), "the last 0 elements"),
    ] {
        let report = refused(|n| {
            let ((), failed) = n.with_dead_letters_of(wrong, |n| n.for_each(|_| {}));
            failed.for_each(|_| {});
        });
        assert!(report.contains(wanted) && report.contains("tests/dead_letters_refused.rs"), "{report}");
    }
}

#[test]
fn looking_up_by_windows_set_within_is_refused() {
    let report = refused(|n| {
        let rate = n.window(Fixed::of(Duration::from_mins(1))).as_single();
        let (_, failed) = n.with_dead_letters(|n| {
            n.window(Fixed::of(Duration::from_mins(1))).map(|n| n).with(&rate).map(|n, rate| n * rate)
        });
        failed.for_each(|_| {});
    });
    assert!(report.contains("it looks things up by windows that are set within"), "{report}");
}
