//! Collections that meet by key: by window, by nearness in time, and as of a time.

use std::time::Duration;

use super::{Bundling, Case};
use crate::testing::{Stream, assert_that, stream};
use crate::window::{Fixed, Global, Sessions};
use crate::{Element, PCollection, Pipeline, Timestamp};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Values of one key at times in milliseconds.
fn script<V: Element>(values: impl IntoIterator<Item = (V, i64)>) -> Stream<(char, V)> {
    stream().add(keyed(values))
}

fn keyed<V>(values: impl IntoIterator<Item = (V, i64)>) -> Vec<((char, V), Timestamp)> {
    values.into_iter().map(|(value, millis)| (('k', value), at(millis))).collect()
}

/// Pairs with their timestamps in milliseconds.
fn stamped<V: Element, W: Element>(pairs: &PCollection<(char, (V, W))>) -> PCollection<(V, W, i64)> {
    pairs.reify().map(|r| (r.value.1.0, r.value.1.1, r.time.millis()))
}

/// Customers by number, and what is said of them at times in milliseconds.
fn said(
    p: &Pipeline,
    bundling: Bundling,
    texts: &[(u32, &'static str, i64)],
) -> PCollection<(u32, &'static str)> {
    let elements = texts.iter().map(|(id, text, millis)| ((*id, *text), at(*millis)));
    bundling.of(stream().add(elements)).collection(p)
}

/// As [`said`], with text that can be stored.
fn owned(texts: &PCollection<(u32, &'static str)>) -> PCollection<(u32, String)> {
    texts.map(|(id, text)| (id, text.to_string()))
}

pub(super) const CASES: &[Case] = &[
    Case::holds(
        "what two collections have of a key meets in each window",
        "CoGroupByKeyTest.testCoGroupByKeyWithWindowing",
        "CoGroupByKey",
        |p, bundling| {
            let clicks = [(1, "Click t0", 0), (2, "Click t2", 2), (1, "Click t4", 4), (1, "Click t6", 6)];
            let clicks = owned(&said(p, bundling, &[&clicks[..], &[(2, "Click t8", 8)]].concat()));
            let (one, two) = (
                [
                    (1, "Boat t1", 1),
                    (1, "Shoesi t2", 2),
                    (1, "Pens t3", 3),
                    (2, "House t4", 4),
                    (2, "Suit t4", 5),
                ],
                [
                    (1, "Car t6", 6),
                    (1, "Book t7", 7),
                    (2, "House t8", 8),
                    (2, "Shoes t9", 9),
                    (2, "House t10", 10),
                ],
            );
            let bought = owned(&said(p, bundling, &[one, two].concat()));
            let four = || Fixed::of(ms(4));
            let groups = clicks.window(four()).co_group(&bought.window(four()));
            let pairs = groups.process(|(_, (clicks, bought)), out| {
                let window = out.window();
                for (click, bought) in clicks.iter().flat_map(|c| bought.iter().map(move |b| (c.clone(), b)))
                {
                    let last = window.max_timestamp().millis();
                    out.emit(format!("{click}:{bought} in {}:{last}", window.start.millis()));
                }
            });
            assert_that(&pairs).contains_in_any_order(
                [
                    "Click t0:Boat t1 in 0:3",
                    "Click t0:Shoesi t2 in 0:3",
                    "Click t0:Pens t3 in 0:3",
                    "Click t4:Car t6 in 4:7",
                    "Click t4:Book t7 in 4:7",
                    "Click t6:Car t6 in 4:7",
                    "Click t6:Book t7 in 4:7",
                    "Click t8:House t8 in 8:11",
                    "Click t8:Shoes t9 in 8:11",
                    "Click t8:House t10 in 8:11",
                ]
                .map(String::from),
            );
        },
    ),
    Case::holds(
        "what three collections have of a key is one group each",
        "CoGroupByKeyTest.testCoGroupByKey",
        "CoGroupByKey",
        |p, _| {
            let names = p.create([(1_u32, "John Smith".to_string()), (2, "Sally James".into())]);
            let addresses = p.create([(2_u32, 53_u64), (3, 29)]);
            let bought = p.create([(1_u32, 'b'), (2, 's'), (2, 's')]);
            let groups = names.co_group((&addresses, &bought));
            let sizes =
                groups.map(|(id, (name, address, bought))| (id, name.len(), address.len(), bought.len()));
            assert_that(&sizes).contains_in_any_order([(1, 1, 0, 1), (2, 1, 1, 2), (3, 0, 1, 0)]);
        },
    ),
    Case::holds(
        "sessions of two collections are joined as one session of both",
        "CoGroupByKey under Sessions: a grouping merges windows whichever side they come from",
        "CoGroupByKey",
        |p, bundling| {
            let sessions = || Sessions::with_gap(ms(10));
            let left = bundling.of(script([('a', 0), ('b', 15), ('c', 40)])).collection(p).window(sessions());
            let right = bundling.of(script([(1, 8), (2, 55)])).collection(p).window(sessions());
            let pairs = left.outer_join(&right).reify().map(|r| (r.value.1, r.window.start, r.window.end));
            assert_that(&pairs).contains_in_any_order([
                ((Some('a'), Some(1)), at(0), at(25)),
                ((Some('b'), Some(1)), at(0), at(25)),
                ((Some('c'), None), at(40), at(50)),
                ((None, Some(2)), at(55), at(65)),
            ]);
        },
    ),
    Case::holds(
        "an interval join pairs what lies within its bounds, both included",
        "Flink's IntervalJoinITCase.testBoundedUnorderedStreamsStillJoinCorrectly",
        "Joins in time",
        |p, bundling| {
            let left = bundling.of(script([('a', 10)])).collection(p);
            let right = bundling.of(script((6..=14).map(|n| (n, n)))).collection(p);
            let pairs = stamped(&left.interval_join(&right, ms(2), ms(3)));
            let wanted = [(8, 10), (9, 10), (10, 10), (11, 11), (12, 12), (13, 13)];
            assert_that(&pairs).contains_in_any_order(wanted.map(|(right, time)| ('a', right, time)));
        },
    ),
    Case::holds(
        "an interval join forgets nothing that may still find a partner",
        "Flink's IntervalJoinOperatorTest.testStateGetsCleanedWhenNotNeeded",
        "Joins in time",
        |p, bundling| {
            let left = bundling.of(script([('a', 10), ('b', 20)]).watermark(at(13))).collection(p);
            let right = script([(0, 8)]).watermark(at(13)).add(keyed([(13, 13)])).watermark(at(20));
            let right = bundling.of(right.add(keyed([(23, 23)]))).collection(p);
            let pairs = stamped(&left.interval_join(&right, ms(2), ms(3)));
            assert_that(&pairs).contains_in_any_order([('a', 0, 10), ('a', 13, 13), ('b', 23, 23)]);
        },
    ),
    Case::holds(
        "what is too late for an interval join is dropped, and what is within the lateness is not",
        "Flink's IntervalJoinOperatorTest.testDiscardsLateData, with a lateness",
        "Joins in time",
        |p, bundling| {
            let windows = || Global::windows().allowed_lateness(ms(5)).discarding();
            let left = bundling.of(script([('a', 10)]).watermark(at(17))).collection(p).window(windows());
            let late = script([]).watermark(at(17)).add(keyed([(11, 11), (12, 12), (13, 13)]));
            let right = bundling.of(late).collection(p).window(windows());
            let pairs = stamped(&left.interval_join(&right, ms(2), ms(3)));
            assert_that(&pairs).contains_in_any_order([('a', 12, 12), ('a', 13, 13)]);
        },
    ),
    Case::holds(
        "a pair of an interval join is on time downstream",
        "Flink's IntervalJoinOperatorTest.testReturnsCorrectTimestamp",
        "Joins in time",
        |p, bundling| {
            let left = bundling.of(script([('a', 8)])).collection(p);
            let right = bundling.of(script([(1, 12)])).collection(p);
            let pairs = left.interval_join(&right, ms(0), ms(5)).window(Fixed::of(ms(10)));
            let counts = pairs.count_per_key().reify().map(|r| (r.value.1, r.window.start, r.pane.timing));
            assert_that(&counts).contains_only((1, at(10), crate::Timing::OnTime));
        },
    ),
    Case::holds(
        "a temporal join gives each value the version that is valid at its time",
        "Flink's TemporalRowTimeJoinOperatorTest.testRowTimeTemporalTableJoin",
        "Joins in time",
        |p, bundling| {
            let orders = [('a', 4), ('b', 5), ('c', 9), ('d', 10), ('e', 99)];
            let orders = bundling.of(script(orders)).collection(p);
            let rates = bundling.of(script([(50, 5), (100, 10)])).collection(p);
            let wanted = [('b', 50, 5), ('c', 50, 9), ('d', 100, 10), ('e', 100, 99)];
            assert_that(&stamped(&orders.temporal_join(&rates))).contains_in_any_order(wanted);
            let padded = stamped(&orders.left_temporal_join(&rates));
            let wanted = wanted.map(|(order, rate, time)| (order, Some(rate), time));
            assert_that(&padded).contains_in_any_order([('a', None, 4)].into_iter().chain(wanted));
        },
    ),
    Case::holds(
        "a temporal join waits until the watermark has passed a value, and keeps the version of late ones",
        "Flink's TemporalRowTimeJoinOperatorTest, with a lateness",
        "Joins in time",
        |p, bundling| {
            let windows = || Global::windows().allowed_lateness(ms(5)).discarding();
            let rates = script([(1, 2)]).watermark(at(10)).add(keyed([(2, 10), (3, 18), (4, 21)]));
            let rates = bundling.of(rates.watermark(at(25))).collection(p).window(windows());
            let orders = script([('a', 10)]).watermark(at(10)).add(keyed([('b', 10), ('c', 20)]));
            let orders = orders.watermark(at(25)).add(keyed([('d', 20), ('e', 19)]));
            let orders = bundling.of(orders).collection(p).window(windows());
            let wanted = [('a', 2, 10), ('b', 2, 10), ('c', 3, 20), ('d', 3, 20)];
            assert_that(&stamped(&orders.temporal_join(&rates))).contains_in_any_order(wanted);
        },
    ),
];
