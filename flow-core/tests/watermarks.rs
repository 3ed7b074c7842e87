//! How sources tell how far they are in event time.

use std::time::Duration;

use flow_core::Result;
use flow_core::prelude::*;
use flow_core::source::{
    BoundedOutOfOrderness, Clock, Manual, Monotonic, Next, Reader, ReaderContext, WallTime,
    WatermarkEstimator,
};
use flow_core::testing::{collect, conformance};
use flow_core::{Bundle, Timestamp};
use proptest::prelude::*;
use std::task::{Context, Poll, Waker};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

/// Checks that an estimator never goes back, whatever it sees and however the clock jumps; encoded in between.
fn never_goes_back<E: WatermarkEstimator>(mut estimator: E, moves: &[(i64, i64)]) {
    let mut before = Timestamp::MIN;
    for (element, now) in moves {
        estimator.observe(at(*element));
        let watermark = estimator.watermark(at(*now));
        assert!(watermark >= before, "went back from {before} to {watermark} in {estimator:?}");
        before = watermark;
        estimator = postcard::from_bytes(&postcard::to_stdvec(&estimator).unwrap()).unwrap();
        assert_eq!(estimator.watermark(at(*now)), watermark, "does not survive its encoding");
    }
}

proptest! {
    #[test]
    fn no_estimator_goes_back(moves in prop::collection::vec((-1000..1000_i64, 0..1000_i64), 1..50), bound in 0..500_u64) {
        never_goes_back(Monotonic::default(), &moves);
        never_goes_back(Manual::default(), &moves);
        never_goes_back(BoundedOutOfOrderness::of(Duration::from_secs(bound)), &moves);
        never_goes_back(WallTime::default(), &moves);
        never_goes_back(WallTime::lagging(Duration::from_secs(bound)), &moves);
    }

    #[test]
    fn within_the_bound_no_element_is_before_the_watermark(
        ahead in prop::collection::vec((0..100_i64, 0..=30_i64), 1..50),
    ) {
        let mut watermark = BoundedOutOfOrderness::of(Duration::from_secs(30));
        let mut latest = 0;
        for (step, behind) in ahead {
            latest += step;
            let element = at(latest - behind);
            prop_assert!(element >= watermark.watermark(Timestamp::MIN));
            watermark.observe(element);
            watermark.observe(at(latest));
        }
    }
}

/// Seconds, a bundle of two at a time.
struct Seconds(Vec<i64>);

impl Source for Seconds {
    type Item = i64;
    type Split = ();
    type Position = usize;
    type Reader = SecondsReader;

    fn is_bounded(&self) -> bool {
        true
    }

    fn reads_splits_at_once(&self) -> bool {
        true
    }

    fn splits(&self, _: usize) -> Result<Vec<()>> {
        Ok(vec![()])
    }

    fn reader(&self, (): &(), from: Option<usize>, _: &ReaderContext) -> Result<SecondsReader> {
        Ok(SecondsReader { seconds: self.0.clone(), next: from.unwrap_or(0) })
    }
}

struct SecondsReader {
    seconds: Vec<i64>,
    next: usize,
}

impl Reader for SecondsReader {
    type Item = i64;
    type Position = usize;

    fn poll_next(&mut self, _: &mut Context<'_>, out: &mut Bundle<i64>) -> Poll<Result<Next>> {
        let until = self.seconds.len().min(self.next + 2);
        out.values.extend(&self.seconds[self.next..until]);
        self.next = until;
        Poll::Ready(Ok(if until == self.seconds.len() { Next::End } else { Next::More }))
    }

    fn position(&self) -> usize {
        self.next
    }
}

#[test]
fn a_source_with_estimated_watermarks_is_lawful() {
    let source = Seconds(vec![3, 1, 9, 7, 20])
        .with_timestamps(|s| at(*s))
        .estimating(BoundedOutOfOrderness::of(Duration::from_secs(2)));
    conformance::source(&source, &[3, 1, 9, 7, 20]);
}

#[test]
fn a_reader_that_goes_on_at_a_position_has_the_watermark_that_it_had() {
    let source = Seconds(vec![3, 9, 20, 21])
        .with_timestamps(|s| at(*s))
        .estimating(BoundedOutOfOrderness::of(Duration::from_secs(2)));
    let mut reader = source.reader(&(), None, &ReaderContext::default()).unwrap();
    let read = reader.poll_next(&mut Context::from_waker(Waker::noop()), &mut Bundle::default());
    assert!(matches!(read, Poll::Ready(Ok(Next::More))));
    assert_eq!(reader.watermark(), at(7));
    let again = source.reader(&(), Some(reader.position()), &ReaderContext::default()).unwrap();
    assert_eq!(again.watermark(), at(7));
}

#[test]
fn the_watermark_of_wall_time_follows_the_clock_that_the_reader_is_shown() {
    let cx = ReaderContext { clock: Clock::default(), ..ReaderContext::default() };
    let source = Seconds(vec![3]).with_timestamps(|s| at(*s)).estimating(WallTime::default());
    let reader = source.reader(&(), None, &cx).unwrap();
    cx.clock.set(at(60));
    assert_eq!(reader.watermark(), at(60));
    cx.clock.set(at(30));
    assert_eq!(reader.watermark(), at(60));
}

#[test]
fn elements_have_the_times_that_they_are_given_and_late_ones_are_late() {
    let p = Pipeline::new();
    // The watermark is at 30 when 8 comes: the minute's tenths before 30 are over.
    let source = Seconds(vec![1, 2, 40, 31, 8, 32])
        .with_timestamps(|s| at(*s))
        .estimating(BoundedOutOfOrderness::of(Duration::from_secs(10)));
    let sums = p.read(source).window(Fixed::of(Duration::from_secs(10))).map(|s| ((), s)).sum_per_key();
    let sums = collect(&sums.values());
    ReferenceRunner::new().run(p).unwrap();
    assert_eq!(sums.sorted(), [3, 40, 63]);
}
