//! What scripts of streams take, and what their ends and watermarks do.

use std::time::Duration;

use super::Case;
use crate::combine::Sum;
use crate::testing::{Script, Stream, assert_that, stream};
use crate::window::{Fixed, Window};
use crate::{Pipeline, Timestamp};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

/// A script that cannot be played, in a pipeline that reads it.
fn reads(p: &Pipeline, script: Stream<i64>) {
    let _ = script.collection(p).inspect(|_| {});
}

pub(super) const CASES: &[Case] = &[
    Case::fails(
        "a script whose watermark goes back is refused",
        "TestStream.Builder.advanceWatermarkTo",
        "Test utilities",
        &["a watermark cannot go back", "1970-01-01T00:00:09Z", "1970-01-01T00:00:10Z"],
        |p, _| reads(p, stream().watermark(at(10)).watermark(at(9))),
    ),
    Case::fails(
        "a script with an element at plus infinity is refused",
        "TestStream.Builder.addElements",
        "Test utilities",
        &["an element cannot be at plus infinity"],
        |p, _| reads(p, stream().add([(1, Timestamp::MAX)])),
    ),
    Case::fails(
        "a script with an element after its stream's end is refused",
        "TestStream.Builder.addElements",
        "Test utilities",
        &["nothing arrives after the end of a stream"],
        |p, _| reads(p, stream().watermark(Timestamp::MAX).add([(1, at(0))])),
    ),
    Case::holds(
        "a script that ends its stream completes every window",
        "TestStream.Builder.advanceWatermarkToInfinity",
        "Test utilities",
        |p, bundling| {
            let script = bundling.of(stream().add([(1, at(1)), (2, at(61))]).watermark(Timestamp::MAX));
            let sums = script.collection(p).window(Fixed::of(Duration::from_mins(1))).combine(Sum);
            assert_that(&sums).in_on_time_pane(Window::new(at(0), at(60))).contains_only(1);
            assert_that(&sums).in_only_pane(Window::new(at(60), at(120))).contains_only(2);
        },
    ),
    Case::holds(
        "streams of a script have watermarks of their own, and the least holds",
        "TestStreamTest, flattened streams",
        "Test utilities",
        |p, _| {
            let script = Script::new(p);
            let (left, right) = (script.input::<i64>(), script.input::<i64>());
            let minute = || Fixed::of(Duration::from_mins(1));
            let both = left.collection().window(minute()).flatten([&right.collection().window(minute())]);
            let sums = both.combine(Sum);
            left.add([(1, at(1))]).watermark(at(300));
            right.add([(10, at(2))]).watermark(at(60)).add([(100, at(3))]);
            assert_that(&sums).in_only_pane(Window::new(at(0), at(60))).contains_only(11);
        },
    ),
];
