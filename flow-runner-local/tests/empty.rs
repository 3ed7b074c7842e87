//! Nothing to read: every verb ends, and says what nothing amounts to.
mod kit;

use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::{MemorySinks, collect, stream};

type Pair = (u32, u64);

#[derive(Clone)]
struct PassOn;

impl DoFn<Pair, Pair> for PassOn {
    fn process(&mut self, pair: Pair, out: &mut Emit<'_, Pair>) -> Result<(), BoxError> {
        out.emit(pair);
        Ok(())
    }
}

#[test]
fn every_verb_makes_nothing_of_nothing() {
    let verbs: [(&str, fn(&PCollection<Pair>) -> PCollection<Pair>); 36] = [
        ("map", |p| p.map(|pair| pair)),
        ("filter", |p| p.filter(|_| true)),
        ("filter_map", |p| p.filter_map(Some)),
        ("flat_map", |p| p.flat_map(|pair| [pair, pair])),
        ("process", |p| p.process(|pair, out| out.emit(pair))),
        ("par_do", |p| p.par_do(PassOn)),
        ("map_async", |p| p.map_async(3, |pair| async move { pair })),
        ("map_async_unordered", |p| p.map_async_unordered(3, |pair| async move { pair })),
        ("inspect", |p| p.inspect(|_| {})),
        ("reify", |p| p.reify().map(|r| r.value)),
        ("split", |p| p.map(|pair| if pair.0 == 1 { Ok(pair) } else { Err(pair) }).split().1),
        ("partition", |p| p.partition(2, |(key, _)| *key as usize % 2).remove(1)),
        ("split_late", |p| p.split_late().1),
        ("window", |p| p.window(Fixed::of(Duration::from_secs(1)))),
        ("sessions", |p| p.window(Sessions::with_gap(Duration::from_secs(1))).sum_per_key()),
        ("flatten", |p| p.flatten([p])),
        ("reshuffle", |p| p.reshuffle()),
        ("count", |p| p.count().map(|((key, _), n)| (key, n))),
        ("distinct", PCollection::distinct),
        ("group_by_key", |p| p.group_by_key().map_values(|group| group.len() as u64)),
        ("sum_per_key", |p| p.sum_per_key()),
        ("latest_per_key", |p| p.latest_per_key()),
        ("stateful", |p| p.stateful(|key, n, _: &mut u64, out| out.emit((*key, n)))),
        ("group_into_batches", |p| p.group_into_batches(2).map_values(|batch| batch.len() as u64)),
        ("deduplicate", |p| p.deduplicate(Duration::from_secs(1))),
        ("outer_join", |p| p.outer_join(p).map(|(key, _)| (key, 1))),
        ("co_group", |p| p.co_group((p, p)).map(|(key, _)| (key, 1))),
        ("interval_join", |p| p.interval_join(p, Duration::MAX, Duration::MAX).map_values(|(n, _)| n)),
        ("temporal_join", |p| p.temporal_join(p).map_values(|(n, _)| n)),
        ("left_temporal_join", |p| p.left_temporal_join(p).map_values(|(n, _)| n)),
        ("time_sorted", |p| p.time_sorted()),
        ("batches", |p| p.batches(2).map(|batch| (1, batch.len() as u64))),
        ("wait_on", |p| p.wait_on(p)),
        ("latest", PCollection::latest),
        ("with_fanout", |p| p.with_fanout(3).combine_per_key(Sum)),
        ("top_per_key", |p| p.top_per_key(2).map_values(|top| top[0])),
    ];
    for (verb, apply) in verbs {
        let p = Pipeline::new();
        let seen = collect(&apply(&p.create(Vec::<Pair>::new())));
        kit::run(kit::workers(2), p);
        assert_eq!(seen.values(), [], "{verb}");
    }
}

#[test]
fn aggregations_of_nothing_have_one_result() {
    let p = Pipeline::new();
    let nothing = p.create(Vec::<u64>::new());
    let (sum, count, max) =
        (collect(&nothing.combine(Sum)), collect(&nothing.combine(Count)), collect(&nothing.combine(Max)));
    kit::run(kit::workers(4), p);
    assert_eq!((sum.values(), count.values(), max.values()), (vec![0], vec![0], vec![None]));
}

#[test]
fn an_empty_side_input_is_its_default() {
    let p = Pipeline::new();
    let nothing = p.create(Vec::<u64>::new());
    let (single, list) = (nothing.as_single_or(7), nothing.as_list());
    let (map, multimap) = (nothing.key_by(|n| *n).as_map(), nothing.key_by(|n| *n).as_multimap());
    let seen = p
        .create([1_u64])
        .with((&single, &list, &map, &multimap))
        .map(|n, (single, list, map, multimap)| (n, *single, list.len(), map.len(), multimap.len()));
    let seen = collect(&seen);
    kit::run(kit::workers(4), p);
    assert_eq!(seen.values(), [(1, 7, 0, 0, 0)]);
}

#[test]
fn an_empty_single_side_input_fails_who_reads_it() {
    let p = Pipeline::new();
    let nothing = p.create(Vec::<u64>::new()).as_single();
    p.create([1_u64]).with(&nothing).map(|n, m| n + m).named("reader").for_each(|_| {});
    let error = kit::fails(kit::workers(2), p);
    assert_eq!(error.step().unwrap().name, "reader");
    assert!(
        error.report().contains("a single value was asked of a view without an element"),
        "{}",
        error.report()
    );
}

#[test]
fn a_sink_that_got_nothing_is_committed_empty() {
    let sinks = MemorySinks::<u64>::new();
    let p = Pipeline::new();
    p.create(Vec::new()).write(sinks.sink("out"));
    kit::run(kit::workers(2), p);
    assert_eq!((sinks.values("out"), sinks.epochs("out")), (vec![], vec![1]));
}

#[test]
fn a_stream_without_a_script_ends() {
    let p = Pipeline::new();
    let seen = collect(&stream::<u64>().collection(&p));
    kit::run(kit::workers(2), p);
    assert_eq!(seen.values(), []);
}
