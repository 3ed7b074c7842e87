use std::collections::VecDeque;

use crate::Error;

/// Counts dead letters among the last elements of a region.
#[derive(Clone, Debug)]
pub(super) struct Breaker {
    share: f64,
    /// Among so many.
    window: u32,
    /// So many are allowed.
    allowed: usize,
    /// How many elements there were.
    seen: u64,
    /// Which of the last of them were dead letters, by number.
    letters: VecDeque<u64>,
}

impl Breaker {
    pub(super) fn new(share: f64, window: u32) -> Self {
        // A share such as 0.29 of 100 is a hair less than 29.
        let allowed = (share * f64::from(window) + 1e-6) as usize;
        Breaker { share, window, allowed, seen: 0, letters: VecDeque::new() }
    }

    /// So many elements went through.
    pub(super) fn passed(&mut self, elements: usize) {
        self.seen += elements as u64;
    }

    /// One became a dead letter; true if that is one too many.
    pub(super) fn failed(&mut self) -> bool {
        self.letters.push_back(self.seen);
        self.seen += 1;
        let oldest = self.seen.saturating_sub(u64::from(self.window));
        while self.letters.front().is_some_and(|letter| *letter < oldest) {
            self.letters.pop_front();
        }
        self.letters.len() > self.allowed
    }

    /// What the run fails with, of the same kind as the last element.
    pub(super) fn error(&self, last: Error) -> Error {
        let message = format!(
            "{} of the last {} elements failed, and no more than {} % may: it is hardly they that are wrong, so nothing \
             that is not acknowledged yet will be, and the run can be started again. Mend what the last one failed with; \
             if so many dead letters are right, allow them with `with_dead_letters_of`",
            self.letters.len(),
            self.window,
            self.share * 100.0
        );
        Error::new(last.kind(), message).caused_by(last).ending_the_run()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn it_trips_on_the_letter_that_is_one_too_many_of_the_last() {
        let mut breaker = Breaker::new(0.05, 40);
        assert_eq!([breaker.failed(), breaker.failed()], [false, false]);
        assert!(breaker.failed());
    }

    #[test]
    fn letters_further_back_do_not_count() {
        let mut breaker = Breaker::new(0.05, 40);
        assert_eq!([breaker.failed(), breaker.failed()], [false, false]);
        breaker.passed(38);
        assert!(!breaker.failed(), "the first is the 41st from the end");
        breaker.passed(37);
        assert!(!breaker.failed(), "the second is, too");
        assert!(breaker.failed());
    }

    #[test]
    fn a_share_of_none_allows_none_and_one_of_all_allows_all() {
        assert!(Breaker::new(0.0, 1_000).failed());
        let mut all = Breaker::new(1.0, 3);
        assert!(!(0..100).any(|_| all.failed()));
    }

    #[test]
    fn shares_are_as_exact_as_they_are_written() {
        let mut breaker = Breaker::new(0.29, 100);
        assert!(!(0..29).any(|_| breaker.failed()));
        assert!(breaker.failed());
    }

    #[test]
    fn the_error_says_how_many_and_what_the_last_one_was() {
        let mut breaker = Breaker::new(0.05, 20);
        assert_eq!([breaker.failed(), breaker.failed()], [false, true]);
        let error = breaker.error(Error::new(ErrorKind::Panic, "panicked: no sevens"));
        let report = error.report();
        assert!(report.starts_with("2 of the last 20 elements failed, and no more than 5 % may"), "{report}");
        assert!(report.ends_with("`with_dead_letters_of`: panicked: no sevens"), "{report}");
        assert!(!error.is_of_an_element());
    }
}
