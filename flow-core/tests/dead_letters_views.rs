//! Side inputs in regions of dead letters.

use std::time::Duration;

use flow_core::Failure;
use flow_core::prelude::*;
use flow_core::testing::{Input, Script, collect};

/// A rate for each minute, looked up by numbers with their seconds; a seven fails.
fn priced(p: &Pipeline) -> (PCollection<u32>, PCollection<DeadLetter<u32>>, Input<u32>, Script) {
    let script = Script::new(p);
    let (numbers, table) = (script.input::<u32>(), script.input::<u32>());
    let minute = || Fixed::of(Duration::from_mins(1));
    let rate = table.collection().window(minute()).as_single();
    let seconds = Timestamp::from_secs;
    numbers.add([(1, seconds(1)), (7, seconds(2)), (61, seconds(61)), (2, seconds(3))]);
    numbers.watermark(seconds(120));
    let (priced, failed) = numbers.collection().window(minute()).with_dead_letters(|n| {
        n.inspect(|n| assert_ne!(*n, 7, "no sevens here")).with(&rate).process(|n, rate, out| {
            out.emit(n * rate);
            if n == 61 { Err("no sixty-ones") } else { Ok(()) }
        })
    });
    (priced, failed, table, script)
}

#[test]
fn elements_wait_in_front_of_a_region_for_what_they_are_looked_up_in() {
    let p = Pipeline::new();
    let seconds = Timestamp::from_secs;
    let (found, failed, table, script) = priced(&p);
    let now = |n: u32, out: &mut Emit<'_, (u32, i64)>| out.emit((n, out.now().micros() / 1_000_000));
    let (found, failed) = (collect(&found.process(now)), collect(&failed.map(|l| (l.element, l.failure))));
    script.clock(Duration::from_secs(1));
    table.add([(10, seconds(0))]);
    table.watermark(seconds(60));
    script.clock(Duration::from_secs(1));
    table.add([(100, seconds(60))]);
    let summary = ReferenceRunner::new().run(p).unwrap();
    assert_eq!(found.values(), [(10, 1), (20, 1)]);
    assert_eq!(failed.values(), [(7, Failure::Panic), (61, Failure::Error)]);
    let head = summary.step("with_dead_letters/try").unwrap();
    assert_eq!((head.elements_in, head.elements_out, head.dead_letters), (4, 4, 2));
    assert_eq!(summary.step("with_dead_letters/process").unwrap().elements_in, 2);
}

#[test]
fn a_view_without_a_value_is_not_the_fault_of_an_element() {
    let p = Pipeline::new();
    let nothing = p.create([1_u32; 0]).as_single();
    let (found, failed) = p.create([1_u32, 2]).with_dead_letters(|n| n.with(&nothing).map(|n, m| n + m));
    let (_, failed) = (collect(&found), collect(&failed.map(|letter| (letter.element, letter.attempts))));
    let report = ReferenceRunner::new().run(p).expect_err("the run fails").report();
    assert!(report.contains("a single value was asked of a view without an element"), "{report}");
    assert_eq!(failed.values(), []);
}

/// Adds what it is looked up in at the end of its bundle.
#[derive(Clone, Default)]
struct Shifted(Vec<u32>);

impl DoFnWith<u32, View<u32>, u32> for Shifted {
    fn process(&mut self, n: u32, by: &u32, _: &mut Emit<'_, u32>) -> Result<(), BoxError> {
        self.0.push(n + by);
        if n == 7 { Err("no sevens".into()) } else { Ok(()) }
    }
    fn finish_bundle(&mut self, out: &mut BundleEmit<'_, u32>) -> Result<(), BoxError> {
        self.0.drain(..).for_each(|n| out.emit(n, Timestamp::MIN, Window::GLOBAL));
        Ok(())
    }
}

#[test]
fn a_function_with_views_begins_anew_after_a_failure() {
    let p = Pipeline::new();
    let by = p.create([100_u32]).as_single();
    let (shifted, failed) =
        p.create([6_u32, 7, 8]).with_dead_letters(|n| n.with(&by).par_do(Shifted::default()));
    let (shifted, failed) =
        (collect(&shifted), collect(&failed.map(|letter| (letter.element, letter.attempts))));
    ReferenceRunner::new().run(p).unwrap();
    assert_eq!((shifted.values(), failed.values()), (vec![106, 108], vec![(7, 4)]));
}
