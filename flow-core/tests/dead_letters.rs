//! Regions whose elements may fail: what comes out, what is put aside, and what ends the run.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::{Collected, Script, collect, stream};
use flow_core::{Error, ErrorKind, Failure, Summary};

fn run(p: Pipeline) -> Summary {
    ReferenceRunner::new().run(p).unwrap_or_else(|e| panic!("{}", e.report()))
}

fn fails(p: Pipeline) -> Error {
    ReferenceRunner::new().run(p).expect_err("the run fails")
}

fn no_seven(n: u32) -> u32 {
    assert_ne!(n % 100, 7, "no sevens here");
    n
}

/// The elements that failed, and how often each was tried.
fn given_up(letters: &PCollection<DeadLetter<u32>>) -> Collected<(u32, u32)> {
    collect(&letters.map(|letter| (letter.element, letter.attempts)))
}

#[test]
fn all_others_come_out_once_and_in_order() {
    let p = Pipeline::new();
    let (kept, failed) = p.create(0..2_000_u32).with_dead_letters(|n| n.map(no_seven).named("check"));
    let (kept, failed) = (collect(&kept), collect(&failed));
    let summary = run(p);
    let sevens: Vec<u32> = (0..20).map(|n| n * 100 + 7).collect();
    assert_eq!(kept.values(), (0..2_000).filter(|n| n % 100 != 7).collect::<Vec<_>>());
    assert_eq!(failed.values().iter().map(|letter| letter.element).collect::<Vec<_>>(), sevens);
    assert_eq!(summary.dead_letters(), 20);
}

#[test]
fn a_letter_says_what_failed_where_and_when() {
    let p = Pipeline::new();
    let at = Timestamp::from_secs;
    let minutes = p.create([7_u32]).with_timestamps(move |n| at(i64::from(*n)));
    let minutes = minutes.window(Fixed::of(Duration::from_mins(1)));
    let line = line!() + 1;
    let (_, failed) = minutes.with_dead_letters(|n| n.map(no_seven));
    let failed = collect(&failed);
    run(p);
    let letter = &failed.reified()[0];
    assert_eq!((letter.time, letter.window), (at(7), Window::new(at(0), at(60))));
    let letter = &letter.value;
    assert_eq!((letter.element, letter.failure, letter.attempts), (7, Failure::Panic, 4));
    assert_eq!(
        (letter.time, letter.window, letter.pane),
        (at(7), Window::new(at(0), at(60)), Pane::default())
    );
    assert!(letter.error.starts_with("panicked: assertion"), "{}", letter.error);
    assert!(letter.error.contains("no sevens here"), "{}", letter.error);
    assert_eq!(letter.step, "with_dead_letters/map");
    assert_eq!(letter.location, format!("{}:{line}", file!()));
}

#[test]
fn an_error_is_told_with_its_causes_and_cut_at_4_kib() {
    let p = Pipeline::new();
    let (_, failed) = p.create(["x".to_string(), "é".repeat(5_000)]).with_dead_letters(|text| {
        text.process(|text, out| {
            out.emit(text.parse::<u32>().map_err(|e| if text.len() > 1 { text } else { e.to_string() })?);
            Ok::<(), String>(())
        })
    });
    let failed = collect(&failed.map(|letter| (letter.failure, letter.error)));
    run(p);
    let short = "failed: invalid digit found in string".to_string();
    let long = format!("failed: {}", "é".repeat(2_044));
    assert_eq!(failed.values(), [(Failure::Error, short), (Failure::Error, long)]);
}

#[test]
fn letters_are_written_and_read_again() {
    let p = Pipeline::new();
    let (_, failed) = p.create([7_u32]).with_dead_letters(|n| n.map(no_seven));
    let failed = collect(&failed);
    run(p);
    let letter = failed.values().remove(0);
    let encoded = postcard(&letter);
    assert_eq!(encoded, letter);
}

/// What comes back of an encoding.
fn postcard<T: Wire>(value: &T) -> T {
    let p = Pipeline::new();
    let value = value.clone();
    let back = collect(&p.create([((), value)]).group_by_key().flat_map(|((), group)| group));
    run(p);
    back.values().remove(0)
}

#[test]
fn an_element_that_fails_by_chance_gets_through_at_its_fourth_attempt() {
    for (failures, wanted) in [(4, vec![]), (5, vec![(0, 4)])] {
        let left = Arc::new(AtomicU32::new(failures));
        let p = Pipeline::new();
        let (kept, failed) = p.create([0_u32, 1]).with_dead_letters(move |n| {
            n.process(move |n, out| {
                out.emit(n);
                let fails = n == 0 && left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
                if fails { Err("not now") } else { Ok(()) }
            })
        });
        let (kept, failed) = (collect(&kept), given_up(&failed));
        run(p);
        // The first failure is that of the bundle of both.
        assert_eq!((kept.values().len() + failed.values().len(), failed.values()), (2, wanted));
    }
}

#[test]
fn ends_of_all_kinds_come_back_and_nothing_of_a_failure_comes_out_of_any() {
    let p = Pipeline::new();
    let ((numbers, (odd, texts), parts), failed) = p.create(0..10_u32).with_dead_letters(|n| {
        let (even, odd) = n.map(|n| if n % 2 == 0 { Ok(n) } else { Err(n) }).split();
        let texts = n.flat_map(|n| vec![n.to_string(); 2]);
        (
            even,
            (odd, texts),
            n.map(|n| if n == 3 { panic!("no threes") } else { n }).partition(2, |n| *n as usize % 2),
        )
    });
    let [numbers, odd] = [numbers, odd].map(|c| collect(&c));
    let parts: Vec<_> = parts.iter().map(collect).collect();
    let (texts, failed) = (collect(&texts), given_up(&failed));
    run(p);
    assert_eq!((numbers.values(), odd.values()), (vec![0, 2, 4, 6, 8], vec![1, 5, 7, 9]));
    let wanted: Vec<String> =
        [0, 1, 2, 4, 5, 6, 7, 8, 9].iter().flat_map(|n| [n.to_string(), n.to_string()]).collect();
    assert_eq!(texts.values(), wanted);
    assert_eq!(
        parts.iter().map(Collected::values).collect::<Vec<_>>(),
        [vec![0, 2, 4, 6, 8], vec![1, 5, 7, 9]]
    );
    assert_eq!(failed.values(), [(3, 4)]);
}

#[test]
fn an_element_out_of_range_of_a_partition_leaves_nothing_behind() {
    let p = Pipeline::new();
    let (parts, failed) =
        p.create([0_u32, 1, 2, 0, 1]).with_dead_letters(|n| n.partition(2, |n| *n as usize));
    let parts: Vec<_> = parts.iter().map(collect).collect();
    let failed = given_up(&failed);
    run(p);
    assert_eq!(parts.iter().map(Collected::values).collect::<Vec<_>>(), [vec![0, 0], vec![1, 1]]);
    assert_eq!(failed.values(), [(2, 4)]);
}

#[test]
fn ways_that_part_and_meet_in_a_region_are_undone_once() {
    let p = Pipeline::new();
    let (kept, failed) = p.create(0..6_u32).with_dead_letters(|n| {
        let tens = n.map(|n| n * 10);
        let both = n.map(|n| if n == 4 { panic!("no fours") } else { n }).flatten([&tens]);
        both.par_do(Bundles::default()).flatten([&tens])
    });
    let (kept, failed) = (collect(&kept), given_up(&failed));
    let summary = run(p);
    assert_eq!(kept.sorted(), [0, 0, 0, 1, 2, 3, 5, 10, 10, 20, 20, 30, 30, 50, 50]);
    assert_eq!(failed.values(), [(4, 4)]);
    assert_eq!(summary.step("with_dead_letters/par_do").unwrap().elements_in, 10);
}

/// Keeps what it is given to the end of its bundle, and notes its life.
#[derive(Clone, Default)]
struct Bundles {
    calls: Arc<Mutex<Vec<&'static str>>>,
    kept: Vec<(u32, Timestamp, Window)>,
    fails: &'static str,
}

impl Bundles {
    fn note(&self, call: &'static str) {
        self.calls.lock().unwrap().push(call);
    }
}

impl DoFn<u32, u32> for Bundles {
    fn setup(&mut self) -> Result<(), BoxError> {
        self.note("setup");
        assert!(self.kept.is_empty(), "a fresh clone");
        assert_ne!(self.fails, "setup panics", "no way in");
        if self.fails == "setup" { Err("no way in".into()) } else { Ok(()) }
    }
    fn start_bundle(&mut self) -> Result<(), BoxError> {
        self.note("start");
        Ok(())
    }
    fn process(&mut self, n: u32, out: &mut Emit<'_, u32>) -> Result<(), BoxError> {
        self.kept.push((n, out.timestamp(), out.window()));
        if self.fails == "process" && n == 7 { Err("no sevens".into()) } else { Ok(()) }
    }
    fn finish_bundle(&mut self, out: &mut BundleEmit<'_, u32>) -> Result<(), BoxError> {
        self.note("finish");
        let has_seven = self.kept.iter().any(|kept| kept.0 == 7);
        self.kept.drain(..).for_each(|(n, at, window)| out.emit(n, at, window));
        if self.fails == "finish" && has_seven { Err("a seven was in it".into()) } else { Ok(()) }
    }
    fn teardown(&mut self) {
        self.note("teardown");
    }
}

/// What comes of two elements and how the function lived, where the second is a seven.
fn lived(fails: &'static str, behind: fn(u32) -> u32) -> (Vec<u32>, Vec<(u32, u32)>, Vec<&'static str>) {
    let p = Pipeline::new();
    let bundles = Bundles { fails, ..Bundles::default() };
    let calls = Arc::clone(&bundles.calls);
    let once = DeadLetters::default().max_attempts(1);
    let (kept, failed) = p.create([1_u32, 7]).with_dead_letters_of(once, |n| n.par_do(bundles).map(behind));
    let (kept, failed) = (collect(&kept), given_up(&failed));
    run(p);
    let calls = calls.lock().unwrap().clone();
    (kept.values(), failed.values(), calls)
}

#[test]
fn a_function_that_failed_is_torn_down_and_a_fresh_clone_set_up() {
    let (kept, failed, calls) = lived("process", |n| n);
    assert_eq!((kept, failed), (vec![1], vec![(7, 1)]));
    let [first, good, bad] =
        [&["setup", "start", "teardown"][..], &["setup", "start", "finish"], &["start", "teardown"]];
    assert_eq!(calls, [first, good, bad].concat());
}

#[test]
fn a_bundle_fails_at_its_end_as_it_does_within() {
    let (kept, failed, calls) = lived("finish", |n| n);
    assert_eq!((kept, failed), (vec![1], vec![(7, 1)]));
    let [first, good, bad] = [
        &["setup", "start", "finish", "teardown"][..],
        &["setup", "start", "finish"],
        &["start", "finish", "teardown"],
    ];
    assert_eq!(calls, [first, good, bad].concat());
}

#[test]
fn a_function_whose_results_fail_behind_it_ends_its_bundle_without_them() {
    let (kept, failed, calls) = lived("nowhere", no_seven);
    assert_eq!((kept, failed), (vec![1], vec![(7, 1)]));
    assert_eq!(calls.iter().filter(|call| **call == "setup").count(), 2, "{calls:?}");
    assert_eq!(calls.last(), Some(&"teardown"));
}

#[test]
fn a_function_that_cannot_be_set_up_ends_the_run() {
    for (fails_in, kind) in [("setup", ErrorKind::User), ("setup panics", ErrorKind::Panic)] {
        let p = Pipeline::new();
        let bundles = Bundles { fails: fails_in, ..Bundles::default() };
        let (kept, failed) = p.create([1_u32, 7]).with_dead_letters(|n| n.par_do(bundles));
        let (_, failed) = (collect(&kept), given_up(&failed));
        let error = fails(p);
        assert_eq!((error.kind(), failed.values()), (kind, vec![]));
        assert_eq!(error.step().unwrap().name, "with_dead_letters/par_do");
        assert!(error.report().contains("no way in"), "{}", error.report());
    }
}

#[test]
fn what_is_wrong_around_an_element_ends_the_run() {
    let p = Pipeline::new();
    let (kept, failed) = p.create([1_u32]).with_dead_letters(|n| {
        n.process(|n, out| {
            out.emit(n);
            Err(Error::new(ErrorKind::Storage, "the disk is full"))
        })
    });
    let (_, failed) = (collect(&kept), given_up(&failed));
    assert!(fails(p).report().ends_with("failed: the disk is full"));
    assert_eq!(failed.values(), []);
}

#[test]
fn a_failure_behind_the_region_ends_the_run() {
    let p = Pipeline::new();
    let (kept, failed) = p.create(0..10_u32).with_dead_letters(|n| n.map(|n| n + 1));
    let _ = kept.map(no_seven).named("behind");
    let failed = given_up(&failed);
    assert_eq!(fails(p).step().unwrap().name, "behind");
    assert_eq!(failed.values(), []);
}

#[test]
fn an_attempt_that_was_discarded_counts_for_nothing() {
    let p = Pipeline::new();
    let (kept, failed) = p.create(0..50_u32).with_dead_letters(|n| {
        n.map(|n| n + 1)
            .named("before")
            .map(|n| no_seven(n - 1))
            .named("check")
            .filter(|n| n % 2 == 0)
            .named("even")
    });
    let (_, _) = (collect(&kept), given_up(&failed));
    let summary = run(p);
    let counts = |step: &str| {
        let counts = summary.step(step).unwrap_or_else(|| panic!("{step}: {summary:?}"));
        (counts.elements_in, counts.elements_out, counts.dead_letters)
    };
    assert_eq!(counts("with_dead_letters/try"), (50, 50, 1));
    assert_eq!(counts("with_dead_letters/before"), (49, 49, 0));
    assert_eq!(counts("with_dead_letters/check"), (49, 49, 0));
    assert_eq!(counts("with_dead_letters/even"), (49, 25, 0));
    assert_eq!(counts("with_dead_letters/keep"), (25, 25, 0));
}

/// Sums of minutes with an allowed lateness, and their panes.
fn sums(guard: impl FnOnce(&PCollection<u32>) -> PCollection<u32>) -> Vec<Reified<((), u32)>> {
    let (p, at) = (Pipeline::new(), Timestamp::from_secs);
    let numbers = stream::<u32>()
        .add([(1, at(1)), (7, at(2)), (2, at(3))])
        .watermark(at(60))
        .add([(3, at(4)), (7, at(61)), (4, at(62))])
        .collection(&p);
    let sums = collect(&guard(&numbers).key_by(|_| ()).sum_per_key());
    run(p);
    sums.reified()
}

fn minutes(n: &PCollection<u32>) -> PCollection<u32> {
    n.window(Fixed::of(Duration::from_mins(1)).allowed_lateness(Duration::from_mins(5)).discarding())
}

#[test]
fn panes_behind_a_region_are_those_without_it() {
    let guarded = sums(|n| {
        let (kept, failed) = n.with_dead_letters(|n| minutes(&n.map(no_seven)));
        failed.for_each(|_| {});
        kept
    });
    assert_eq!(guarded.iter().map(|sum| sum.value.1).collect::<Vec<_>>(), [3, 3, 4]);
    assert_eq!(guarded, sums(|n| minutes(&n.filter(|n| *n != 7))));
}

#[test]
fn the_letter_of_an_element_is_not_behind_the_watermark() {
    let p = Pipeline::new();
    let script = Script::new(&p);
    let numbers = script.input::<u32>();
    let minutes = numbers.collection().window(Fixed::of(Duration::from_mins(1)));
    let (_, failed) = minutes.with_dead_letters(|n| n.map(no_seven));
    let counts = collect(&failed.map(|letter| letter.element).count());
    let at = Timestamp::from_secs;
    numbers.add([(7, at(1)), (107, at(2)), (7, at(3))]);
    numbers.watermark(at(60));
    let summary = run(p);
    assert_eq!(counts.sorted(), [(7, 2), (107, 1)]);
    assert!(counts.reified().iter().all(|count| count.pane.timing == Timing::OnTime));
    assert_eq!(summary.dropped_late(), 0);
}

#[test]
fn an_inner_region_keeps_its_failures_from_the_outer_one() {
    let p = Pipeline::new();
    let ((kept, inner), outer) = p.create(0..10_u32).with_dead_letters(|n| {
        let (kept, inner) = n.with_dead_letters(|n| n.map(|n| if n == 3 { panic!("three") } else { n }));
        (kept.map(no_seven), inner)
    });
    let (kept, inner, outer) = (collect(&kept), given_up(&inner), given_up(&outer));
    let summary = run(p);
    assert_eq!(kept.values(), [0, 1, 2, 4, 5, 6, 8, 9]);
    assert_eq!((inner.values(), outer.values()), (vec![(3, 4)], vec![(7, 4)]));
    assert_eq!(summary.dead_letters(), 2);
    assert_eq!(summary.step("with_dead_letters/with_dead_letters/try").unwrap().elements_in, 9);
}

#[test]
fn the_breaker_of_an_inner_region_counts_no_element_twice_and_ends_the_run() {
    for (allowed, is_well) in [(0.3, true), (0.2, false)] {
        let p = Pipeline::new();
        let settings = DeadLetters::default().breaker(allowed, 10);
        let ((kept, inner), outer) = p.create(0..10_u32).with_dead_letters_of(settings, |n| {
            let (kept, inner) =
                n.with_dead_letters_of(settings, |n| n.filter(|n| if *n < 3 { panic!("low") } else { true }));
            (kept.map(no_seven), inner)
        });
        let (_, inner, _) = (collect(&kept), given_up(&inner), given_up(&outer));
        let ended = ReferenceRunner::new().run(p);
        assert_eq!(ended.is_ok(), is_well, "{ended:?}");
        assert_eq!(inner.values().len(), if is_well { 3 } else { 0 });
    }
}

#[test]
fn too_many_dead_letters_end_the_run() {
    let fail = |n: u32| if n.is_multiple_of(15) { panic!("a fifteenth: {n}") } else { n };
    for settings in [DeadLetters::default(), DeadLetters::default().without_breaker()] {
        let p = Pipeline::new();
        let (kept, failed) = p.create(0..3_000_u32).with_dead_letters_of(settings, |n| n.map(fail));
        let (_, failed) = (collect(&kept), given_up(&failed));
        let ended = ReferenceRunner::new().run(p);
        if settings == DeadLetters::default() {
            let error = ended.unwrap_err();
            assert_eq!(
                (error.kind(), error.step().unwrap().name.as_str()),
                (ErrorKind::Panic, "with_dead_letters/try")
            );
            let report = error.report();
            assert!(
                report.contains("51 of the last 1000 elements failed, and no more than 5 % may"),
                "{report}"
            );
            assert!(report.ends_with("panicked: a fifteenth: 750"), "{report}");
        } else {
            assert!(ended.is_ok());
            assert_eq!(failed.values().len(), 200);
        }
    }
}

#[test]
fn five_percent_end_nothing() {
    let p = Pipeline::new();
    let (kept, failed) = p
        .create(0..3_000_u32)
        .with_dead_letters(|n| n.filter(|n| if n % 20 == 0 { panic!("20") } else { true }));
    let (kept, failed) = (collect(&kept), given_up(&failed));
    run(p);
    assert_eq!((kept.values().len(), failed.values().len()), (2_850, 150));
}

#[derive(Clone, Split)]
enum Parity {
    Even(u32),
    Odd(u32),
}

#[test]
fn the_outputs_of_a_split_come_back_by_name() {
    let p = Pipeline::new();
    let (ParityOutputs { even, odd }, failed) = p.create(0..10_u32).with_dead_letters(|n| {
        n.map(no_seven).map(|n| if n % 2 == 0 { Parity::Even(n) } else { Parity::Odd(n) }).split()
    });
    let (even, odd, failed) = (collect(&even), collect(&odd), given_up(&failed));
    run(p);
    assert_eq!((even.values(), odd.values()), (vec![0, 2, 4, 6, 8], vec![1, 3, 5, 9]));
    assert_eq!(failed.values(), [(7, 4)]);
}
