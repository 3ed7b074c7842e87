//! A run that fails at any point and goes on from its state directory gives what one gives that never failed.

mod kit;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flow_core::Pipeline;
use flow_core::prelude::*;
use flow_runner_local::Options;
use kit::restart::{Later, Ledger, Replay, World, run_through, try_until_enough_failed};

/// How many random cases of each pipeline are tried.
fn cases() -> u64 {
    std::env::var("FLOW_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(5)
}

/// Elements of three splits, each in order of time.
fn elements() -> Arc<Vec<Vec<(u64, i64)>>> {
    let split = |split: u64| (0..400).map(|n| ((n * 7 + split * 3) % 23, (n / 4) as i64)).collect();
    Arc::new((0..3).map(split).collect())
}

type Program = fn(&PCollection<u64>) -> PCollection<String>;

fn program<S: Sink<String>>(world: &World, bounded: bool, body: Program, sink: fn(&World) -> S) -> Pipeline {
    let p = Pipeline::new();
    let source = Replay { world: world.clone(), splits: elements(), bounded };
    body(&p.read(source)).write(sink(world));
    p
}

/// What is visible in the end, with failures in between and without.
#[track_caller]
fn goes_on_exactly(body: Program) {
    goes_on_exactly_into(|world| Ledger(world.clone()), body);
}

#[track_caller]
fn goes_on_exactly_into<S: Sink<String>>(sink: fn(&World) -> S, body: Program) {
    for bounded in [true, false] {
        let world = World::default();
        run_through(&Options::default(), &world, || program(&world, bounded, body, sink));
        let wanted = world.visible();
        assert!(!wanted.is_empty());
        try_until_enough_failed(cases(), |seed| {
            let directory = tempfile::tempdir().unwrap();
            let world = World::failing(seed, 60);
            let options = Options::default()
                .with_epoch(Duration::from_micros(200))
                .with_state_dir(directory.path())
                .allowing_ephemeral_state();
            let failures = run_through(&options, &world, || program(&world, bounded, body, sink));
            assert_eq!(world.visible(), wanted, "seed {seed}, bounded {bounded}");
            failures
        });
    }
}

#[test]
fn steps_that_keep_nothing() {
    goes_on_exactly(|numbers| numbers.filter(|n| n % 3 != 0).map(|n| format!("{n}")));
}

#[test]
fn what_a_sink_shows_an_epoch_later() {
    goes_on_exactly_into(Later::of, |numbers| numbers.map(|n| format!("{n}")));
}

#[test]
fn a_running_count_of_each_key() {
    goes_on_exactly(|numbers| {
        numbers.key_by(|n| *n).map_values(|_| ()).stateful(|key, (), seen: &mut u64, cx| {
            *seen += 1;
            cx.emit(format!("{key}: {seen}"));
        })
    });
}

#[test]
fn counts_in_windows() {
    goes_on_exactly(|numbers| {
        numbers
            .window(Fixed::of(Duration::from_secs(10)))
            .count()
            .reify()
            .map(|one| format!("{:?} {:?}: {:?}", one.value, one.window, one.pane.timing))
    });
}

#[test]
fn sessions_that_grow_and_merge() {
    goes_on_exactly(|numbers| {
        let visits = numbers.key_by(|n| *n).window(Sessions::with_gap(Duration::from_secs(2)));
        visits.count_per_key().reify().map(|one| format!("{:?} {:?}", one.value, one.window))
    });
}

#[test]
fn groups_in_sliding_windows_with_their_values() {
    goes_on_exactly(|numbers| {
        let windows = Sliding::of(Duration::from_secs(20), Duration::from_secs(10));
        numbers.key_by(|n| n % 4).window(windows).group_by_key().map(|(key, values)| {
            let mut values: Vec<u64> = values.into_iter().collect();
            values.sort_unstable();
            format!("{key}: {values:?}")
        })
    });
}

#[test]
fn elements_that_wait_for_a_view_of_their_window() {
    goes_on_exactly(|numbers| {
        let windowed = numbers.window(Fixed::of(Duration::from_secs(10)));
        let total = windowed.combine(Count).as_single_or(0);
        windowed.with(&total).map(|n, total| format!("{n} of {total}"))
    });
}

#[test]
fn a_table_of_each_window_that_is_looked_up() {
    goes_on_exactly(|numbers| {
        let windowed = numbers.window(Fixed::of(Duration::from_secs(10)));
        let counts = windowed.count().as_map();
        windowed.with(&counts).map(|n, counts| format!("{n} is one of {:?}", counts.get(&n)))
    });
}

#[test]
fn batches_that_are_not_full() {
    goes_on_exactly(|numbers| {
        let batches = numbers.map(|n| (n % 3, n)).group_into_batches(7);
        batches.process(|(key, values), out| values.into_iter().for_each(|n| out.emit(format!("{key} {n}"))))
    });
}

#[test]
fn joins_within_an_interval() {
    goes_on_exactly(|numbers| {
        let (even, odd) = (numbers.filter(|n| n % 2 == 0), numbers.filter(|n| n % 2 == 1));
        let (even, odd) = (even.map(|n| (n % 5, n)), odd.map(|n| (n % 5, n)));
        let within = Duration::from_secs(1);
        even.interval_join(&odd, within, within).map(|pair| format!("{pair:?}"))
    });
}

#[test]
fn order_by_time() {
    goes_on_exactly(|numbers| {
        let sorted = numbers.map(|n| (n % 2, n)).time_sorted();
        let gaps = sorted.reify().map(|one| (one.value.0, one.time));
        gaps.stateful(|key, time, last: &mut Option<Timestamp>, cx| {
            let in_order = last.is_none_or(|last| last <= time);
            *last = Some(time);
            cx.emit(format!("{key} {in_order}"));
        })
    });
}

#[test]
fn the_first_of_equal_elements() {
    goes_on_exactly(|numbers| {
        let windowed = numbers.window(Fixed::of(Duration::from_secs(20)));
        windowed.distinct().reify().map(|one| format!("{} {:?}", one.value, one.window))
    });
}

#[test]
fn elements_that_wait_for_what_the_whole_window_adds_up_to() {
    goes_on_exactly(|numbers| {
        let windowed = numbers.window(Fixed::of(Duration::from_secs(10)));
        let (sum, rare) = (windowed.combine(Sum).as_single(), windowed.filter(|n| n % 11 == 0).as_list());
        windowed.with((&sum, &rare)).map(|n, (sum, rare)| format!("{n} of {sum}, {} rare", rare.len()))
    });
}

#[test]
fn elements_that_wait_for_the_end_of_the_input() {
    goes_on_exactly(|numbers| {
        let numbers = numbers.window(Fixed::of(Duration::from_hours(1)));
        let sum = numbers.combine(Sum).as_single();
        numbers.filter(|n| n % 3 == 0).with(&sum).map(|n, sum| format!("{n} of {sum}"))
    });
}

#[test]
fn tables_to_look_things_up_in() {
    goes_on_exactly(|numbers| {
        let windowed = numbers.window(Fixed::of(Duration::from_secs(20)));
        let by_digit = windowed.key_by(|n| n % 10).as_lookup();
        windowed.with(&by_digit).process(|n, by_digit, out| -> Result<(), BoxError> {
            out.emit(format!("{n}: {}", by_digit.get_all(&(n % 10)).count()));
            Ok(())
        })
    });
}

/// Counts the elements of every seven seconds, and tells by a timer of each.
#[derive(Clone)]
struct Weeks;

impl StatefulFn<u64, (), String> for Weeks {
    type State = BTreeMap<i64, u64>;
    type Timer = i64;

    fn process(
        &self,
        _: &u64,
        (): (),
        seen: &mut BTreeMap<i64, u64>,
        cx: &mut StatefulCx<'_, i64, String>,
    ) -> Result<(), BoxError> {
        let week = cx.timestamp().micros() / 7_000_000;
        *seen.entry(week).or_default() += 1;
        cx.set_timer(week, Timestamp::from_secs((week + 1) * 7));
        Ok(())
    }

    fn on_timer(
        &self,
        key: &u64,
        week: i64,
        seen: &mut BTreeMap<i64, u64>,
        cx: &mut StatefulCx<'_, i64, String>,
    ) -> Result<(), BoxError> {
        cx.emit(format!("{key}: {:?} in {week}", seen.remove(&week)));
        Ok(())
    }
}

#[test]
fn timers_that_wait_for_the_watermark() {
    goes_on_exactly(|numbers| numbers.map(|n| (n, ())).par_do_stateful(Weeks));
}

/// Counts to a number, and rests at times.
#[derive(Clone)]
struct CountTo;

impl SplittableFn<u64, (u64, u64)> for CountTo {
    type Restriction = OffsetRange;

    fn restriction(&self, to: &u64) -> Result<OffsetRange, BoxError> {
        Ok(OffsetRange::new(0, *to))
    }

    fn process(
        &self,
        to: &u64,
        cx: &mut SplittableCx<'_, OffsetRange, (u64, u64)>,
    ) -> Result<Resume, BoxError> {
        loop {
            let at = cx.restriction().next();
            if !cx.try_claim(&at) {
                return Ok(Resume::Done);
            }
            cx.emit((*to, at));
            if at % 7 == 6 {
                return Ok(Resume::After(Duration::from_micros(50)));
            }
        }
    }
}

#[test]
fn elements_that_are_read_piece_by_piece() {
    goes_on_exactly(|numbers| numbers.par_do_splittable(CountTo).map(|(to, at)| format!("{at} of {to}")));
}
