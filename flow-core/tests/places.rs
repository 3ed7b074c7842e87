//! Every step of every verb is at the line of the program that calls the verb, so that an error names it.

use std::panic::Location;
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::{MemorySinks, Script, collect, stream};

/// Builds a pipeline on one line of a test; every step must be there.
#[track_caller]
fn all_here(build: impl FnOnce(&Pipeline)) {
    let here = Location::caller();
    let p = Pipeline::new();
    build(&p);
    for step in p.into_graph().unwrap().steps {
        let at = step.label.location;
        assert_eq!((at.file(), at.line()), (here.file(), here.line()), "{}", step.label.name);
    }
}

#[derive(Clone)]
struct Pass;

impl DoFn<u32, u32> for Pass {
    fn process(&mut self, n: u32, out: &mut Emit<'_, u32>) -> Result<(), BoxError> {
        out.emit(n);
        Ok(())
    }
}

impl StatefulFn<u32, u32, u32> for Pass {
    type State = ();
    type Timer = ();
    fn process(
        &self,
        _: &u32,
        n: u32,
        (): &mut (),
        cx: &mut StatefulCx<'_, (), u32>,
    ) -> Result<(), BoxError> {
        cx.emit(n);
        Ok(())
    }
}

#[test]
#[rustfmt::skip]
fn steps_on_elements_are_at_the_callers_line() {
    all_here(|p| { let _ = p.create([1]).map(|n: u32| n).filter(|_| true).filter_map(Some).flat_map(Some).process(|n, out| out.emit(n)); });
    all_here(|p| { let _ = p.create([1]).par_do(Pass).map_async(1, |n: u32| async move { n }).map_async_unordered(1, |n| async move { n }).inspect(|_| {}).reify(); });
    all_here(|p| { let _ = (p.create([1]).map(Ok::<u32, u32>).split(), p.create([1]).partition(2, |_| 0), p.create([1]).split_late()); });
    all_here(|p| { let _ = p.create([1]).with_timestamps(|_| Timestamp::MAX).with_timestamps_skewed(Duration::MAX, |_| Timestamp::MIN).window(Global::windows()).window(Existing::windows()).reshuffle(); });
    all_here(|p| { let _ = p.create([1]).key_by(|n| *n).map_values(|n: u32| n).swap().keys().flatten([&p.create([(1, 1)]).values()]); });
}

#[test]
#[rustfmt::skip]
fn aggregations_are_at_the_callers_line() {
    all_here(|p| { let n = p.create([1]); let _ = (n.combine(Sum), n.sample(1), n.top(1), n.count(), n.distinct()); });
    all_here(|p| { let n = p.create([(1, 1)]); let _ = (n.combine_per_key(Sum), n.count_per_key(), n.sum_per_key(), n.mean_per_key(), n.group_by_key()); });
    all_here(|p| { let n = p.create([(1, 1)]); let _ = (n.min_per_key(), n.max_per_key(), n.latest_per_key()); });
    all_here(|p| { let n = p.create([(1, 1)]); let _ = (n.join(&n), n.left_join(&n), n.outer_join(&n), n.co_group(&n), n.co_group((&n, &n, &n))); });
    all_here(|p| { let n = p.create([(1, 1)]); let _ = (n.interval_join(&n, Duration::ZERO, Duration::ZERO), n.temporal_join(&n), n.left_temporal_join(&n)); });
    all_here(|p| { let n = p.create([(1, 1)]); let _ = (n.sample_per_key(1), n.top_per_key(1), n.quantiles_per_key([0.5]), n.approx_distinct_per_key()); });
    all_here(|p| { let n = p.create([1]); let _ = (n.latest(), n.quantiles([0.5]), n.approx_distinct(), n.with_fanout(2).combine(Sum)); });
    all_here(|p| { let n = p.create([(1, 1)]); let _ = (n.with_fanout(2).combine_per_key(Sum), n.with_fanout_by(|_| 2).combine_per_key(Sum)); });
}

#[test]
#[rustfmt::skip]
fn steps_with_state_are_at_the_callers_line() {
    all_here(|p| { let n = p.create([(1, 1)]); let _ = (n.par_do_stateful(Pass), n.stateful(|_, n, (): &mut (), out| out.emit(n)), n.group_into_batches(2)); });
    all_here(|p| { let n = p.create([1]); let _ = (n.batches(2), n.wait_on(&n), n.key_by(|n| *n).time_sorted()); });
    all_here(|p| { let n = p.create([1]); let _ = (n.deduplicate(Duration::MAX), n.deduplicate_by(Duration::MAX, |n| *n)); });
}

#[test]
#[rustfmt::skip]
fn views_and_their_readers_are_at_the_callers_line() {
    all_here(|p| { let n = p.create([1]); let _ = (n.view(|all| all.len()), n.as_single(), n.as_single_or(1), n.as_list()); });
    all_here(|p| { let n = p.create([(1, 1)]); let _ = (n.as_map(), n.as_multimap()); });
    all_here(|p| { let n = p.create([1]); let v = n.as_list(); let _ = (n.with(&v).map(|n, _| n), n.with(&v).filter(|_, _| true)); });
    all_here(|p| { let n = p.create([1]); let v = n.as_list(); let _ = (n.with(&v).flat_map(|n, _| Some(n)), n.with((&v, &v)).process(|n, _, out| out.emit(n))); });
}

#[test]
#[rustfmt::skip]
fn sources_sinks_and_test_steps_are_at_the_callers_line() {
    all_here(|p| { let n = p.create([1]); n.for_each(|_| {}); n.write(MemorySinks::new().sink("a")); let _ = n.try_write(MemorySinks::new().sink("a")); });
    all_here(|p| { let n = p.create([1]); n.write_by(|n| *n, |_| MemorySinks::new().sink("a")); let _ = n.try_write_by(|n| *n, |_| MemorySinks::new().sink("a")); });
    all_here(|p| { let _ = (Script::new(p).input::<u32>(), stream::<u32>().collection(p), collect(&p.create([1]))); });
}

#[test]
fn the_steps_of_a_users_composite_are_at_its_own_lines() {
    let p = Pipeline::new();
    let lines = [line!() + 2, line!() + 3];
    let totals = |n: &PCollection<u32>| {
        let more = n.map(|n| n + 1);
        more.combine(Sum)
    };
    let _ = p.create([1]).apply("totals", totals);
    let steps = p.into_graph().unwrap().steps;
    let found: Vec<u32> = steps[1..].iter().map(|step| step.label.location.line()).collect();
    assert_eq!(found, [lines[0], lines[1], lines[1], lines[1]]);
}
