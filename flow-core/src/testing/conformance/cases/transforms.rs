//! Verbs that remember: duplicates, batches, waiting, and order in time.

use std::time::Duration;

use super::{Bundling, Case};
use crate::combine::Count;
use crate::testing::{Stream, assert_that, stream};
use crate::window::Fixed;
use crate::{Batch, Horizon, PCollection, Pipeline, Timestamp, Timing};

const MINUTE: Duration = Duration::from_mins(1);

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// Words at times in seconds.
fn words(words: &[(&str, i64)]) -> Vec<(String, Timestamp)> {
    words.iter().map(|(word, seconds)| (word.to_string(), at(*seconds))).collect()
}

fn numbers(values: impl IntoIterator<Item = i64>) -> Vec<(i64, Timestamp)> {
    values.into_iter().map(|n| (n, at(n))).collect()
}

/// Batches of one key, with their sizes and times in seconds.
fn batched(
    p: &Pipeline,
    bundling: Bundling,
    script: Stream<i64>,
    batch: impl Into<Batch>,
) -> PCollection<(usize, i64)> {
    let keyed = bundling.of(script).collection(p).key_by(|_| 'k');
    let batches = keyed.window(Fixed::of(MINUTE)).group_into_batches(batch);
    batches.reify().map(|r| (r.value.1.len(), r.time.millis() / 1000))
}

pub(super) const CASES: &[Case] = &[
    Case::holds(
        "a duplicate is dropped for ten minutes of processing time",
        "DeduplicateTest.testProcessingTime",
        "Deduplicate",
        |p, bundling| {
            let script = stream()
                .add(words(&[("k1", 0), ("k2", 10), ("k3", 20)]))
                .clock(9 * MINUTE)
                .add(words(&[("k1", 30), ("k2", 40), ("maybedup", 59)]))
                .clock(MINUTE)
                .add(words(&[("k1", 99)]));
            let once = bundling.of(script).collection(p).deduplicate(Horizon::default());
            assert_that(&once).contains_in_any_order(["k1", "k2", "k3", "maybedup", "k1"].map(String::from));
        },
    ),
    Case::holds(
        "a duplicate is dropped until the watermark has passed the first one by the horizon",
        "DeduplicateTest.testEventTime",
        "Deduplicate",
        |p, bundling| {
            let script = stream()
                .add(words(&[("k1", 0), ("k2", 10), ("k3", 20)]))
                .watermark(at(599))
                .clock(60 * MINUTE)
                .add(words(&[("k1", 599), ("k2", 600)]))
                .watermark(at(600))
                .add(words(&[("k1", 601), ("k2", 602)]));
            let horizon = Horizon::event_time(10 * MINUTE);
            let once = bundling.of(script).collection(p).deduplicate(horizon);
            assert_that(&once).contains_in_any_order(["k1", "k2", "k3", "k1"].map(String::from));
        },
    ),
    Case::holds(
        "duplicates are of one window",
        "DeduplicateTest.testInDifferentWindows",
        "Deduplicate",
        |p, bundling| {
            let script = stream()
                .add(words(&[("k1", 0), ("k2", 10), ("k3", 20), ("k1", 30), ("k2", 40), ("k3", 50)]))
                .add(words(&[("k4", 60), ("k5", 70), ("k6", 80), ("k6", 81)]));
            let windowed = bundling.of(script).collection(p).window(Fixed::of(secs(30)));
            let wanted = ["k1", "k2", "k3", "k1", "k2", "k3", "k4", "k5", "k6"].map(String::from);
            assert_that(&windowed.deduplicate(Horizon::default())).contains_in_any_order(wanted.clone());
            let once = windowed.deduplicate(Horizon::event_time(60 * MINUTE));
            assert_that(&once).contains_in_any_order(wanted);
        },
    ),
    Case::holds(
        "of a key with duplicates one goes on with its value",
        "DeduplicateTest.testRepresentativeValuesWithCoder",
        "Deduplicate",
        |p, bundling| {
            let pairs = [("a", 1), ("a", 1), ("b", 2)].map(|(key, n)| ((key.to_string(), n), at(0)));
            let once = bundling
                .of(stream().add(pairs))
                .collection(p)
                .deduplicate_by(Horizon::default(), |(key, _)| key.clone());
            assert_that(&once).contains_in_any_order([("a".to_string(), 1), ("b".to_string(), 2)]);
        },
    ),
    Case::holds(
        "batches are full, and the last of a window is what is left",
        "GroupIntoBatchesTest.testInGlobalWindowBatchSizeCount, testInStreamingMode",
        "GroupIntoBatches",
        |p, bundling| {
            let sizes = batched(p, bundling, stream().add(numbers(0..11)).add(numbers(60..63)), 5);
            assert_that(&sizes.map(|(size, _)| size)).contains_in_any_order([5, 5, 1, 3]);
        },
    ),
    Case::holds(
        "a batch stands at its earliest element, and holds the watermark there",
        "GroupIntoBatches: the output timestamp of its timers",
        "GroupIntoBatches",
        |p, bundling| {
            let script = stream().add(numbers([17, 5])).watermark(at(50)).add(numbers([58]));
            let batches = batched(p, bundling, script, 3);
            assert_that(&batches).contains_only((3, 5));
            let counts = batches.window(Fixed::of(secs(10))).combine(Count).reify();
            assert_that(&counts.map(|r| (r.value, r.window.start, r.pane.timing))).contains_only((
                1,
                at(0),
                Timing::OnTime,
            ));
        },
    ),
    Case::holds(
        "a batch has no more bytes than it may, unless one element has",
        "GroupIntoBatchesTest.testInGlobalWindowBatchSizeByteSizeFn",
        "GroupIntoBatches",
        |p, _| {
            let texts = [3, 3, 3, 12, 1].map(|len| ('k', "x".repeat(len)));
            // A text's encoding is one byte longer than it.
            let batches = p.create(texts).group_into_batches(Batch::of(9).bytes(8));
            let sizes = batches.map(|(_, batch)| batch.iter().map(|text| text.len()).collect::<Vec<_>>());
            assert_that(&sizes).satisfies(|sizes| {
                let mut all: Vec<usize> = sizes.concat();
                all.sort_unstable();
                all == [1, 3, 3, 3, 12]
                    && sizes
                        .iter()
                        .all(|batch| batch.iter().map(|len| len + 1).sum::<usize>() <= 8 || *batch == [12])
            });
        },
    ),
    Case::holds(
        "a batch that does not fill goes when its first element is old enough",
        "GroupIntoBatchesTest.testBufferingTimerInFixedWindow",
        "GroupIntoBatches",
        |p, bundling| {
            let script = stream()
                .add(numbers([1, 2]))
                .clock(secs(9))
                .add(numbers([3]))
                .clock(secs(1))
                .add(numbers([4, 5]))
                .clock(secs(10));
            let batches = batched(p, bundling, script, Batch::of(100).max_age(secs(10)));
            assert_that(&batches).contains_in_any_order([(3, 1), (2, 4)]);
        },
    ),
    Case::holds(
        "elements wait until the signal is complete in their window",
        "WaitTest.testWaitWithSomeSignalWindowsEmpty",
        "Wait.on",
        |p, bundling| {
            let main = stream().add(numbers([5, 65])).clock(secs(1)).clock(secs(1)).clock(secs(1));
            let main = bundling.of(main).collection(p).window(Fixed::of(MINUTE));
            let signal = stream::<i64>().add(numbers([61])).watermark(at(60)).clock(secs(10));
            let signal = signal.watermark(at(120)).clock(secs(1));
            let signal = bundling.of(signal).collection(p).window(Fixed::of(MINUTE));
            let seen = main.wait_on(&signal).process(|n, out| {
                let now = out.now();
                out.emit((n, now));
            });
            assert_that(&seen).contains_in_any_order([(5, at(3)), (65, at(13))]);
        },
    ),
    Case::holds(
        "a signal is complete when its lateness is over",
        "WaitTest.testWaitWithAllowedLateness",
        "Wait.on",
        |p, bundling| {
            let main = stream().add(numbers([5])).watermark(at(60));
            let main = bundling.of(main).collection(p).window(Fixed::of(MINUTE));
            let signal = stream::<i64>().watermark(at(69)).clock(secs(1)).watermark(at(70)).clock(secs(1));
            let windows = Fixed::of(MINUTE).allowed_lateness(secs(10)).discarding();
            let signal = bundling.of(signal).collection(p).window(windows);
            let seen = main.wait_on(&signal).wait_on(&main).process(|_, out| {
                let now = out.now();
                out.emit(now);
            });
            assert_that(&seen).contains_only(at(1));
        },
    ),
    Case::fails(
        "the end of a stream in the global window is not waited for",
        "Wait.on: the signal must be windowed",
        "Wait.on",
        &["`wait_on` would wait forever"],
        |p, bundling| {
            let numbers = bundling.of(stream().add(numbers([5]))).collection(p);
            let _ = numbers.wait_on(&numbers).inspect(|_| {});
        },
    ),
    Case::holds(
        "what is sorted in time comes in its order, and what is late at once",
        "ParDoTest.testRequiresTimeSortedInput, testRequiresTimeSortedInputWithLateData",
        "Stateful processing",
        |p, bundling| {
            let script = stream().add(numbers([9, 3, 5])).watermark(at(6)).add(numbers([7, 4, 8]));
            let windows = Fixed::of(MINUTE).allowed_lateness(MINUTE).discarding();
            let sorted = bundling.of(script).collection(p).key_by(|_| 'k').window(windows).time_sorted();
            let seen = sorted.stateful(|_, n, seen: &mut Vec<i64>, out| {
                seen.push(n);
                out.emit(seen.clone());
            });
            assert_that(&seen).satisfies(|seen| seen.last() == Some(&vec![3, 5, 4, 7, 8, 9]));
            assert_that(&sorted.reify().map(|r| (r.value.1, r.time)))
                .contains_in_any_order(numbers([3, 4, 5, 7, 8, 9]));
        },
    ),
];
