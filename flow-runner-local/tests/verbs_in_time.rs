//! Verbs that remember by time do what is written of them: against models that look at everything, on random streams,
//! watermarks and clocks, on the reference runner and on one to four workers.
mod kit;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::{Collected, Script, collect};
use proptest::collection::vec;
use proptest::prelude::*;

type Keyed = (u8, u32);

/// A move of a script. Each element has a key, and a number that no other has.
#[derive(Clone, Debug)]
enum Move {
    /// Elements of an input at times in seconds.
    Add(usize, Vec<(Keyed, i64)>),
    /// The watermark of an input moves by so many seconds.
    Watermark(usize, i64),
    /// The clock moves by so many seconds.
    Clock(u64),
}

fn moves(inputs: usize) -> impl Strategy<Value = Vec<Move>> {
    let step = prop_oneof![
        4 => (0..inputs, vec((0..3_u8, 0..60_i64), 1..8)).prop_map(|(input, elements)| {
            Move::Add(input, elements.into_iter().map(|(key, at)| ((key, 0), at)).collect())
        }),
        3 => (0..inputs, 0..20_i64).prop_map(|(input, by)| Move::Watermark(input, by)),
        1 => (1..20_u64).prop_map(Move::Clock),
    ];
    vec(step, 1..25).prop_map(numbered)
}

fn numbered(mut moves: Vec<Move>) -> Vec<Move> {
    let elements = moves.iter_mut().flat_map(|step| match step {
        Move::Add(_, elements) => elements.as_mut_slice(),
        _ => &mut [],
    });
    elements.zip(0..).for_each(|(((_, number), _), next)| *number = next);
    moves
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// Plays the moves on so many inputs of a pipeline.
fn play(p: &Pipeline, inputs: usize, moves: &[Move]) -> Vec<PCollection<Keyed>> {
    let script = Script::new(p);
    let inputs: Vec<_> = (0..inputs).map(|_| script.input::<Keyed>()).collect();
    let mut watermarks = vec![0; inputs.len()];
    for step in moves {
        match step {
            Move::Add(input, elements) => {
                inputs[*input].add(elements.iter().map(|(element, secs)| (*element, at(*secs))));
            }
            Move::Watermark(input, by) => {
                watermarks[*input] += by;
                inputs[*input].watermark(at(watermarks[*input]));
            }
            Move::Clock(by) => {
                script.clock(secs(*by));
            }
        }
    }
    inputs.iter().map(flow_core::testing::Input::collection).collect()
}

/// Runs what `build` makes on the reference runner or on so many workers.
fn ran<R>(workers: usize, build: impl FnOnce(&Pipeline) -> R) -> R {
    let p = Pipeline::new();
    let result = build(&p);
    if workers == 0 {
        ReferenceRunner::new().run(p).unwrap_or_else(|e| panic!("{}", e.report()));
    } else {
        kit::run(kit::workers(workers), p);
    }
    result
}

/// An element as a step behind all inputs sees it arrive.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    input: usize,
    key: u8,
    number: u32,
    at: i64,
    /// The least watermark of all inputs, none before each has one.
    watermark: Option<i64>,
}

impl Arrival {
    fn is_behind(&self, lateness: i64) -> bool {
        self.watermark.is_some_and(|watermark| self.at < watermark - lateness)
    }
}

/// What arrives, and the watermarks between: after each move the elements that came with it, and the watermark.
fn history(inputs: usize, moves: &[Move]) -> Vec<(Vec<Arrival>, Option<i64>)> {
    let mut watermarks: Vec<Option<i64>> = vec![None; inputs];
    let joint = |watermarks: &[Option<i64>]| watermarks.iter().copied().min().flatten();
    let step = |step: &Move| match step {
        Move::Add(input, elements) => {
            let watermark = joint(&watermarks);
            let arrival = |((key, number), at): &(Keyed, i64)| Arrival {
                input: *input,
                key: *key,
                number: *number,
                at: *at,
                watermark,
            };
            (elements.iter().map(arrival).collect(), watermark)
        }
        Move::Watermark(input, by) => {
            watermarks[*input] = Some(watermarks[*input].unwrap_or(0) + by);
            (Vec::new(), joint(&watermarks))
        }
        Move::Clock(_) => (Vec::new(), joint(&watermarks)),
    };
    moves.iter().map(step).collect()
}

fn arrivals(inputs: usize, moves: &[Move]) -> Vec<Arrival> {
    history(inputs, moves).into_iter().flat_map(|(arrivals, _)| arrivals).collect()
}

fn forever(input: &PCollection<Keyed>, lateness: i64) -> PCollection<Keyed> {
    input.window(Global::windows().allowed_lateness(secs(lateness.unsigned_abs())).discarding())
}

fn sorted<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort();
    values
}

/// What a join found: both numbers and the time in seconds.
fn found<V: Element, W: Element>(joined: &Collected<(u8, (V, W))>) -> Vec<(V, W, i64)> {
    let results = joined.reified().into_iter();
    results.map(|r| (r.value.1.0, r.value.1.1, r.time.millis() / 1000)).collect()
}

/// All pairs of what is not too late, near enough to each other.
fn pairs_by_brute_force(moves: &[Move], before: i64, after: i64, lateness: i64) -> Vec<(u32, u32, i64)> {
    let in_time: Vec<_> = arrivals(2, moves).into_iter().filter(|a| !a.is_behind(lateness)).collect();
    let of = |input: usize| in_time.iter().filter(move |arrival| arrival.input == input);
    let near = |l: &Arrival, r: &Arrival| l.key == r.key && (l.at - before..=l.at + after).contains(&r.at);
    let pairs = of(0)
        .flat_map(|l| of(1).filter(move |r| near(l, r)).map(move |r| (l.number, r.number, l.at.max(r.at))));
    sorted(pairs.collect())
}

/// Each left value with the latest version that is there when the watermark has passed it, or at once if it had before.
fn versions_by_brute_force(moves: &[Move], lateness: i64) -> Vec<(u32, Option<u32>, i64)> {
    let (mut waiting, mut versions, mut seen) = (Vec::<Arrival>::new(), Vec::<Arrival>::new(), Vec::new());
    let joined = |left: &Arrival, versions: &[Arrival]| {
        let valid = versions.iter().filter(|v| v.key == left.key && v.at <= left.at);
        // Of one moment the greater number: small numbers are encoded in one byte.
        (left.number, valid.max_by_key(|v| (v.at, v.number)).map(|v| v.number), left.at)
    };
    for (arrivals, watermark) in history(2, moves) {
        for arrival in arrivals.into_iter().filter(|a| !a.is_behind(lateness)) {
            match arrival.input {
                1 => versions.push(arrival),
                _ if arrival.is_behind(0) => seen.push(joined(&arrival, &versions)),
                _ => waiting.push(arrival),
            }
        }
        let passed = |left: &Arrival| watermark.is_some_and(|watermark| left.at < watermark);
        seen.extend(waiting.iter().filter(|left| passed(left)).map(|left| joined(left, &versions)));
        waiting.retain(|left| !passed(left));
    }
    seen.extend(waiting.iter().map(|left| joined(left, &versions)));
    sorted(seen)
}

/// The elements that are not known yet: a key is known until the watermark has come to its first time and the horizon.
fn firsts_by_brute_force(moves: &[Move], horizon: i64) -> Vec<u32> {
    let (mut known, mut firsts) = (HashMap::new(), Vec::new());
    for (arrivals, watermark) in history(1, moves) {
        for arrival in arrivals {
            known.entry(arrival.key).or_insert_with(|| {
                firsts.push(arrival.number);
                arrival.at + horizon
            });
        }
        known.retain(|_, over| watermark.is_none_or(|watermark| watermark < *over));
    }
    sorted(firsts)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_interval_join_finds_what_all_pairs_have(
        moves in moves(2), before in 0..15_i64, after in 0..15_i64, lateness in 0..10_i64, workers in 0..5_usize,
    ) {
        let (pairs, counts) = ran(workers, |p| {
            let inputs = play(p, 2, &moves);
            let (left, right) = (forever(&inputs[0], lateness), forever(&inputs[1], lateness));
            let pairs = left.interval_join(&right, secs(before.unsigned_abs()), secs(after.unsigned_abs()));
            let windows = Fixed::of(secs(1)).allowed_lateness(secs(lateness.unsigned_abs()));
            (collect(&pairs), collect(&pairs.window(windows).count_per_key()))
        });
        let found = sorted(found(&pairs));
        prop_assert_eq!(&found, &pairs_by_brute_force(&moves, before, after, lateness));
        // Nothing of it is too late downstream, since no pair lies before both of its halves.
        prop_assert_eq!(counts.values().iter().map(|(_, n)| *n).sum::<u64>(), found.len() as u64);
    }

    #[test]
    fn a_temporal_join_finds_what_was_valid(moves in moves(2), lateness in 0..10_i64, workers in 0..5_usize) {
        let numbers: u32 = arrivals(2, &moves).len() as u32;
        prop_assume!(numbers < 128);
        let (joined, counts) = ran(workers, |p| {
            let inputs = play(p, 2, &moves);
            let joined = forever(&inputs[0], lateness).left_temporal_join(&forever(&inputs[1], lateness));
            let windows = Fixed::of(secs(1)).allowed_lateness(secs(lateness.unsigned_abs()));
            (collect(&joined), collect(&joined.window(windows).count_per_key()))
        });
        let found = sorted(found(&joined));
        prop_assert_eq!(&found, &versions_by_brute_force(&moves, lateness));
        prop_assert_eq!(counts.values().iter().map(|(_, n)| *n).sum::<u64>(), found.len() as u64);
    }

    #[test]
    fn what_is_sorted_is_in_order_but_for_what_is_late(moves in moves(1), workers in 0..5_usize) {
        let released = ran(workers, |p| {
            let input = &play(p, 1, &moves)[0];
            let order = input.time_sorted().reify().map(|r| (r.value.0, (r.value.1, r.time)));
            collect(&order.stateful(|key, element, place: &mut u32, out| {
                out.emit((*key, *place, element));
                *place += 1;
            }))
        });
        let mut by_key: BTreeMap<u8, Vec<(u32, (u32, Timestamp))>> = BTreeMap::new();
        for (key, place, element) in released.values() {
            by_key.entry(key).or_default().push((place, element));
        }
        let all = arrivals(1, &moves);
        for key in 0..3 {
            let order = sorted(by_key.remove(&key).unwrap_or_default());
            let place = |number: u32| order.iter().position(|(_, (other, _))| *other == number);
            let of_key: Vec<_> = all.iter().filter(|arrival| arrival.key == key).collect();
            prop_assert_eq!(order.len(), of_key.len());
            let mut in_time: Vec<_> = of_key.iter().filter(|arrival| !arrival.is_behind(0)).collect();
            in_time.sort_by_key(|arrival| arrival.at);
            let places: Vec<_> = in_time.iter().map(|arrival| place(arrival.number)).collect();
            prop_assert!(places.is_sorted(), "{:?}", order);
            for late in of_key.iter().filter(|arrival| arrival.is_behind(0)) {
                let ahead = |other: &&&&Arrival| Some(other.at) > late.watermark;
                prop_assert!(in_time.iter().filter(ahead).all(|other| place(late.number) < place(other.number)));
            }
            let is_here = |number: u32, time| of_key.iter().any(|a| a.number == number && at(a.at) == time);
            prop_assert!(order.iter().all(|(_, (number, time))| is_here(*number, *time)));
        }
    }

    #[test]
    fn batches_part_their_input(
        moves in moves(1), count in 1..6_usize, age in proptest::option::of(1..30_u64), workers in 0..5_usize,
    ) {
        let batch = age.map_or(Batch::of(count), |age| Batch::of(count).max_age(secs(age)));
        let (batches, counts) = ran(workers, |p| {
            let input = &play(p, 1, &moves)[0];
            let batches = input.window(Fixed::of(secs(20))).group_into_batches(batch);
            let windows = Fixed::of(secs(1));
            (collect(&batches), collect(&batches.map(|(key, _)| (key, 1)).window(windows).count_per_key()))
        });
        let all: HashMap<u32, Arrival> = arrivals(1, &moves).into_iter().map(|a| (a.number, a)).collect();
        let is_in_time = |a: &Arrival| a.watermark.is_none_or(|watermark| watermark < (a.at / 20 + 1) * 20);
        let wanted: Vec<u32> = all.values().filter(|a| is_in_time(a)).map(|a| a.number).collect();
        let batches = batches.reified();
        let seen: Vec<u32> = batches.iter().flat_map(|batch| batch.value.1.iter().collect::<Vec<_>>()).collect();
        prop_assert_eq!(sorted(seen), sorted(wanted));
        let mut in_time = 0;
        let mut half_full: HashMap<(u8, Window), usize> = HashMap::new();
        for batch in &batches {
            let (key, numbers) = &batch.value;
            prop_assert!((1..=count).contains(&numbers.len()));
            prop_assert!(numbers.iter().all(|n| all[&n].key == *key && batch.window.contains(at(all[&n].at))));
            // The earliest, but no late one before one that came in time.
            let earliest = numbers.iter().map(|n| (all[&n].is_behind(0), at(all[&n].at))).min();
            prop_assert_eq!(Some(batch.time), earliest.map(|(_, at)| at));
            in_time += u64::from(earliest.is_some_and(|(late, _)| !late));
            *half_full.entry((*key, batch.window)).or_default() += usize::from(numbers.len() < count);
        }
        prop_assert!(age.is_some() || half_full.values().all(|half_full| *half_full <= 1));
        // No batch is late that has an element which is not.
        prop_assert!(counts.values().iter().map(|(_, n)| *n).sum::<u64>() >= in_time);
    }

    #[test]
    fn a_key_is_known_until_its_horizon(moves in moves(1), horizon in 0..30_i64, workers in 0..5_usize) {
        let once = ran(workers, |p| {
            let horizon = Horizon::event_time(secs(horizon.unsigned_abs()));
            collect(&play(p, 1, &moves)[0].deduplicate_by(horizon, |(key, _)| *key).values())
        });
        prop_assert_eq!(once.sorted(), firsts_by_brute_force(&moves, horizon));
    }

    #[test]
    fn sums_in_parts_are_those_of_the_whole(moves in moves(1), parts in 0..5_usize, workers in 0..5_usize) {
        let (whole, in_parts) = ran(workers, |p| {
            let windows = Fixed::of(secs(20)).allowed_lateness(secs(10)).accumulating();
            let windowed = play(p, 1, &moves)[0].map_values(u64::from).window(windows);
            (collect(&windowed.sum_per_key().reify()), collect(&windowed.with_fanout(parts).combine_per_key(Sum).reify()))
        });
        let last = |panes: &Collected<Reified<(u8, u64)>>| {
            let mut last = BTreeMap::new();
            for pane in panes.values() {
                let place = (pane.value.0, pane.window.start);
                let (index, _) = *last.entry(place).or_insert((pane.pane.index, pane.value.1));
                if pane.pane.index >= index {
                    last.insert(place, (pane.pane.index, pane.value.1));
                }
            }
            last.into_iter().map(|(place, (_, sum))| (place, sum)).collect::<BTreeMap<_, _>>()
        };
        prop_assert_eq!(last(&in_parts), last(&whole));
    }
}
