//! Splittable functions: whatever is interrupted is read once, and what sleeps wakes when it would have.

use std::time::Duration;

use proptest::prelude::*;

use super::{Break, Workers, breaks};
use crate::keyed::splitting::Splitting;
use crate::splittable::{OffsetRange, Resume, SplittableCx, SplittableFn};
use crate::{BoxError, Meta, Timestamp};

/// Counts up to what its restriction says, and sleeps for some milliseconds after so many numbers.
#[derive(Clone)]
struct Counting {
    before_sleep: u64,
    pause: u64,
}

impl SplittableFn<i64, (i64, u64)> for Counting {
    type Restriction = OffsetRange;

    fn restriction(&self, _: &i64) -> Result<OffsetRange, BoxError> {
        Ok(OffsetRange::new(0, 0))
    }

    fn process(
        &self,
        element: &i64,
        cx: &mut SplittableCx<'_, OffsetRange, (i64, u64)>,
    ) -> Result<Resume, BoxError> {
        loop {
            let at = cx.restriction().next();
            if !cx.try_claim(&at) {
                return Ok(Resume::Done);
            }
            cx.emit((*element, at));
            cx.set_watermark(Timestamp::from_millis(10 * at as i64));
            if (at + 1).is_multiple_of(self.before_sleep) {
                return Ok(Resume::After(Duration::from_millis(self.pause)));
            }
        }
    }
}

type Reading = Workers<u64, (i64, OffsetRange), (i64, u64), Splitting<i64, (i64, u64), Counting>>;

/// Some elements with their lengths, how often is polled then, and by how many milliseconds the clock goes on.
type Step = (Vec<u64>, usize, i64);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let elements = prop::collection::vec(prop_oneof![0..20_u64, 1000..3000_u64], 0..4);
    prop::collection::vec((elements, 0..6_usize, 0..30_i64), 1..20)
}

impl Reading {
    /// The parts go on from here: nothing is due that was not, and nothing holds more or less.
    fn interrupt(&mut self, what: &Break) -> Result<(), TestCaseError> {
        let before = (self.now, self.marks());
        self.take_break(what);
        if self.now == before.0 {
            prop_assert_eq!(self.marks().0, before.1.0);
        }
        Ok(())
    }

    /// Reads until nothing is left.
    fn finish(&mut self) -> Vec<String> {
        self.advance(Timestamp::MAX, self.now);
        let mut results = self.results();
        while let Some(wake) = self.marks().1 {
            self.advance(Timestamp::MAX, wake);
            results.extend(self.results());
        }
        results
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_number_is_counted_once(
        steps in steps(), breaks in breaks(), before_sleep in 1..400_u64, pause in 1..30_u64
    ) {
        let counting = Counting { before_sleep, pause };
        let mut reading = Reading::new(std::rc::Rc::new(move |worker, _| Splitting::new(counting.clone(), worker)));
        let (mut results, mut wanted, mut element) = (Vec::new(), Vec::new(), 0);
        for ((lengths, polls, later), what) in steps.iter().zip(&breaks) {
            for length in lengths {
                element += 1;
                reading.add([((element, (element as i64, OffsetRange::new(0, *length))), Meta::default())]);
                wanted.extend((0..*length).map(|at| format!("{:?} {:?}", (element, at), Meta::default())));
            }
            results.extend(reading.poll(*polls));
            reading.interrupt(what)?;
            // So far ahead that only what is being read holds the watermark.
            reading.advance(Timestamp::from_secs(3600), reading.now.offset_micros(1000 * later));
        }
        results.extend(reading.finish());
        results.sort();
        wanted.sort();
        prop_assert_eq!(results, wanted);
        prop_assert_eq!(reading.marks(), (Some(Timestamp::MAX), None));
    }
}
